/**
 * The binary form of the PROXY header.
 *
 *     signature, 12 bytes │ version and command │ family and transport │ length, 2 bytes │ addresses │ TLVs
 *
 * The length counts the bytes after it. TLVs are skipped.
 * @see https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt section 2.2
 */
import { IPv4Address, IPv6Address, UNIXAddress } from "../../internet/address.ts";
import { quoted } from "../../logger/printable.ts";
import {
  InvalidNetworkProtocol,
  InvalidProxyHeader,
  inetAddress,
  MissingAddressData,
  type ProxyInfo,
  UNKNOWN,
} from "./info.ts";
import { withoutZone } from "./v1.ts";

/** The first bytes of every header. */
export const V2_PREFIX: Buffer = Buffer.from("\r\n\r\n\0\r\nQUIT\n");
/** Bytes before the addresses. */
export const V2_FIXED = 16;
/** Bytes of the longest addresses, two UNIX paths. */
export const V2_ADDRESSES_MAX = 216;

const VERSION = 2;
const LOCAL = 0;
const PROXY = 1;
const INET = 1;
const INET6 = 2;
const UNIX = 3;
const STREAM = 1;
const DGRAM = 2;
const UNIX_PATH = 108;

/** The number of bytes after the fixed part of a header. `bytes` contain at least the fixed part. @throws InvalidProxyHeader */
export function v2Length(bytes: Buffer): number {
  const version = bytes[12]! >> 4;
  const command = bytes[12]! & 15;
  if (version !== VERSION) throw new InvalidProxyHeader(`The PROXY header has version ${version}: 1 and 2 are known.`);
  if (command !== LOCAL && command !== PROXY) {
    throw new InvalidProxyHeader(`The PROXY header has command ${command}: 0 (LOCAL) and 1 (PROXY) are known.`);
  }
  return bytes.readUInt16BE(14);
}

/** Parse a header. `bytes` contain at least its addresses; TLVs may be missing. @throws InvalidProxyHeader */
export function parseV2(bytes: Buffer): ProxyInfo {
  const length = v2Length(bytes);
  if ((bytes[12]! & 15) === LOCAL) return UNKNOWN;
  const family = bytes[13]! >> 4;
  const transport = bytes[13]! & 15;
  if (family > UNIX || transport > DGRAM) {
    throw new InvalidNetworkProtocol(
      `The PROXY header has family ${family} and transport ${transport}: up to ${UNIX} and ${DGRAM} are known.`,
    );
  }
  if (family === 0 || transport === 0) return UNKNOWN;
  const addresses = bytes.subarray(V2_FIXED, V2_FIXED + length);
  const type = transport === STREAM ? "TCP" : "UDP";
  if (family === INET) {
    need(addresses, 12);
    const at = (start: number, port: number) =>
      new IPv4Address(type, addresses.subarray(start, start + 4).join("."), addresses.readUInt16BE(port));
    return { source: at(0, 8), destination: at(4, 10) };
  }
  if (family === INET6) {
    need(addresses, 36);
    const at = (start: number, port: number) =>
      inetAddress(type, ipv6Text(addresses.subarray(start, start + 16)), addresses.readUInt16BE(port));
    return { source: at(0, 32), destination: at(16, 34) };
  }
  need(addresses, 2 * UNIX_PATH);
  const at = (start: number) => new UNIXAddress(path(addresses.subarray(start, start + UNIX_PATH)));
  return { source: at(0), destination: at(UNIX_PATH) };
}

/** Whether a header is of datagrams. `bytes` contain at least its fixed part. */
export function isDatagramV2(bytes: Buffer): boolean {
  return (bytes[12]! & 15) === PROXY && (bytes[13]! & 15) === DGRAM;
}

function need(addresses: Buffer, count: number): void {
  if (addresses.length >= count) return;
  throw new MissingAddressData(`The PROXY header has ${addresses.length} bytes of addresses, and needs ${count}.`);
}

function ipv6Text(bytes: Buffer): string {
  return bytes.toString("hex").match(/..../g)!.join(":");
}

function path(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
}

/** The header of a connection; LOCAL unless it has two addresses of the same kind. @throws RangeError */
export function encodeV2({ source, destination }: ProxyInfo): Buffer {
  if (source instanceof IPv4Address && destination instanceof IPv4Address) {
    return header(INET, source.type, [ipv4Bytes(source.host), ipv4Bytes(destination.host), ports(source, destination)]);
  }
  if (source instanceof IPv6Address && destination instanceof IPv6Address) {
    return header(INET6, source.type, [
      ipv6Bytes(source.host),
      ipv6Bytes(destination.host),
      ports(source, destination),
    ]);
  }
  if (source instanceof UNIXAddress && destination instanceof UNIXAddress) {
    return header(UNIX, "TCP", [pathBytes(source.name), pathBytes(destination.name)]);
  }
  return Buffer.concat([V2_PREFIX, Buffer.from([(VERSION << 4) | LOCAL, 0, 0, 0])]);
}

function header(family: number, type: "TCP" | "UDP", addresses: readonly Buffer[]): Buffer {
  const length = addresses.reduce((sum, { length }) => sum + length, 0);
  const fixed = Buffer.from([(VERSION << 4) | PROXY, (family << 4) | (type === "TCP" ? STREAM : DGRAM), 0, length]);
  return Buffer.concat([V2_PREFIX, fixed, ...addresses]);
}

function ports(source: { port: number }, destination: { port: number }): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16BE(source.port, 0);
  bytes.writeUInt16BE(destination.port, 2);
  return bytes;
}

function ipv4Bytes(host: string): Buffer {
  return Buffer.from(host.split(".").map(Number));
}

function ipv6Bytes(host: string): Buffer {
  const [head = "", tail] = withoutZone(host).split("::");
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const bytes = Buffer.alloc(16);
  Buffer.from(before).copy(bytes);
  Buffer.from(after).copy(bytes, 16 - after.length);
  return bytes;
}

/** The bytes of a part of an IPv6 address without "::". The last four may be in IPv4 notation. */
function groups(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (group.includes(".")) return group.split(".").map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
}

/** @throws RangeError for a name that its place cannot hold: a part of it would be another name */
function pathBytes(name: string): Buffer {
  const length = Buffer.byteLength(name);
  if (length > UNIX_PATH || name.includes("\0")) {
    const why = length > UNIX_PATH ? `it has ${length} bytes, and at most ${UNIX_PATH} fit` : "it contains a NUL";
    throw new RangeError(`A PROXY header cannot hold the name ${quoted(name, UNIX_PATH)} of a UNIX socket: ${why}.`);
  }
  const bytes = Buffer.alloc(UNIX_PATH);
  bytes.write(name);
  return bytes;
}
