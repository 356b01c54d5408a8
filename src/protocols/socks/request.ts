/**
 * The messages of SOCKS 4. Each connection starts with one request and one reply.
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
/** The maximum length of a user or a name in bytes. */
const TEXT_MAX = 255;
/** Addresses that mean "a name follows" (4a). If one were sent as an address, the server would wait for the name. */
const NAME_FOLLOWS = /^0\.0\.0\.[1-9]/;

/** A SOCKS request or reply that does not follow the protocol, or a request that was rejected. */
export class SOCKSError extends SkeinError {
  override readonly code: string = "ERR_SOCKS";
}

export interface SOCKSRequest {
  /** 1 is CONNECT, 2 is BIND. */
  readonly command: number;
  readonly port: number;
  /** An IPv4 address, or a name that the server resolves. */
  readonly host: string;
  readonly user: string;
  /** The length of the request in bytes. */
  readonly length: number;
}

/** Parse the request that `bytes` start with; null when it is incomplete. @throws SOCKSError */
export function parseRequest(bytes: Buffer): SOCKSRequest | null {
  if (bytes.length > 0 && bytes[0] !== VERSION) {
    throw new SOCKSError(`A request has SOCKS version ${bytes[0]}: this server speaks 4 and 4a.`);
  }
  if (bytes.length > 1 && bytes[1] !== CONNECT && bytes[1] !== BIND) {
    throw new SOCKSError(`A request has command ${bytes[1]}: the commands are 1 (CONNECT) and 2 (BIND).`);
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
  if (name.text === "") throw new SOCKSError("The name in a request is empty.");
  return { command, port, host: name.text, user: user.text, length: name.end };
}

function text(bytes: Buffer, start: number, what: string): { text: string; end: number } | null {
  const end = bytes.indexOf(0, start);
  if ((end < 0 ? bytes.length : end) - start > TEXT_MAX) {
    throw new SOCKSError(`The ${what} of a request is longer than ${TEXT_MAX} bytes.`);
  }
  return end < 0 ? null : { text: bytes.toString("utf8", start, end), end: end + 1 };
}

/** Encode a request. A request for a name or an IPv6 address is one of version 4a. @throws SOCKSError */
export function encodeRequest(command: number, host: string, port: number, user: string): Buffer {
  const fixed = Buffer.from([VERSION, command, port >> 8, port & 255]);
  const identity = encodeText(user, "user");
  if (isIPv4(host) && !NAME_FOLLOWS.test(host)) {
    return Buffer.concat([fixed, Buffer.from(host.split(".").map(Number)), identity]);
  }
  if (host === "") throw new SOCKSError("The host to connect to is an empty string.");
  return Buffer.concat([fixed, Buffer.from([0, 0, 0, 1]), identity, encodeText(host, "name")]);
}

function encodeText(value: string, what: string): Buffer {
  const bytes = Buffer.from(`${value}\0`);
  if (bytes.length - 1 > TEXT_MAX) throw new SOCKSError(`The ${what} is longer than ${TEXT_MAX} bytes.`);
  if (bytes.indexOf(0) < bytes.length - 1) throw new SOCKSError(`The ${what} contains a NUL character.`);
  return bytes;
}

/** Encode a reply. Any other host than an IPv4 address is sent as 0.0.0.0, which means the address of the server. */
export function encodeReply(code: number, port = 0, host = "0.0.0.0"): Buffer {
  const address = isIPv4(host) ? host.split(".").map(Number) : [0, 0, 0, 0];
  return Buffer.from([0, code, port >> 8, port & 255, ...address]);
}
