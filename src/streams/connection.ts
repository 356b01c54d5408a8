/** A connection for async functions: bytes are read and written with `await`. */
import { ConnectionClosed, ConnectionLost } from "../internet/error.ts";
import type { Address, Bytes, ProtocolLike, Transport } from "../internet/interfaces.ts";
import { type Framer, PieceFramer } from "./framer.ts";
import type { Intake } from "./intake.ts";
import { type Loop, Reading } from "./reading.ts";
import { refuse, write } from "./write.ts";

/** How a connection is read. */
export interface ReadOptions {
  /** Ends the wait when it aborts: the read rejects with its reason, and the connection stays as it is. */
  readonly signal?: AbortSignal;
}

/**
 * One end of a connection, read by an async function. Whoever has it closes it: `close()`, `await using`, or the end of
 * the handler that it was given to.
 */
export class Connection implements AsyncIterable<Buffer>, AsyncDisposable {
  readonly #intake: Intake;
  #writeEnded = false;
  #controller: AbortController | null = null;

  /** @internal {@link connectionOver}, {@link connect} and {@link handle} make them. */
  constructor(intake: Intake) {
    this.#intake = intake;
  }

  /** What it runs over: for options, producers, and for giving the connection to another protocol. */
  get transport(): Transport {
    return this.#intake.transport;
  }

  /** The other end's address. */
  get peer(): Address {
    return this.transport.getPeer();
  }

  /** This end's address. */
  get host(): Address {
    return this.transport.getHost();
  }

  /** True once the connection is gone. */
  get lost(): boolean {
    return this.#intake.lost;
  }

  /** Fulfilled when the connection is gone: with undefined after a clean end, else with the error. Never rejected. */
  get closed(): Promise<unknown> {
    return this.#intake.closed;
  }

  /** Aborts when the connection is gone, so that what is done for the peer can end too. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      const controller = new AbortController();
      this.#controller = controller;
      this.closed.then((error) => controller.abort(error ?? new ConnectionClosed("The connection was closed.")));
    }
    return this.#controller.signal;
  }

  /**
   * The next bytes, in pieces of any size, or null when the peer has ended its side. They are the caller's to keep.
   * @throws ConnectionLost, or what else the connection ended by, once all that came before was read
   */
  read(options?: ReadOptions): Promise<Buffer | null> {
    return this.#intake.read(options?.signal);
  }

  /** @internal As {@link read}, but no more than `most` bytes. */
  readUpTo(most: number): Promise<Buffer | null> {
    return this.#intake.read(undefined, most);
  }

  /** Put back bytes that were read and are another reader's. */
  unread(data: Buffer): void {
    this.#intake.unread(data);
  }

  /**
   * Send bytes. Resolves when the connection can take more, see {@link write}.
   * @throws ConnectionLost | ConnectionClosed
   */
  write(data: Bytes, encoding?: BufferEncoding): Promise<void> {
    const { transport } = this;
    if (this.#writeEnded) return refuse(transport, new ConnectionClosed("end() has ended this side: write before it."));
    if (this.lost) {
      return refuse(transport, new ConnectionLost("The connection is gone: nothing can be written to it."));
    }
    return write(transport, data, encoding);
  }

  /** End this side once all is sent (half close). The peer can go on sending. */
  end(): void {
    this.#writeEnded = true;
    this.transport.loseWriteConnection();
  }

  /** Close once all is sent. Resolves when the connection is gone, however it went. */
  async close(): Promise<void> {
    if (!this.lost) {
      this.#intake.drop();
      this.transport.loseConnection();
    }
    await this.closed;
  }

  /** Close at once and drop what was not sent; a TCP peer sees a reset. */
  async abort(): Promise<void> {
    if (!this.lost) {
      this.#intake.drop();
      this.transport.abortConnection();
    }
    await this.closed;
  }

  /**
   * Give the connection to a protocol, which gets what was received and not read, and all that comes. For this object
   * the connection is gone from here on.
   */
  switchProtocol(next: ProtocolLike): void {
    this.#intake.giveTo(next);
  }

  /** Bytes as they come, until the peer ends its side. Leaving the loop leaves the connection open. */
  [Symbol.asyncIterator](): Loop<Buffer> {
    return this.loop(new PieceFramer());
  }

  /** @internal A loop over what a framer cuts; `leave` is called when it is over. */
  loop<T>(framer: Framer<T>, options?: ReadOptions, leave?: () => void): Loop<T> {
    return new Reading(this.#intake, framer, options?.signal, leave);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
