/** Protocols of delimited lines. */
import { check } from "../../internet/arguments/check.ts";
import { byteArray } from "../../internet/arguments/kinds.ts";
import { bufferOf } from "../../internet/engine/view.ts";
import { SkeinError } from "../../internet/error.ts";
import type { Bytes } from "../../internet/interfaces.ts";
import { bytesOf, LineBuffer } from "./linebuffer.ts";
import { FrameReceiver, NOTHING } from "./receiver.ts";

/** Lines, each ended by a delimiter. */
export class LineOnlyReceiver extends FrameReceiver<LineBuffer> {
  /** The delimiter: bytes, or a string that is encoded as UTF-8. Default CR LF. It may be changed between two lines. */
  declare delimiter: Bytes;
  /** The maximum length of a line in bytes, without its delimiter. Default 16384. */
  declare MAX_LENGTH: number;

  /** A line has arrived. It does not contain the delimiter. */
  lineReceived(_line: Buffer): void {
    throw new SkeinError(`${this.constructor.name} receives lines: it must override lineReceived(line).`);
  }

  /**
   * A line is longer than MAX_LENGTH. `line` is everything received from its start on, which is not delivered
   * otherwise. By default the connection is closed; if this is overridden, the bytes that follow start a new line.
   */
  lineLengthExceeded(_line: Buffer): void {
    this.transport.loseConnection();
  }

  /** Send a line; the delimiter is added. @throws TypeError */
  sendLine(line: Bytes): void {
    if (typeof line === "string" && typeof this.delimiter === "string") {
      this.transport.write(line + this.delimiter);
      return;
    }
    this.transport.write(line);
    this.transport.write(bytesOf(this.delimiter));
  }

  protected override makeBuffer(): LineBuffer {
    return new LineBuffer();
  }

  protected override deliver(buffer: LineBuffer): boolean {
    buffer.seek(this.delimiter);
    const length = buffer.lineLength();
    if (length < 0) {
      buffer.longest = this.MAX_LENGTH + buffer.delimiterLength;
      if (buffer.length < buffer.longest) return false;
    }
    if (length < 0 || length > this.MAX_LENGTH) {
      this.lineLengthExceeded(buffer.takeAll());
      return true;
    }
    const result: unknown = this.lineReceived(buffer.takeLine(length));
    if (result !== undefined) this.watch(result);
    return true;
  }
}

// On the prototype, since every connection has the same: a field of a subclass overrides it.
LineOnlyReceiver.prototype.delimiter = "\r\n";
LineOnlyReceiver.prototype.MAX_LENGTH = 16384;

/** Lines, and in raw mode bytes as they arrive. */
export class LineReceiver extends LineOnlyReceiver {
  #raw = false;

  /** Bytes have arrived in raw mode. The receiver owns them. */
  rawDataReceived(_data: Buffer): void {
    throw new SkeinError(`${this.constructor.name} is in raw mode: it must override rawDataReceived(data).`);
  }

  /**
   * Switch to raw mode: rawDataReceived() is called from here on, also for bytes that were received after the current
   * line.
   */
  setRawMode(): void {
    this.#raw = true;
  }

  /** Switch to line mode. `extra` are bytes that rawDataReceived() got but did not consume. @throws TypeError */
  setLineMode(extra: Uint8Array = NOTHING): void {
    check("setLineMode(extra)", "extra", extra, byteArray);
    this.#raw = false;
    const data = bufferOf(extra);
    if (data.length > 0) this.putBack(data);
  }

  /** Remove and return the bytes that were received but not delivered. */
  clearLineBuffer(): Buffer {
    return this.takeBuffered();
  }

  protected override deliver(buffer: LineBuffer): boolean {
    if (!this.#raw) return super.deliver(buffer);
    const result: unknown = this.rawDataReceived(buffer.takeAll());
    if (result !== undefined) this.watch(result);
    return true;
  }
}
