/**
 * The messages of SOCKS 4, which begin connections and have no other use.
 *
 *     request  4 │ command │ port, 2 bytes │ IPv4 address │ user │ 0 │ name │ 0        the name in version 4a only
 *     reply    0 │ code    │ port, 2 bytes │ IPv4 address
 *
 * @see https://www.openssh.com/txt/socks4.protocol
 * @see https://www.openssh.com/txt/socks4a.protocol
 */
import { isIPv4 } from "node:net";
import { SkeinError } from "../../internet/error.ts";

export const CONNECT = 1;
export const BIND = 2;
export const GRANTED = 90;
export const REJECTED = 91;
export const REPLY_LENGTH = 8;

const VERSION = 4;
const FIXED = 8;
/** Bytes that a user, or a name, may have. */
const TEXT_MAX = 255;
const PORT_MAX = 65_535;
/** Addresses that stand for "a name follows" in a request: sent as addresses, they would leave the server waiting. */
const ANNOUNCES_NAME = /^0\.0\.0\.[1-9]/;

/** A SOCKS request or reply that does not follow the protocol, or a request that was rejected. */
export class SOCKSError extends SkeinError {
  override readonly code: string = "ERR_SOCKS";
}

export interface SOCKSRequest {
  /** 1 is CONNECT, 2 is BIND. */
  readonly command: number;
  readonly port: number;
  /** An IPv4 address, or a name that the server is to look up. */
  readonly host: string;
  readonly user: string;
  /** Bytes of the request. */
  readonly length: number;
}

/** The request that `bytes` begin with, or null when more of it has to come. @throws SOCKSError */
export function parseRequest(bytes: Buffer): SOCKSRequest | null {
  if (bytes.length > 0 && bytes[0] !== VERSION) {
    throw new SOCKSError(`A request has SOCKS version ${bytes[0]}: this server speaks 4 and 4a.`);
  }
  if (bytes.length > 1 && bytes[1] !== CONNECT && bytes[1] !== BIND) {
    throw new SOCKSError(`A request has command ${bytes[1]}: there are 1 (CONNECT) and 2 (BIND).`);
  }
  if (bytes.length < FIXED) return null;
  const user = text(bytes, FIXED, "user");
  if (user === null) return null;
  const command = bytes[1]!;
  const port = bytes.readUInt16BE(2);
  const named = bytes.readUIntBE(4, 3) === 0 && bytes[7] !== 0;
  if (!named) {
    return { command, port, host: bytes.subarray(4, FIXED).join("."), user: user.text, length: user.end };
  }
  const name = text(bytes, user.end, "name");
  if (name === null) return null;
  if (name.text === "") throw new SOCKSError("A request has an empty name to look up.");
  return { command, port, host: name.text, user: user.text, length: name.end };
}

function text(bytes: Buffer, start: number, what: string): { text: string; end: number } | null {
  const end = bytes.indexOf(0, start);
  if ((end < 0 ? bytes.length : end) - start > TEXT_MAX) {
    throw new SOCKSError(`The ${what} of a request is longer than ${TEXT_MAX} bytes.`);
  }
  return end < 0 ? null : { text: bytes.toString("utf8", start, end), end: end + 1 };
}

/** The bytes of a request; one for a name, or for an IPv6 address, is of version 4a. @throws SOCKSError */
export function encodeRequest(command: number, host: string, port: number, user: string): Buffer {
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) {
    throw new SOCKSError(`A port is an integer from 0 to ${PORT_MAX}, not ${port}.`);
  }
  const fixed = Buffer.from([VERSION, command, port >> 8, port & 255]);
  const identity = encodeText(user, "user");
  if (isIPv4(host) && !ANNOUNCES_NAME.test(host)) {
    return Buffer.concat([fixed, Buffer.from(host.split(".").map(Number)), identity]);
  }
  if (host === "") throw new SOCKSError("There is no host to connect to: the name is empty.");
  return Buffer.concat([fixed, Buffer.from([0, 0, 0, 1]), identity, encodeText(host, "name")]);
}

function encodeText(value: string, what: string): Buffer {
  const bytes = Buffer.from(`${value}\0`);
  if (bytes.length - 1 > TEXT_MAX) throw new SOCKSError(`The ${what} is longer than ${TEXT_MAX} bytes.`);
  if (bytes.indexOf(0) < bytes.length - 1) throw new SOCKSError(`The ${what} holds a NUL character.`);
  return bytes;
}

/** The bytes of a reply. What is no IPv4 address is written as 0.0.0.0, which stands for "the one you know". */
export function encodeReply(code: number, port = 0, host = "0.0.0.0"): Buffer {
  const address = isIPv4(host) ? host.split(".").map(Number) : [0, 0, 0, 0];
  return Buffer.from([0, code, port >> 8, port & 255, ...address]);
}
