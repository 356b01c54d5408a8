/** A connection for async functions: bytes are read and written with `await`. */
import { check } from "../internet/arguments/check.ts";
import { byteArray } from "../internet/arguments/kinds.ts";
import { ensureProtocol } from "../internet/arguments/transports.ts";
import { signalOf } from "../internet/arguments/waiting.ts";
import { bufferOf } from "../internet/engine/view.ts";
import { ConnectionClosed, ConnectionLost } from "../internet/error.ts";
import type { Address, Bytes, ProtocolLike, Transport } from "../internet/interfaces.ts";
import { type Framer, PieceFramer } from "./framer.ts";
import type { Intake } from "./intake.ts";
import { type Loop, Reading } from "./reading.ts";
import { refuse, write } from "./write.ts";

/** Options of a read. */
export interface ReadOptions {
  /** Ends the wait when it aborts: the read rejects with its reason, and the connection remains usable. */
  readonly signal?: AbortSignal;
}

/**
 * One end of a connection, read by an async function. The owner closes it: by `close()`, by `await using`, or by returning
 * from the handler that got it.
 */
export class Connection implements AsyncIterable<Buffer>, AsyncDisposable {
  readonly #intake: Intake;
  #writeEnded = false;
  #controller: AbortController | null = null;

  /** @internal {@link connectionOver}, {@link connect} and {@link handle} make them. */
  constructor(intake: Intake) {
    this.#intake = intake;
  }

  /** The underlying transport. */
  get transport(): Transport {
    return this.#intake.transport;
  }

  /** The remote address. */
  get peer(): Address {
    return this.transport.getPeer();
  }

  /** The local address. */
  get host(): Address {
    return this.transport.getHost();
  }

  /** True once the connection is gone. */
  get lost(): boolean {
    return this.#intake.lost;
  }

  /** Resolves when the connection is gone: with undefined after a clean close, otherwise with the error. Never rejects. */
  get closed(): Promise<unknown> {
    return this.#intake.closed;
  }

  /** Aborts when the connection is gone, to end work that is done for the peer. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      const controller = new AbortController();
      this.#controller = controller;
      this.closed.then((error) => controller.abort(error ?? new ConnectionClosed("The connection was closed.")));
    }
    return this.#controller.signal;
  }

  /**
   * The next bytes, in chunks of any size, or null when the peer has half-closed. The caller owns them.
   * @throws ConnectionLost or another reason of the loss, when everything received before it was read; TypeError at once for
   * wrong options
   */
  read(options?: ReadOptions): Promise<Buffer | null> {
    return this.#intake.read(signalOf("read(options)", options));
  }

  /** @internal Like {@link read}, but at most `most` bytes. */
  readUpTo(most: number): Promise<Buffer | null> {
    return this.#intake.read(undefined, most);
  }

  /**
   * Put back bytes that were read: the pending read, or else the next one, returns them first. Do not change them
   * afterwards.
   * @throws TypeError
   */
  unread(data: Uint8Array): void {
    check("unread(data)", "data", data, byteArray);
    this.#intake.unread(bufferOf(data));
  }

  /**
   * Send bytes. Resolves when the connection can take more, see {@link write}.
   * @throws ConnectionLost | ConnectionClosed
   */
  write(data: Bytes, encoding?: BufferEncoding): Promise<void> {
    const { transport } = this;
    if (this.#writeEnded)
      return refuse(transport, new ConnectionClosed("end() was called: nothing can be written after it."));
    if (this.lost) {
      return refuse(transport, new ConnectionLost("The connection is gone: nothing can be written to it."));
    }
    return write(transport, data, encoding);
  }

  /** Half-close: send everything that was written, then FIN. The peer can continue to send. */
  end(): void {
    this.#writeEnded = true;
    if (!this.lost) this.transport.loseWriteConnection();
  }

  /** Close when everything is sent. Resolves when the connection is gone, for whatever reason. */
  async close(): Promise<void> {
    if (!this.lost) {
      this.#intake.drop();
      this.transport.loseConnection();
    }
    await this.closed;
  }

  /** Close at once, and drop what has not been sent; a TCP peer sees a reset. */
  async abort(): Promise<void> {
    if (!this.lost) {
      this.#intake.drop();
      this.transport.abortConnection();
    }
    await this.closed;
  }

  /**
   * Hand the connection to a protocol, which gets the unread bytes and everything that follows. This object then behaves as
   * if the connection were lost.
   * @throws TypeError
   */
  switchProtocol(next: ProtocolLike): void {
    ensureProtocol("switchProtocol(next)", next, "next");
    this.#intake.giveTo(next);
  }

  /** Chunks as they arrive, until the peer half-closes. Leaving the loop keeps the connection open. */
  [Symbol.asyncIterator](): Loop<Buffer> {
    return this.loop(new PieceFramer());
  }

  /** @internal A loop over the items of a framer; `leave` is called when it ends. */
  loop<T>(framer: Framer<T>, signal?: AbortSignal, leave?: () => void): Loop<T> {
    return new Reading(this.#intake, framer, signal, leave);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
