/** Netstrings: `5:hello,`. @see https://cr.yp.to/proto/netstrings.txt */
import { check } from "../../internet/arguments/check.ts";
import { bytes } from "../../internet/arguments/kinds.ts";
import { lengthOf } from "../../internet/bytes.ts";
import { SkeinError } from "../../internet/error.ts";
import type { Bytes } from "../../internet/interfaces.ts";
import { Accumulator } from "./accumulator.ts";
import { FrameReceiver } from "./receiver.ts";

const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const COMMA = 0x2c;

/**
 * Netstrings. Malformed input closes the connection: a length that is missing, has a leading zero, exceeds MAX_LENGTH
 * or is not followed by a colon, or a string that is not followed by a comma. Nothing is allocated for a refused
 * length.
 */
export class NetstringReceiver extends FrameReceiver<Accumulator> {
  /** The maximum length of a received string, in bytes. Default 99999. */
  declare MAX_LENGTH: number;
  /** True once the peer sent malformed input. Nothing is delivered from then on. */
  brokenPeer = false;

  /** The length parsed so far, or -1 before the first digit. */
  #length = -1;
  /** The colon was received. */
  #measured = false;

  /** A string has arrived. */
  stringReceived(_string: Buffer): void {
    throw new SkeinError(`${this.constructor.name} receives strings: it must override stringReceived(string).`);
  }

  /** Send a string as a netstring. @throws TypeError */
  sendString(string: Bytes): void {
    if (typeof string === "string") {
      this.transport.write(`${Buffer.byteLength(string)}:${string},`);
      return;
    }
    check("sendString(string)", "string", string, bytes);
    this.transport.write(`${lengthOf(string)}:`);
    this.transport.write(string);
    this.transport.write(",");
  }

  protected override makeBuffer(): Accumulator {
    return new Accumulator();
  }

  protected override deliver(buffer: Accumulator): boolean {
    if (this.brokenPeer) {
      buffer.clear();
      return false;
    }
    while (!this.#measured) {
      if (buffer.length === 0) return false;
      if (!this.#measure(buffer.takeByte())) return this.#refuse();
    }
    if (!buffer.has(this.#length + 1)) return false;
    const string = buffer.take(this.#length, 0);
    this.#measured = false;
    this.#length = -1;
    if (buffer.takeByte() !== COMMA) return this.#refuse();
    const result: unknown = this.stringReceived(string);
    if (result !== undefined) this.watch(result);
    return true;
  }

  /** Parse one byte of a length. False when it is invalid. */
  #measure(byte: number): boolean {
    const before = this.#length;
    if (byte === COLON && before >= 0) {
      this.#measured = true;
      return true;
    }
    if (byte < ZERO || byte > NINE || before === 0) return false;
    this.#length = Math.max(before, 0) * 10 + byte - ZERO;
    return this.#length <= this.MAX_LENGTH;
  }

  #refuse(): false {
    this.brokenPeer = true;
    this.transport.loseConnection();
    return false;
  }
}

// On the prototype, since every connection has the same: a field of a subclass overrides it.
NetstringReceiver.prototype.MAX_LENGTH = 99999;
