/** Protocols that cut a stream into messages. Names and semantics follow twisted.protocols.basic. */
import { SkeinError } from "../internet/error.ts";
import type { Bytes, PushProducer } from "../internet/interfaces.ts";
import { Protocol } from "../internet/protocol.ts";
import { err } from "../logger/log.ts";
import { LineBuffer } from "./basic/linebuffer.ts";

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Lines, each ended by a delimiter. Delivery stops when the connection is told to close.
 *
 * Lines belong to whoever receives them. The class borrows what the engine received, so a subclass that overrides
 * dataReceived() must copy what it keeps.
 */
export class LineOnlyReceiver extends Protocol {
  static override readonly borrows: boolean = true;

  /** What ends a line: a string stands for its UTF-8 bytes. Default CR LF. It may be changed between two lines. */
  declare delimiter: Bytes;
  /** The bytes that a line may have, its delimiter not counted. Default 16384. */
  declare MAX_LENGTH: number;

  #buffer: LineBuffer | null = null;
  #busy = false;

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
    this.transport.write(this.delimiter);
  }

  override dataReceived(data: Buffer): void {
    const buffer = this.#buffer ?? this.#makeBuffer();
    if (this.#busy) {
      buffer.add(data);
      return;
    }
    this.#busy = true;
    try {
      buffer.seek(this.delimiter);
      buffer.lend(data);
      while (buffer.length > 0 && !this.transport.disconnecting && this.deliver(buffer));
    } finally {
      this.#busy = false;
      if (this.transport.disconnecting) buffer.clear();
      else buffer.settle();
    }
  }

  /** Take one message from the buffer, which is not empty, and deliver it. False when there is none to deliver now. */
  protected deliver(buffer: LineBuffer): boolean {
    buffer.seek(this.delimiter);
    const length = buffer.lineLength();
    if (length > this.MAX_LENGTH || (length < 0 && buffer.length >= this.MAX_LENGTH + buffer.delimiterLength)) {
      this.lineLengthExceeded(buffer.takeAll());
      return true;
    }
    if (length < 0) return false;
    const result: unknown = this.lineReceived(buffer.takeLine(length));
    if (result !== undefined) watch(this, result);
    return true;
  }

  /** What was received and not delivered. */
  protected takeBuffered(): Buffer {
    return this.#buffer?.takeAll() ?? NOTHING;
  }

  #makeBuffer(): LineBuffer {
    this.#buffer = new LineBuffer();
    return this.#buffer;
  }
}

// On the prototype, since every connection has the same: a field of a subclass overrides it.
LineOnlyReceiver.prototype.delimiter = "\r\n";
LineOnlyReceiver.prototype.MAX_LENGTH = 16384;

/**
 * Lines, and in between, in raw mode, bytes as they come. It can be paused, also from inside lineReceived(): the rest
 * is delivered after resumeProducing().
 */
export class LineReceiver extends LineOnlyReceiver implements PushProducer {
  /** True while nothing is delivered, after pauseProducing(). */
  paused = false;
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

  pauseProducing(): void {
    this.paused = true;
    this.transport.pauseProducing();
  }

  resumeProducing(): void {
    this.paused = false;
    this.transport.resumeProducing();
    this.dataReceived(NOTHING);
  }

  stopProducing(): void {
    this.paused = true;
    this.transport.stopProducing();
  }

  protected override deliver(buffer: LineBuffer): boolean {
    if (this.paused) return false;
    if (!this.#raw) return super.deliver(buffer);
    const result: unknown = this.rawDataReceived(buffer.takeAll());
    if (result !== undefined) watch(this, result);
    return true;
  }
}

/** A method may be async: when it rejects, its connection ends, as it does when it throws. */
function watch(protocol: LineOnlyReceiver, result: unknown): void {
  if (typeof (result as PromiseLike<unknown> | null)?.then !== "function") return;
  (result as PromiseLike<unknown>).then(undefined, (error: unknown) => {
    err(error, `${protocol.logPrefix()} threw; its connection to ${protocol.transport.getPeer()} is closed`);
    protocol.transport.abortConnection();
  });
}
