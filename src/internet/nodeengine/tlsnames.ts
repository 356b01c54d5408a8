/**
 * Whether a certificate is for a name: the rules of OpenSSL's X509_check_host() with NEVER_CHECK_SUBJECT and
 * NO_PARTIAL_WILDCARDS, and of X509_check_ip(). Not every runtime's node:tls has them: Deno's looks at the subject, and knows no
 * wildcards. RFC 9525, 6.
 */
import type { X509Certificate } from "node:crypto";
import { BlockList, isIP, SocketAddress } from "node:net";
import { dotted, elements, TAG } from "../tls/der.ts";

const SUBJECT_ALT_NAME = "2.5.29.17";
/** Of [3] in a certificate: its extensions; and of the kinds of names (RFC 5280, 4.2.1.6). */
const EXTENSIONS_TAG = 0xa3;
const DNS_TAG = 0x82;
const ADDRESS_TAG = 0x87;

/** Two labels at least. */
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH. */
const HOST_MISMATCH = 62;
const ADDRESS_MISMATCH = 64;

/** 0, or X509_V_ERR_… A certificate that cannot be read is for nobody. `name` is a host, in ASCII, or a literal address. */
export function verifyName(certificate: X509Certificate, name: string): number {
  const family = isIP(name);
  const names = namesOf(certificate);
  if (family > 0)
    return names.some(({ tag, contents }) => tag === ADDRESS_TAG && isAddress(contents, name)) ? 0 : ADDRESS_MISMATCH;
  const host = name.toLowerCase();
  const matches = names.some(({ tag, contents }) => tag === DNS_TAG && isFor(contents.toString("latin1"), host));
  return matches ? 0 : HOST_MISMATCH;
}

function namesOf(certificate: X509Certificate): { readonly tag: number; readonly contents: Buffer }[] {
  try {
    const parts = elements(elements(elements(certificate.raw)[0]!.contents)[0]!.contents);
    const extensions = parts.find(({ tag }) => tag === EXTENSIONS_TAG);
    if (extensions === undefined) return [];
    for (const extension of elements(elements(extensions.contents)[0]!.contents)) {
      const [id, ...rest] = elements(extension.contents);
      if (id?.tag !== TAG.OID || dotted(id.contents) !== SUBJECT_ALT_NAME) continue;
      return elements(elements(rest.at(-1)!.contents)[0]!.contents);
    }
  } catch {
    // No names, then.
  }
  return [];
}

/** A wildcard stands for one label, is the whole first label, and at least two labels follow. */
function isFor(pattern: string, host: string): boolean {
  const lower = pattern.toLowerCase();
  if (lower === host) return isHostName(lower);
  if (!lower.startsWith("*.")) return false;
  const suffix = lower.slice(1);
  const first = host.slice(0, -suffix.length);
  if (!host.endsWith(suffix) || !/^[a-z0-9-]+$/.test(first)) return false;
  return DOMAIN.test(suffix.slice(1));
}

function isHostName(name: string): boolean {
  return name.length > 0 && !name.includes("\0");
}

/** Compared by value: an IPv6 address can be written in many ways. */
function isAddress(bytes: Buffer, literal: string): boolean {
  if (bytes.length !== 4 && bytes.length !== 16) return false;
  const groups = bytes.length === 4 ? [...bytes].join(".") : bytes.toString("hex").match(/.{4}/g)!.join(":");
  const family = isIP(literal) === 6 ? "ipv6" : "ipv4";
  if ((bytes.length === 16) !== (family === "ipv6")) return false;
  const own = new BlockList();
  own.addAddress(new SocketAddress({ address: groups, family }));
  return own.check(new SocketAddress({ address: literal, family }));
}
