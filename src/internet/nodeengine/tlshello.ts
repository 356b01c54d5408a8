/**
 * The first message of a client, read before anything is made for the connection: the counterpart of native/tls/hello.h. So
 * the context is the right one from the beginning, and a silent peer costs no more than its bytes.
 *
 *     record      | 22 | version (2) | length (2) | a part of the message |          RFC 8446, 5.1
 *     message     | 1 | length (3) | version (2) | random (32) | session id | suites | compression | extensions |  4.1.2
 */
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;
const RECORD_BYTES_MAX = 16 * 1024;
/** Of the message. Those of browsers have 500 to 2,000 bytes. */
const MESSAGE_BYTES_MAX = 16 * 1024;
/** A message may be cut into records as small as its sender likes, each with a header. */
const WIRE_BYTES_MAX = 2 * MESSAGE_BYTES_MAX;
const NAME_BYTES_MAX = 255;
const HEADER_BYTES = 5;
const PREFIX_BYTES = 4;

export class ClientHello {
  /** "other": it is no hello, or one that is too long: OpenSSL says what is wrong with it. */
  state: "partial" | "whole" | "other" = "partial";
  /** Of a whole one; in lower case. "" when the client names none, or nothing that is a host name. */
  serverName = "";
  /** The protocols that it offers, as ALPN writes them. */
  protocols: Buffer = Buffer.alloc(0);
  private readonly received = new Gathered();
  private readonly message = new Gathered();
  private readonly header = Buffer.alloc(HEADER_BYTES);
  private headerSize = 0;
  /** Of the record under way. */
  private left = 0;

  /** All that came. */
  get wire(): Buffer {
    return this.received.bytes;
  }

  /** For who sends something else: unexpected_message, or protocol_version when it is no TLS. */
  get alert(): number {
    return this.wire[0] === HANDSHAKE ? 10 : 70;
  }

  /** Costs the same however the message is cut. */
  feed(bytes: Uint8Array): void {
    this.received.add(bytes);
    for (let at = 0; at < bytes.length && this.state === "partial"; ) {
      at += this.headerSize < HEADER_BYTES ? this.readHeader(bytes.subarray(at)) : this.readPart(bytes.subarray(at));
    }
    if (this.state === "partial" && this.received.size > WIRE_BYTES_MAX) this.state = "other";
  }

  private readHeader(bytes: Uint8Array): number {
    const { header } = this;
    const part = bytes.subarray(0, HEADER_BYTES - this.headerSize);
    header.set(part, this.headerSize);
    this.headerSize += part.length;
    if (header[0] !== HANDSHAKE || (this.headerSize > 1 && header[1] !== 3)) this.state = "other";
    else if (this.headerSize === HEADER_BYTES) {
      this.left = header.readUInt16BE(3);
      if (this.left === 0 || this.left > RECORD_BYTES_MAX) this.state = "other";
    }
    return part.length;
  }

  private readPart(bytes: Uint8Array): number {
    const part = bytes.subarray(0, this.left);
    this.left -= part.length;
    if (this.left === 0) this.headerSize = 0;
    this.message.add(part);
    const message = this.message.bytes;
    if (message[0] !== CLIENT_HELLO) this.state = "other";
    else if (message.length >= PREFIX_BYTES) {
      const length = PREFIX_BYTES + message.readUIntBE(1, 3);
      if (length > MESSAGE_BYTES_MAX) this.state = "other";
      else if (message.length >= length) {
        this.state = "whole";
        this.readExtensions(message.subarray(PREFIX_BYTES, length));
      }
    }
    return part.length;
  }

  /** What is cut off is not there. */
  private readExtensions(message: Buffer): void {
    const body = new Reader(message);
    body.take(2 + 32);
    body.vector(1);
    body.vector(2);
    body.vector(1);
    const extensions = new Reader(body.vector(2));
    while (extensions.left >= 4) {
      const kind = extensions.number(2);
      const content = new Reader(extensions.vector(2));
      if (kind === EXTENSION_SERVER_NAME) this.readServerName(new Reader(content.vector(2)));
      else if (kind === EXTENSION_ALPN) this.protocols = Buffer.from(content.vector(2));
    }
  }

  private readServerName(list: Reader): void {
    if (list.number(1) !== 0) return;
    const name = list.vector(2).toString("latin1");
    if (name.length <= NAME_BYTES_MAX && /^[!-~]+$/.test(name)) this.serverName = name.toLowerCase();
  }
}

/** Bytes one behind the other, in memory that doubles. */
class Gathered {
  size = 0;
  private memory: Buffer = Buffer.alloc(0);

  get bytes(): Buffer {
    return this.memory.subarray(0, this.size);
  }

  add(bytes: Uint8Array): void {
    const size = this.size + bytes.length;
    if (size > this.memory.length) {
      const more = Buffer.allocUnsafeSlow(Math.max(size, 2 * this.memory.length));
      more.set(this.bytes);
      this.memory = more;
    }
    this.memory.set(bytes, this.size);
    this.size = size;
  }
}

/** Of vectors behind their lengths (RFC 8446, 3.4). What is too short is cut off. */
export class Reader {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  take(length: number): Buffer {
    const taken = this.bytes.subarray(this.at, this.at + length);
    this.at = Math.min(this.bytes.length, this.at + length);
    return taken;
  }

  /** 0 when it is cut off. */
  number(size: number): number {
    const taken = this.take(size);
    return taken.length < size ? 0 : taken.readUIntBE(0, size);
  }

  vector(size: number): Buffer {
    return this.take(this.number(size));
  }
}
