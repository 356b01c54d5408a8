/** Length-prefixed strings, with the length in network byte order. */
import { check } from "../../internet/arguments/check.ts";
import { bytes } from "../../internet/arguments/kinds.ts";
import { sentLength } from "../../internet/bytes.ts";
import { SkeinError } from "../../internet/error.ts";
import type { Bytes } from "../../internet/interfaces.ts";
import { Accumulator } from "./accumulator.ts";
import { StringTooLongError } from "./error.ts";
import { FrameReceiver } from "./receiver.ts";

/** Bytes: up to this length a string is copied after its prefix, which is cheaper than a second write. */
const COPIED_MAX = 1024;

/** Strings with a length prefix of `prefixLength` bytes, which a subclass sets. */
export abstract class IntNStringReceiver extends FrameReceiver<Accumulator> {
  /** Bytes of the prefix, 1 to 6. */
  abstract readonly prefixLength: number;
  /** The maximum length of a received string, in bytes. Default 99999. */
  declare MAX_LENGTH: number;

  /** The length of the string being received, or -1 before its prefix is complete. */
  #length = -1;
  /** The remaining bytes of a string that is too long. */
  #unwanted = 0;

  /** A string has arrived. It does not contain the prefix. */
  stringReceived(_string: Buffer): void {
    throw new SkeinError(`${this.constructor.name} receives strings: it must override stringReceived(string).`);
  }

  /**
   * A prefix announced `length` bytes, more than MAX_LENGTH. Nothing was allocated for them. By default the connection
   * is closed; if this is overridden, the string is discarded as it arrives, and the next one is delivered.
   */
  lengthLimitExceeded(_length: number): void {
    this.transport.loseConnection();
  }

  /** Send a string with its prefix. @throws StringTooLongError when its length does not fit into the prefix; TypeError */
  sendString(string: Bytes): void {
    if (typeof string !== "string") check("sendString(string)", "string", string, bytes);
    const length = sentLength(string);
    const limit = 256 ** this.prefixLength;
    if (length >= limit) {
      throw new StringTooLongError(
        `A string of ${length} bytes does not fit a prefix of ${this.prefixLength} bytes, whose maximum is ${limit - 1}: ` +
          "send it in parts, or use a longer prefix.",
      );
    }
    if (length > COPIED_MAX) {
      this.transport.write(this.#message(length, 0));
      this.transport.write(string);
      return;
    }
    const message = this.#message(length, length);
    if (typeof string === "string") message.write(string, this.prefixLength);
    else message.set(string, this.prefixLength);
    this.transport.write(message);
  }

  protected override makeBuffer(): Accumulator {
    return new Accumulator();
  }

  protected override deliver(buffer: Accumulator): boolean {
    if (this.#unwanted > 0) {
      this.#unwanted -= buffer.skip(this.#unwanted);
      return true;
    }
    if (this.#length < 0) {
      if (!buffer.has(this.prefixLength)) return false;
      const length = buffer.takeNumber(this.prefixLength);
      if (length > this.MAX_LENGTH) {
        this.#unwanted = length;
        this.lengthLimitExceeded(length);
        return true;
      }
      this.#length = length;
    }
    if (!buffer.has(this.#length)) return false;
    const string = buffer.take(this.#length, 0);
    this.#length = -1;
    const result: unknown = this.stringReceived(string);
    if (result !== undefined) this.watch(result);
    return true;
  }

  /** The prefix of a string of `length` bytes, followed by `room` uninitialized bytes. */
  #message(length: number, room: number): Buffer {
    const size = this.prefixLength;
    const message = Buffer.allocUnsafe(size + room);
    let rest = length;
    for (let i = size - 1; i >= 0; i--) {
      message[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    return message;
  }
}

// On the prototype, since every connection has the same: a field of a subclass overrides it.
IntNStringReceiver.prototype.MAX_LENGTH = 99999;

/** Strings of up to 2³² - 1 bytes, as far as MAX_LENGTH allows. */
export class Int32StringReceiver extends IntNStringReceiver {
  override get prefixLength(): number {
    return 4;
  }
}

/** Strings of up to 65535 bytes. */
export class Int16StringReceiver extends IntNStringReceiver {
  override get prefixLength(): number {
    return 2;
  }
}

/** Strings of up to 255 bytes. */
export class Int8StringReceiver extends IntNStringReceiver {
  override get prefixLength(): number {
    return 1;
  }
}
