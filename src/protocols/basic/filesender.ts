/** Sends a file or another source of bytes, with back-pressure. */
import type { FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
import { check } from "../../internet/arguments/check.ts";
import { has } from "../../internet/arguments/described.ts";
import { callable, type Kind, orNull } from "../../internet/arguments/kinds.ts";
import { ensureConsumer } from "../../internet/arguments/transports.ts";
import { ensureBytes } from "../../internet/arguments/writing.ts";
import { copyOf } from "../../internet/bytes.ts";
import { Deferred } from "../../internet/defer/deferred.ts";
import { bufferOf } from "../../internet/engine/view.ts";
import { SkeinError } from "../../internet/error.ts";
import { Failure } from "../../internet/failure.ts";
import type { Bytes, Consumer, PullProducer } from "../../internet/interfaces.ts";
import { TransferStoppedError } from "./error.ts";
import { NOTHING } from "./receiver.ts";

/** The source of a transfer: an open file from its current position, a stream, or any iterable of bytes. */
export type ByteSource = Pick<FileHandle, "read"> | Readable | AsyncIterable<Bytes>;

/** Transforms each chunk before it is sent. */
export type Transform = (piece: Buffer) => Bytes;

const CALL = "beginFileTransfer(file, consumer, transform)";
const SOURCE: Kind = {
  accepts: "an open file, a stream or an async iterable",
  typed: (value) =>
    has(value, "read") || typeof (value as AsyncIterable<Bytes> | null)?.[Symbol.asyncIterator] === "function",
};
const TRANSFORM = orNull(callable);

/** The state of a transfer in progress. */
interface Transfer {
  readonly reader: Reader;
  readonly consumer: Consumer;
  readonly transform: Transform | null;
  readonly done: Deferred<Buffer>;
}

/** Reads a source chunk by chunk. */
interface Reader {
  /** The next bytes, at most `size` if the source supports that; null at the end. */
  read(size: number): Promise<Buffer | null>;
  /** Release the source; no more is read. */
  release(): Promise<void>;
}

/** A pull producer that reads a chunk each time the consumer can take one. It runs one transfer at a time. */
export class FileSender implements PullProducer {
  /** The maximum size of a chunk in bytes, before the transform. Default 16384. */
  declare CHUNK_SIZE: number;
  /** The last byte that was written to the consumer; empty before the first. */
  lastSent: Buffer = NOTHING;

  #transfer: Transfer | null = null;
  /** Bytes that were read and not yet written to the consumer. */
  #rest = NOTHING;
  #reading = false;

  /**
   * Write the contents of `file` to `consumer`, each chunk as `transform` returns it. Fires with the last byte sent, or an
   * empty Buffer if there was none, when everything was written to the consumer.
   *
   * Fails with what reading or `transform` threw, and with TransferStoppedError when the consumer stops it, for example
   * because its connection was lost. Cancelling it ends the transfer. The consumer and a FileHandle remain open; a stream
   * is destroyed, and an iterator is returned.
   * @throws TypeError; SkeinError while another transfer is in progress, and what `consumer.registerProducer()` throws
   */
  beginFileTransfer(file: ByteSource, consumer: Consumer, transform: Transform | null = null): Deferred<Buffer> {
    check(CALL, "file", file, SOURCE);
    ensureConsumer(CALL, consumer);
    check(CALL, "transform", transform, TRANSFORM);
    if (this.#transfer !== null) {
      throw new SkeinError(
        "This FileSender is already sending a file: wait for its Deferred, or use another FileSender.",
      );
    }
    const done = new Deferred<Buffer>(() => this.#abort()?.consumer.unregisterProducer());
    this.#transfer = { reader: readerOf(file), consumer, transform, done };
    this.lastSent = NOTHING;
    try {
      consumer.registerProducer(this, false);
    } catch (error) {
      this.#abort();
      throw error;
    }
    return done;
  }

  /** The consumer can take the next chunk. */
  resumeProducing(): void {
    const transfer = this.#transfer;
    if (transfer === null || this.#reading) return;
    try {
      while (this.#rest.length > 0) if (this.#write(transfer)) return;
    } catch (error) {
      this.#fail(transfer, error);
      return;
    }
    this.#reading = true;
    transfer.reader.read(this.CHUNK_SIZE).then(
      (piece) => this.#received(transfer, piece),
      (error: unknown) => this.#fail(transfer, error),
    );
  }

  /** The consumer stops the transfer. */
  stopProducing(): void {
    this.#abort()?.done.errback(
      new TransferStoppedError("The consumer stopped the transfer, perhaps because its connection was lost."),
    );
  }

  #received(transfer: Transfer, piece: Buffer | null): void {
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

  /** Write the next part of what was read. False when the transform returned nothing for it. */
  #write({ consumer, transform }: Transfer): boolean {
    const piece = this.#rest.subarray(0, this.CHUNK_SIZE);
    this.#rest = this.#rest.subarray(piece.length);
    const bytes = transform === null ? piece : transform(piece);
    ensureBytes(bytes);
    const sent = typeof bytes === "string" ? Buffer.from(bytes) : bufferOf(bytes);
    if (sent.length === 0) return false;
    this.lastSent = copyOf(sent.subarray(-1));
    consumer.write(sent);
    return true;
  }

  #fail(transfer: Transfer, error: unknown): void {
    if (transfer !== this.#transfer) return;
    this.#abort();
    transfer.consumer.unregisterProducer();
    transfer.done.errback(new Failure(error));
  }

  /** End the transfer early. @returns the transfer that was in progress */
  #abort(): Transfer | null {
    const transfer = this.#transfer;
    this.#end();
    // The transfer has its result: an error of the source is irrelevant.
    transfer?.reader.release().catch(() => {});
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

  async release(): Promise<void> {}
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
      ensureBytes(value);
      const piece = typeof value === "string" ? Buffer.from(value) : bufferOf(value);
      if (piece.length > 0) return piece;
    }
  }

  async release(): Promise<void> {
    // return() of a stream's iterator would destroy the stream only after the pending read.
    if ("destroy" in this.#file) this.#file.destroy();
    await this.#iterator.return?.();
  }
}
