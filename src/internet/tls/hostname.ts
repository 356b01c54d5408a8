/** Names of hosts: whom a client wants to talk to, and the names by which a server chooses its options. */
import { isIP } from "node:net";
import { domainToASCII } from "node:url";

/** What no name of a host has (URL Standard, 3.2): domainToASCII() would leave it out, with all that stands behind it. */
const NO_HOST = /[\p{Cc} #%/:<>?@[\\\]^|]/u;
/** Of a name in ASCII, without the dot at its end. RFC 1035, 2.3.4. */
const HOSTNAME_BYTES_MAX = 253;

/** As certificates have it: in ASCII, without the dot at its end. @throws TypeError | RangeError */
export function verifiedName(call: string, hostname: unknown): string {
  if (typeof hostname !== "string" || hostname === "") {
    throw new TypeError(`${call} needs the host name or address that the server's certificate must be for.`);
  }
  const address = hostname.replace(/^\[(.*:.*)\]$/, "$1").replace(/%.*$/, "");
  if (isIP(address) > 0) return address;
  const ascii = asciiName(hostname);
  if (ascii === "") {
    throw new RangeError(`${call}: ${JSON.stringify(hostname.slice(0, 80))} is neither a host name nor an IP address.`);
  }
  return ascii;
}

/** As clients announce it; "" for what is no name of a host. */
function asciiName(hostname: string): string {
  const name = hostname.replace(/\.$/, "");
  const ascii = NO_HOST.test(name) ? "" : domainToASCII(name);
  // "127.1" becomes an address, which is not what was asked for; ".example.com" is any name below to OpenSSL.
  const sound = isIP(ascii) === 0 && !ascii.split(".").includes("") && ascii.length <= HOSTNAME_BYTES_MAX;
  return sound ? ascii : "";
}

/**
 * The rules of a server by the names that clients announce, as they write them.
 * @param rule what an entry's value says; its second argument is what to call it in an error
 * @throws TypeError | RangeError
 */
export function serverNameRules<Rule>(
  names: Readonly<Record<string, unknown>>,
  rule: (value: unknown, what: string) => Rule,
): Map<string, Rule> {
  const rules = new Map<string, Rule>();
  for (const [name, value] of Object.entries(names)) {
    const called = JSON.stringify(name.slice(0, 80));
    const wildcard = name.startsWith("*.") ? "*." : "";
    const rest = asciiName(name.slice(wildcard.length));
    // A name that no client can announce would leave its clients to the rules of all others.
    if (rest === "" || rest.includes("*")) {
      throw new RangeError(`serverNames: ${called} must be a host name, or "*." and the rest of one.`);
    }
    if (rules.has(wildcard + rest)) throw new RangeError(`serverNames has ${called} twice.`);
    rules.set(wildcard + rest, rule(value, `The options of serverNames[${called}]`));
  }
  return rules;
}
