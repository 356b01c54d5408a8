/** Resolves host names with the system's resolver (getaddrinfo). Nothing is cached here. */

import { lookup } from "node:dns";
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { check } from "../arguments/check.ts";
import { text } from "../arguments/kinds.ts";
import { Deferred } from "../defer/deferred.ts";
import { fail, succeed } from "../defer/makers.ts";
import { DNSLookupError } from "../error.ts";

/** RFC 1035, section 2.3.4: 255 octets on the wire are 253 characters of text. */
const NAME_BYTES_MAX = 253;
const LABEL_BYTES_MAX = 63;

/**
 * The first IPv4 address of `name`, or its first IPv6 address when it has no IPv4 address. A literal address is
 * returned unchanged, and "" is "0.0.0.0". Fails with DNSLookupError. Cancelling the Deferred does not cancel the
 * look-up.
 * @see getaddrinfo(3)
 */
export function resolve(name: string): Deferred<string> {
  check("resolve(name)", "name", name, text);
  if (name === "") return succeed("0.0.0.0");
  if (isIP(name) !== 0) return succeed(name);
  const fault = findFault(name);
  if (fault !== undefined) {
    return fail(new DNSLookupError(`${JSON.stringify(shorten(name))} cannot be the name of a host: ${fault}.`));
  }
  const d = new Deferred<string>();
  lookup(name, { all: true, verbatim: true }, (error, addresses) => {
    if (d.called) return; // the program has cancelled it, or fired it itself
    if (error !== null) {
      d.errback(new DNSLookupError(explain(name, error.code), error.code ?? "", { cause: error }));
      return;
    }
    const chosen = addresses.find(({ family }) => family === 4) ?? addresses[0];
    if (chosen === undefined) d.errback(new DNSLookupError(explain(name, "ENODATA"), "ENODATA"));
    else d.callback(chosen.address);
  });
  return d;
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

function explain(name: string, code: string | undefined): string {
  const text = `No address was found for "${name}" (${code ?? "unknown error"}).`;
  return code === "EAI_AGAIN"
    ? `${text} No name server answered: check the network and /etc/resolv.conf, or try again later.`
    : `${text} Check its spelling, and that the resolver of this machine knows it.`;
}

function shorten(name: string): string {
  return name.length <= 80 ? name : `${name.slice(0, 80)}…`;
}
