/** Lines. */
import { SkeinError } from "../../internet/error.ts";
import type { Bytes } from "../../internet/interfaces.ts";
import { bytesOf, LineBuffer } from "./linebuffer.ts";
import { FrameReceiver, NOTHING } from "./receiver.ts";

/** Lines, each ended by a delimiter. */
export class LineOnlyReceiver extends FrameReceiver<LineBuffer> {
  /** What ends a line: a string stands for its UTF-8 bytes. Default CR LF. It may be changed between two lines. */
  declare delimiter: Bytes;
  /** The bytes that a line may have, its delimiter not counted. Default 16384. */
  declare MAX_LENGTH: number;

  /** A line came, without its delimiter. */
  lineReceived(_line: Buffer): void {
    throw new SkeinError(`${this.constructor.name} receives lines: it must override lineReceived(line).`);
  }

  /**
   * A line is longer than MAX_LENGTH. `line` is all that was received of it and after it; none of that is delivered
   * elsewhere. The connection is closed, unless this is overridden: then what comes next counts as a new line.
   */
  lineLengthExceeded(_line: Buffer): void {
    this.transport.loseConnection();
  }

  /** Send a line; the delimiter is added. */
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

/** Lines, and in between, in raw mode, bytes as they come. */
export class LineReceiver extends LineOnlyReceiver {
  #raw = false;

  /** Bytes came in raw mode. They are the receiver's to keep. */
  rawDataReceived(_data: Buffer): void {
    throw new SkeinError(`${this.constructor.name} is in raw mode: it must override rawDataReceived(data).`);
  }

  /** From here on, also for what was received behind the present line, rawDataReceived() is called. */
  setRawMode(): void {
    this.#raw = true;
  }

  /** From here on lines are delivered. `extra` are the bytes that rawDataReceived() got beyond its own. */
  setLineMode(extra: Uint8Array = NOTHING): void {
    this.#raw = false;
    if (extra.length > 0) {
      this.dataReceived(Buffer.from(extra.buffer, extra.byteOffset, extra.byteLength));
    }
  }

  /** Drop what was received and not delivered, and return it. */
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
