/** Sends a file or another source of bytes, with back-pressure. */
import type { FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
import { Deferred } from "../../internet/defer/deferred.ts";
import { SkeinError } from "../../internet/error.ts";
import { Failure } from "../../internet/failure.ts";
import type { Bytes, Consumer, PullProducer } from "../../internet/interfaces.ts";
import { TransferStoppedError } from "./error.ts";
import { NOTHING } from "./receiver.ts";

/** What a FileSender reads: an open file from its current position, a stream, or any iterable of bytes. */
export type ByteSource = Pick<FileHandle, "read"> | Readable | AsyncIterable<Bytes>;

/** What is done to each piece of a file before it is sent. */
export type Transform = (piece: Buffer) => Bytes;

/** The state of a transfer in progress. */
interface Transfer {
  readonly reader: Reader;
  readonly consumer: Consumer;
  readonly transform: Transform | null;
  readonly done: Deferred<Buffer>;
}

/** Reads a source chunk by chunk. */
interface Reader {
  /** The next bytes, at most `size` of them where the source lets one choose; null at the end. */
  read(size: number): Promise<Buffer | null>;
  /** Release the source; no more is read. */
  release(): void;
}

/** A pull producer that reads a piece each time the consumer is ready for one. It makes one transfer at a time. */
export class FileSender implements PullProducer {
  /** The most bytes that are given to the consumer at a time, before the transform. Default 16384. */
  declare CHUNK_SIZE: number;
  /** The last byte that was given to the consumer; empty before the first. */
  lastSent: Buffer = NOTHING;

  #transfer: Transfer | null = null;
  /** Read, and not given to the consumer yet. */
  #rest = NOTHING;
  #reading = false;

  /**
   * Give everything that `file` holds to `consumer`, each piece as `transform` returns it. Fires with the last byte that
   * was sent, which is empty when there was none, after all is handed to the consumer.
   *
   * Fails with what reading or `transform` threw, and with TransferStoppedError when the consumer wants no more, as when
   * its connection was lost; cancelling it ends the transfer. The consumer stays open, and so does a FileHandle; a
   * stream or an iterator is told to end.
   * @throws SkeinError while another transfer is under way, and what `consumer.registerProducer()` throws
   */
  beginFileTransfer(file: ByteSource, consumer: Consumer, transform: Transform | null = null): Deferred<Buffer> {
    if (this.#transfer !== null) {
      throw new SkeinError("This FileSender sends a file already: wait for its Deferred, or use another FileSender.");
    }
    const done = new Deferred<Buffer>(() => this.#giveUp()?.consumer.unregisterProducer());
    this.#transfer = { reader: readerOf(file), consumer, transform, done };
    this.lastSent = NOTHING;
    try {
      consumer.registerProducer(this, false);
    } catch (error) {
      this.#giveUp();
      throw error;
    }
    return done;
  }

  /** The consumer is ready for the next piece. */
  resumeProducing(): void {
    const transfer = this.#transfer;
    if (transfer === null || this.#reading) return;
    try {
      while (this.#rest.length > 0) if (this.#give(transfer)) return;
    } catch (error) {
      this.#fail(transfer, error);
      return;
    }
    this.#reading = true;
    transfer.reader.read(this.CHUNK_SIZE).then(
      (piece) => this.#took(transfer, piece),
      (error: unknown) => this.#fail(transfer, error),
    );
  }

  /** The consumer wants no more. */
  stopProducing(): void {
    this.#giveUp()?.done.errback(
      new TransferStoppedError("The consumer stopped the transfer, perhaps because its connection was lost."),
    );
  }

  #took(transfer: Transfer, piece: Buffer | null): void {
    if (transfer !== this.#transfer) return;
    this.#reading = false;
    if (piece !== null) {
      this.#rest = piece;
      this.resumeProducing();
      return;
    }
    this.#end();
    transfer.consumer.unregisterProducer();
    transfer.done.callback(this.lastSent);
  }

  /** Give the consumer the next part of what was read. False when the transform left nothing of it. */
  #give({ consumer, transform }: Transfer): boolean {
    const piece = this.#rest.subarray(0, this.CHUNK_SIZE);
    this.#rest = this.#rest.subarray(piece.length);
    const bytes = transform === null ? piece : transform(piece);
    if (bytes.length === 0) return false;
    const sent = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
    this.lastSent = Buffer.from(sent.subarray(-1));
    consumer.write(sent);
    return true;
  }

  #fail(transfer: Transfer, error: unknown): void {
    if (transfer !== this.#transfer) return;
    this.#giveUp();
    transfer.consumer.unregisterProducer();
    transfer.done.errback(new Failure(error));
  }

  /** End before the file did. Returns the transfer that was under way. */
  #giveUp(): Transfer | null {
    const transfer = this.#transfer;
    this.#end();
    transfer?.reader.release();
    return transfer;
  }

  #end(): void {
    this.#transfer = null;
    this.#rest = NOTHING;
    this.#reading = false;
  }
}

// On the prototype, since every sender has the same: a field of a subclass overrides it.
FileSender.prototype.CHUNK_SIZE = 16384;

function readerOf(file: ByteSource): Reader {
  return Symbol.asyncIterator in file ? new IteratorReader(file) : new HandleReader(file);
}

class HandleReader implements Reader {
  readonly #file: Pick<FileHandle, "read">;

  constructor(file: Pick<FileHandle, "read">) {
    this.#file = file;
  }

  async read(size: number): Promise<Buffer | null> {
    const { bytesRead, buffer } = await this.#file.read(Buffer.allocUnsafe(size), 0, size, null);
    return bytesRead === 0 ? null : buffer.subarray(0, bytesRead);
  }

  release(): void {}
}

class IteratorReader implements Reader {
  readonly #file: Readable | AsyncIterable<Bytes>;
  readonly #iterator: AsyncIterator<Bytes, unknown>;

  constructor(file: Readable | AsyncIterable<Bytes>) {
    this.#file = file;
    this.#iterator = file[Symbol.asyncIterator]();
  }

  async read(): Promise<Buffer | null> {
    for (;;) {
      const { done, value } = await this.#iterator.next();
      if (done === true) return null;
      if (value.length > 0) return typeof value === "string" ? Buffer.from(value) : viewOf(value);
    }
  }

  release(): void {
    // The iterator of a stream ends the stream too, but not while it waits for the next bytes.
    if ("destroy" in this.#file) this.#file.destroy();
    // What an iterator throws while it is given up is of no interest any more.
    this.#iterator.return?.().catch(() => {});
  }
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}
