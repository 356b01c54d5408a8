/**
 * What can be read of TLS while it is not sealed yet, and node:tls does not tell: the alerts of a handshake, the group of its
 * key exchange, and whether the master secret is an extended one.
 */
import { Reader } from "./tlshello.ts";

const CHANGE_CIPHER_SPEC = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const SERVER_HELLO = 2;
const SERVER_KEY_EXCHANGE = 12;
const EXTENSION_EXTENDED_MASTER_SECRET = 23;
const EXTENSION_KEY_SHARE = 51;
const NAMED_CURVE = 3;
const HEADER_BYTES = 5;
/** What is read of one direction. */
const BYTES_MAX = 64 * 1024;

/** As OpenSSL names them. RFC 8446, 4.2.7; draft-ietf-tls-ecdhe-mlkem. */
const GROUPS: Readonly<Record<number, string>> = {
  23: "secp256r1",
  24: "secp384r1",
  25: "secp521r1",
  29: "x25519",
  30: "x448",
  256: "ffdhe2048",
  257: "ffdhe3072",
  258: "ffdhe4096",
  4587: "SecP256r1MLKEM768",
  4588: "X25519MLKEM768",
  4589: "SecP384r1MLKEM1024",
};

/** A record that ends a connection while nothing is sealed yet. RFC 8446, 6. */
export function fatalAlert(number: number): Buffer {
  return Buffer.of(ALERT, 3, 3, 0, 2, 2, number);
}

/** One direction of a connection. */
export class OpenRecords {
  /** The number of the last alert; -1 when there was none. */
  alert = -1;
  /** Of a server's direction; "" when there is none. */
  group = "";
  /** Of a server's direction, with TLS 1.2: RFC 7627. */
  extendsMasterSecret = false;
  private bytes = Buffer.alloc(0);
  /** Behind those, and how many there must be of both for a whole record. */
  private pieces: Uint8Array[] = [];
  private piled = 0;
  private needed = HEADER_BYTES;
  private messages = Buffer.alloc(0);
  private seen = 0;
  private over = false;

  feed(wire: Uint8Array): void {
    if (this.over) return;
    this.seen += wire.length;
    this.pieces.push(Buffer.from(wire));
    this.piled += wire.length;
    if (this.bytes.length + this.piled < this.needed && this.seen <= BYTES_MAX) return;
    this.bytes = Buffer.concat([this.bytes, ...this.pieces]);
    this.pieces = [];
    this.piled = 0;
    this.needed = HEADER_BYTES;
    while (!this.over && this.bytes.length >= HEADER_BYTES) {
      const kind = this.bytes[0]!;
      const end = HEADER_BYTES + this.bytes.readUInt16BE(3);
      if (kind !== HANDSHAKE && kind !== ALERT && kind !== CHANGE_CIPHER_SPEC) this.over = true;
      if (this.over || this.bytes.length < end) {
        this.needed = end;
        break;
      }
      const content = this.bytes.subarray(HEADER_BYTES, end);
      this.bytes = this.bytes.subarray(end);
      if (kind === HANDSHAKE) this.read(content);
      // One of two bytes is not sealed: a sealed one is longer.
      else if (kind === ALERT && content.length === 2) this.alert = content[1]!;
      // In TLS 1.3 it means nothing, and a HelloRetryRequest may have come before it.
      else if (kind === CHANGE_CIPHER_SPEC && this.group !== "") this.over = true;
    }
    if (this.seen > BYTES_MAX) this.over = true;
    if (this.over) {
      this.bytes = Buffer.alloc(0);
      this.messages = Buffer.alloc(0);
    }
  }

  private read(content: Buffer): void {
    this.messages = Buffer.concat([this.messages, content]);
    while (this.messages.length >= 4) {
      const end = 4 + this.messages.readUIntBE(1, 3);
      if (this.messages.length < end) return;
      const message = new Reader(this.messages.subarray(4, end));
      if (this.messages[0] === SERVER_HELLO) this.readHello(message);
      else if (this.messages[0] === SERVER_KEY_EXCHANGE && message.number(1) === NAMED_CURVE) {
        this.found(message.number(2));
      }
      this.messages = this.messages.subarray(end);
    }
  }

  /** Of two hellos, the second one counts: the first is a HelloRetryRequest. */
  private readHello(hello: Reader): void {
    hello.take(2 + 32);
    hello.vector(1);
    hello.take(2 + 1);
    const extensions = new Reader(hello.vector(2));
    while (extensions.left >= 4) {
      const kind = extensions.number(2);
      const content = new Reader(extensions.vector(2));
      if (kind === EXTENSION_EXTENDED_MASTER_SECRET) this.extendsMasterSecret = true;
      if (kind === EXTENSION_KEY_SHARE) this.found(content.number(2));
    }
  }

  private found(group: number): void {
    this.group = GROUPS[group] ?? `group ${group}`;
  }
}
