/**
 * Addresses as engines give them, and the public ones: packed into the arena, in the format of pack_address in
 * native/net/address.h, or as a NativeAddress. There is no public address of a UNIX socket yet.
 */
import type { NativeAddress } from "../../native.ts";
import { IPv4Address, IPv6Address } from "../address.ts";
import type { Address } from "../interfaces.ts";

/** The families, as native/net/address.h numbers them. */
const IPV4 = 4;
const IPV6 = 6;
const UNIX = 1;

/** The maximum size of a packed address: 4 bytes, and the longest UNIX socket path. */
export const PACKED_ADDRESS_MOST = 4 + 108;

/**
 * Write `address` to `memory`, from `at` on: family (4, 6 or 1), the length of all of it, port (2 bytes, little-endian),
 * then the host's 4 bytes, or its 16 bytes and the scope (4 bytes, little-endian), or a UNIX socket's path. Returns the
 * length.
 */
export function packAddress([family, host, port, scopeID]: NativeAddress, memory: Uint8Array, at: number): number {
  const length = packHost(family, host, scopeID, memory, at + 4) + 4;
  memory[at] = family;
  memory[at + 1] = length;
  memory[at + 2] = port & 255;
  memory[at + 3] = port >> 8;
  return length;
}

function packHost(family: number, host: string, scopeID: number, memory: Uint8Array, at: number): number {
  if (family === UNIX) return Buffer.from(memory.buffer, memory.byteOffset, memory.length).write(host, at);
  if (family === IPV4) {
    packIPv4(host, memory, at);
    return 4;
  }
  packIPv6(host, memory, at);
  for (let i = 0; i < 4; i++) memory[at + 16 + i] = (scopeID >>> (8 * i)) & 255;
  return 20;
}

function packIPv4(host: string, memory: Uint8Array, at: number): void {
  for (const [i, byte] of host.split(".").entries()) memory[at + i] = Number(byte);
}

/** "::" stands for as many zeros as are missing, and the last two words may be written as an IPv4 address. */
function packIPv6(host: string, memory: Uint8Array, at: number): void {
  memory.fill(0, at, at + 16);
  const [head = "", tail] = host.split("::");
  packWords(head, memory, at);
  if (tail !== undefined) packWords(tail, memory, at + 16 - wordBytes(tail));
}

function packWords(text: string, memory: Uint8Array, at: number): void {
  if (text === "") return;
  let to = at;
  for (const word of text.split(":")) {
    if (word.includes(".")) {
      packIPv4(word, memory, to);
      return;
    }
    const value = Number.parseInt(word, 16);
    memory[to] = value >> 8;
    memory[to + 1] = value & 255;
    to += 2;
  }
}

function wordBytes(text: string): number {
  if (text === "") return 0;
  return 2 * text.split(":").length + (text.includes(".") ? 2 : 0);
}

/** The public address of what an engine describes; undefined for an error, and when its family has none. */
export function addressFrom(native: NativeAddress | number): Address | undefined {
  if (typeof native === "number") return undefined;
  const [family, host, port, scopeID] = native;
  if (family === IPV4) return new IPv4Address("TCP", host, port);
  return family === IPV6 ? ipv6Address(host, port, scopeID) : undefined;
}

function ipv6Address(host: string, port: number, scopeID: number): IPv6Address {
  return new IPv6Address("TCP", scopeID === 0 ? host : `${host}%${scopeID}`, port, 0, scopeID);
}

/** Hosts of recent peers: many connections come from few, and need not each make and hold its text. */
const recentHosts = new Map<number, string>();
const RECENT_HOSTS_MAX = 1024;

function ipv4Text(bytes: number): string {
  let host = recentHosts.get(bytes);
  if (host === undefined) {
    host = `${bytes & 255}.${(bytes >> 8) & 255}.${(bytes >> 16) & 255}.${bytes >>> 24}`;
    if (recentHosts.size === RECENT_HOSTS_MAX) recentHosts.clear();
    recentHosts.set(bytes, host);
  }
  return host;
}

/** The address that {@link packAddress}, or the native engine, wrote; undefined when its family has no public address. */
export function unpackAddress(memory: Uint8Array, offset: number): Address | undefined {
  const port = memory[offset + 2]! | (memory[offset + 3]! << 8);
  const at = offset + 4;
  if (memory[offset] === IPV4) {
    const bytes = memory[at]! | (memory[at + 1]! << 8) | (memory[at + 2]! << 16) | (memory[at + 3]! << 24);
    return new IPv4Address("TCP", ipv4Text(bytes), port);
  }
  if (memory[offset] !== IPV6) return undefined;
  const words = Array.from({ length: 8 }, (_, i) => (memory[at + 2 * i]! << 8) | memory[at + 2 * i + 1]!);
  const scopeID = new DataView(memory.buffer, memory.byteOffset).getUint32(at + 16, true);
  return ipv6Address(ipv6Text(words), port, scopeID);
}

/** The canonical text of an IPv6 address (RFC 5952): the longest run of two or more zeros is "::". */
function ipv6Text(words: number[]): string {
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff) {
    const [high, low] = [words[6]!, words[7]!];
    return `::ffff:${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  let start = -1;
  let longest = 1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && words[i + run] === 0) run++;
    if (run > longest) {
      start = i;
      longest = run;
    }
  }
  const text = (part: number[]) => part.map((word) => word.toString(16)).join(":");
  if (start < 0) return text(words);
  return `${text(words.slice(0, start))}::${text(words.slice(start + longest))}`;
}
