/**
 * Resolves host names with the system's resolver (getaddrinfo). Nothing is cached here, but whoever asks for a name that
 * is being looked up shares that look-up: each holds a thread of libuv until it ends, and only half of these look up, so that
 * two names whose servers do not answer delay all others (UV_THREADPOOL_SIZE is 4 by default).
 */

import { lookup } from "node:dns";
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { printable, printableLines, quoted } from "../../logger/printable.ts";
import { check } from "../arguments/check.ts";
import { text } from "../arguments/kinds.ts";
import { Deferred } from "../defer/deferred.ts";
import { fail, succeed } from "../defer/makers.ts";
import { DNSLookupError } from "../error.ts";

/** RFC 1035, section 2.3.4: 255 octets on the wire are 253 characters of text. */
const NAME_BYTES_MAX = 253;
const LABEL_BYTES_MAX = 63;
/** Characters of a name that cannot be one, in an error. */
const SHOWN = 80;
/** RFC 6761, section 6.3: these names are the loopback address, and no server is to be asked. */
const LOCALHOST = /^(.+\.)?localhost\.?$/i;

/** Who waits for the names that are being looked up. */
const asked = new Map<string, Set<Deferred<string>>>();

/**
 * The first IPv4 address of `name`, or its first IPv6 address when it has no IPv4 address. A literal address is
 * returned unchanged, "" is "0.0.0.0", and "localhost" is "127.0.0.1". Fails with DNSLookupError. Cancelling the Deferred does
 * not cancel the look-up, which nobody can: it holds its thread until it ends.
 * @see getaddrinfo(3)
 */
export function resolve(name: string): Deferred<string> {
  check("resolve(name)", "name", name, text);
  if (name === "") return succeed("0.0.0.0");
  if (isIP(name) !== 0) return succeed(name);
  const fault = findFault(name);
  if (fault !== undefined) {
    return fail(new DNSLookupError(`${quoted(name, SHOWN)} cannot be the name of a host: ${fault}.`));
  }
  if (LOCALHOST.test(name)) return succeed("127.0.0.1");
  const sharing = asked.get(name);
  const waiting = sharing ?? new Set();
  const d = new Deferred<string>(() => waiting.delete(d));
  waiting.add(d);
  if (sharing === undefined) lookUp(name, waiting);
  return d;
}

function lookUp(name: string, waiting: Set<Deferred<string>>): void {
  asked.set(name, waiting);
  lookup(name, { all: true, verbatim: true }, (error, addresses) => {
    asked.delete(name);
    const chosen = addresses?.find(({ family }) => family === 4) ?? addresses?.[0];
    const code = error === null ? "ENODATA" : (error.code ?? "");
    for (const d of waiting) {
      if (d.called) continue; // the program fired it itself
      if (error === null && chosen !== undefined) d.callback(chosen.address);
      else d.errback(new DNSLookupError(explain(name, code), code, error === null ? {} : { cause: escaped(error) }));
    }
  });
}

/** The resolver's error, which has the name in three places, and which a program prints with what it causes. */
function escaped(error: NodeJS.ErrnoException & { hostname?: unknown }): Error {
  const { message, stack, hostname } = error;
  const shown = printable(message, 2 * NAME_BYTES_MAX);
  if (stack !== undefined) error.stack = printableLines(stack.replace(message, () => shown));
  error.message = shown;
  if (typeof hostname === "string") error.hostname = printable(hostname);
  return error;
}

/** Why `name` cannot be valid, or undefined when the resolver must be asked. */
function findFault(name: string): string | undefined {
  if (name.includes("\0")) return "it holds a NUL character";
  const ascii = isASCII(name) ? name : domainToASCII(name);
  if (ascii === "") return "it has no form in ASCII (IDNA)";
  const text = ascii.endsWith(".") ? ascii.slice(0, -1) : ascii; // the last dot stands for the root
  if (text.length > NAME_BYTES_MAX) return `a name has at most ${NAME_BYTES_MAX} bytes`;
  const labels = text.split(".");
  if (labels.includes("")) return "one of its labels is empty";
  if (labels.some((label) => label.length > LABEL_BYTES_MAX)) return `a label has at most ${LABEL_BYTES_MAX} bytes`;
  return undefined;
}

function isASCII(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

function explain(name: string, code: string): string {
  const text = `No address was found for ${quoted(name, NAME_BYTES_MAX)} (${code || "unknown error"}).`;
  return code === "EAI_AGAIN"
    ? `${text} No name server answered: check the network and /etc/resolv.conf, or try again later.`
    : `${text} Check its spelling, and that the resolver of this machine knows it.`;
}
