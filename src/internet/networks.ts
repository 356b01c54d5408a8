/**
 * Sets of networks, for lists of who may connect and where to. An address counts by what it reaches, however it is written:
 * an IPv4-mapped IPv6 address is the IPv4 address, and a zone (`%eth0`) is ignored.
 *
 *     parseNetworks("10.0.0.0/8", "::1").has("::ffff:10.1.2.3")    // true
 */
import { isIPv4, isIPv6 } from "node:net";
import { check } from "./arguments/check.ts";
import { text } from "./arguments/kinds.ts";

/** An IPv4 address is kept as ::ffff:a.b.c.d: eight words of 16 bits. */
type Words = readonly number[];

interface Network {
  readonly words: Words;
  /** The length of the prefix, of 128 bits. */
  readonly bits: number;
}

const WORD_BITS = 16;
const ADDRESS_BITS = 128;
/** Where the IPv4 address begins in an IPv4-mapped one, and in a NAT64 one. */
const IPV4_AT = 96;

/** An immutable set of networks. Made by {@link parseNetworks}. */
export class Networks {
  readonly #networks: readonly Network[];

  constructor(networks: readonly Network[]) {
    this.#networks = networks;
  }

  /** Whether a network of this set holds `host`. False for what is no IP address, such as the path of a UNIX socket. */
  has(host: string): boolean {
    const words = wordsOf(host);
    return words !== undefined && this.#networks.some((network) => holds(network, words));
  }
}

/**
 * The set of these networks. Each is an address, or an address and the length of its prefix: "10.0.0.0/8", "::1". IPv6
 * networks hold no IPv4 addresses, not even "::/0" does: "0.0.0.0/0" does.
 * @throws TypeError when one is no string; RangeError, which names it, when one is no network
 */
export function parseNetworks(...networks: readonly string[]): Networks {
  return new Networks(networks.map(parseNetwork));
}

/**
 * What a relay must not reach for strangers: this host, its neighbours, private networks, multicast, and addresses that
 * no host on the Internet has (documentation, benchmarks, reserved).
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry (RFC 6890)
 */
const SPECIAL: Networks = parseNetworks(
  "0.0.0.0/8", // "this network": connecting to 0.0.0.0 reaches this host
  "10.0.0.0/8",
  "100.64.0.0/10", // shared by a provider's customers
  "127.0.0.0/8",
  "169.254.0.0/16", // link-local, and where clouds serve credentials
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24", // documentation
  "192.88.99.0/24", // was the anycast relay of 6to4
  "192.168.0.0/16",
  "198.18.0.0/15", // benchmarks
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved; 255.255.255.255 is the broadcast address
  "::/96", // ::, ::1, and the IPv4-compatible addresses of old
  "64:ff9b:1::/48", // NAT64 into a network's own IPv4 addresses
  "100::/63", // discard, dummy
  "2001::/23", // IETF protocols: Teredo, ORCHID, benchmarks
  "2001:db8::/32", // documentation
  "3fff::/20", // documentation
  "5f00::/16", // segment routing
  "fc00::/7", // private
  "fe80::/10", // link-local
  "fec0::/10", // site-local of old
  "ff00::/8", // multicast
);

/** Whose last two words are an IPv4 address: NAT64, and the IPv4-translated addresses of stateless translators (RFC 2765). */
const TRANSLATED: readonly Network[] = ["64:ff9b::/96", "::ffff:0:0:0/96"].map(parseNetwork);
const SIX_TO_FOUR: Network = parseNetwork("2002::/16");
const LINK_LOCAL: Network = parseNetwork("fe80::/10");

/**
 * Whether `host` is an address for special purposes, which a relay must not reach for strangers. The IPv4 address inside
 * of a NAT64, IPv4-translated or 6to4 address counts, too. What is no IP address is special: resolve names first.
 */
export function isSpecial(host: string): boolean {
  const words = wordsOf(host);
  if (words === undefined) return true;
  if (SPECIAL.has(host)) return true;
  if (isTranslated(words)) return SPECIAL.has(dotted(words, 6));
  return holds(SIX_TO_FOUR, words) && SPECIAL.has(dotted(words, 1));
}

/**
 * What Skein takes for one peer, wherever it counts by peers: an IPv4 address (as it is, IPv4-mapped or behind a translator),
 * the /64 network of an IPv6 address, since a host may choose any address in it, or `host` itself if it is no IP address.
 *
 * Link-local addresses count one by one, with their zone: all hosts of a link have theirs in one /64 network, fe80::/64. A
 * host of the link may choose many, but so it may the addresses of its neighbours.
 */
export function peerKey(host: string): string {
  if (isIPv4(host)) return host;
  const words = wordsOf(host);
  if (words === undefined) return host;
  if (hasIPv4(words)) return dotted(words, 6);
  if (holds(LINK_LOCAL, words)) return joined(words) + zoneOf(host);
  return `${joined(words.slice(0, 4))}::/64`;
}

/**
 * The networks of `host` whose addresses one customer may have all of, the widest first, and {@link peerKey} as the last: of an
 * IPv6 address its /48 and /56, of a link-local one its link. Of others there is the key alone.
 * @see RFC 6177: a /48 was what each customer got, and a /56 is what most get
 */
export function peerNetworks(host: string): readonly string[] {
  const key = peerKey(host);
  const words = wordsOf(host);
  if (words === undefined || hasIPv4(words)) return [key];
  if (holds(LINK_LOCAL, words)) return [`fe80::/10${zoneOf(host)}`, key];
  const site = joined(words.slice(0, 3));
  return [`${site}::/48`, `${site}:${(words[3]! & 0xff00).toString(16)}::/56`, key];
}

/** How an address is known whatever its spelling; undefined for what is no IP address. */
export function canonicalAddress(host: string): string | undefined {
  const words = wordsOf(host);
  if (words === undefined) return undefined;
  return isMapped(words) ? dotted(words, 6) : joined(words);
}

function parseNetwork(network: string): Network {
  check("parseNetworks(...networks)", "network", network, text);
  const [, address = "", length] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(network) ?? [];
  const words = wordsOf(address);
  const most = isIPv4(address) ? ADDRESS_BITS - IPV4_AT : ADDRESS_BITS;
  const given = length === undefined ? most : Number(length);
  if (words === undefined || given > most) {
    throw new RangeError(
      `${JSON.stringify(network.slice(0, 80))} is no network: write an IP address, or an IP address and the length of its ` +
        'prefix, such as "10.0.0.0/8", "192.0.2.7", "2001:db8::/32" or "::1".',
    );
  }
  const bits = given + ADDRESS_BITS - most;
  if (words.some((word, index) => (word & ~maskOf(bits, index)) !== 0)) {
    throw new RangeError(
      `The address of "${network}" has bits after its prefix: is the whole network meant, or "${address}" alone?`,
    );
  }
  return { words, bits };
}

function holds({ words, bits }: Network, address: Words): boolean {
  if (bits < IPV4_AT && isMapped(address)) return false;
  return words.every((word, index) => ((word ^ address[index]!) & maskOf(bits, index)) === 0);
}

/** The bits of the word at `index` that belong to a prefix of `bits`. */
function maskOf(bits: number, index: number): number {
  const inside = Math.min(Math.max(bits - index * WORD_BITS, 0), WORD_BITS);
  return (0xffff << (WORD_BITS - inside)) & 0xffff;
}

function isMapped(words: Words): boolean {
  return words[5] === 0xffff && words.slice(0, 5).every((word) => word === 0);
}

function isTranslated(words: Words): boolean {
  return TRANSLATED.some((network) => holds(network, words));
}

/** Whether it is an IPv4 address, which its last two words are. */
function hasIPv4(words: Words): boolean {
  return isMapped(words) || isTranslated(words);
}

/** The IPv4 address in two words, as text. */
function dotted(words: Words, at: number): string {
  const high = words[at]!;
  const low = words[at + 1]!;
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

function joined(words: Words): string {
  return words.map((word) => word.toString(16)).join(":");
}

/** "%eth0" of "fe80::1%eth0", or nothing. */
function zoneOf(host: string): string {
  const at = host.indexOf("%");
  return at < 0 ? "" : host.slice(at);
}

function wordsOf(host: string): Words | undefined {
  if (isIPv4(host)) return [0, 0, 0, 0, 0, 0xffff, ...pairOf(host)];
  if (!isIPv6(host)) return undefined;
  const [address = ""] = host.split("%");
  const [head = "", tail] = address.split("::");
  const before = partsOf(head);
  if (tail === undefined) return before;
  const after = partsOf(tail);
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** The words of "1:2:3", "1:2:3.4.5.6" or "". */
function partsOf(part: string): number[] {
  if (part === "") return [];
  return part.split(":").flatMap((piece) => (piece.includes(".") ? pairOf(piece) : [Number.parseInt(piece, 16)]));
}

function pairOf(ipv4: string): [number, number] {
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split(".").map(Number);
  return [(a << 8) | b, (c << 8) | d];
}
