/** The base class of framings: it buffers bytes, and delivers messages one at a time. */
import type { Failure } from "../../internet/failure.ts";
import type { PushProducer, Transport } from "../../internet/interfaces.ts";
import { Protocol } from "../../internet/protocol.ts";
import {
  ACCEPTED,
  AWAIT_DRAIN,
  DRAINED,
  type DrainWaiter,
  OVER_MARK,
  sendQueueOf,
  TAKEN_OVER,
  UNDELIVERED,
} from "../../internet/stream/sendqueue.ts";
import { endBy, watch } from "../guard.ts";
import type { Accumulator } from "./accumulator.ts";

export const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Splits a stream into messages. Delivery stops when loseConnection() or abortConnection() was called. pauseProducing()
 * pauses it, also inside a callback; the rest is delivered after resumeProducing().
 *
 * On a connection that was accepted, delivery also stops, between two messages, while more than 64 KiB wait to be sent, and
 * goes on by itself when they were sent: see `backPressure`.
 *
 * Once another protocol has the connection, nothing is delivered any more: what this one has not delivered stays with it,
 * for its program to drop, or to take and to give to the next.
 *
 * Messages are owned by their receiver. The class borrows the bytes that the engine received, so a subclass that
 * overrides dataReceived() must copy what it keeps. One that overrides connectionLost() must call super if it is used for
 * another connection later: it drops what was not delivered. Message callbacks may be async: a rejection ends the
 * connection, as a throw does.
 */
export abstract class FrameReceiver<B extends Accumulator> extends Protocol implements PushProducer, DrainWaiter {
  static override readonly borrows: boolean = true;

  /**
   * While it applies, no message is delivered and nothing is read as long as more than 64 KiB wait to be sent. So a peer
   * that sends requests and does not read the answers cannot make the send queue grow by more than one answer above that.
   *
   * Undefined, the default: it applies to connections that were accepted. The side that connected always reads, so that
   * two sides that both send much never wait for each other. True: to all connections, for a client that answers a server
   * which it does not trust. False: to none.
   */
  declare backPressure: boolean | undefined;
  /** True while nothing is delivered, after pauseProducing(). */
  paused = false;

  #buffer: B | null = null;
  #busy = false;
  /** Another protocol has the connection. */
  #over = false;

  /** Called when the first bytes arrive. */
  protected abstract makeBuffer(): B;

  /**
   * Take one message from the buffer, which is not empty, and deliver it. False when no complete message is buffered.
   */
  protected abstract deliver(buffer: B): boolean;

  override makeConnection(transport: Transport): unknown {
    if (this.#over && transport !== this.transport) this.#buffer?.clear();
    this.#over = false;
    return super.makeConnection(transport);
  }

  override dataReceived(data: Buffer): void {
    const buffer = this.#buffer ?? this.#begin();
    if (this.#busy || this.#over) {
      buffer.add(data);
      return;
    }
    this.#busy = true;
    try {
      buffer.lend(data);
      while (!this.paused && !this.#over && buffer.length > 0 && !this.transport.disconnecting) {
        if (sendQueueOf(this.transport)[OVER_MARK] === true && this.#waits()) break;
        if (!this.deliver(buffer)) break;
      }
    } finally {
      this.#busy = false;
      if (this.transport.disconnecting) buffer.clear();
      else buffer.settle();
    }
  }

  override connectionLost(_reason: Failure): void {
    this.#buffer?.clear();
  }

  pauseProducing(): void {
    this.paused = true;
    if (!this.#over) this.transport.pauseProducing();
  }

  resumeProducing(): void {
    this.paused = false;
    if (this.#over) return;
    this.transport.resumeProducing();
    this[DRAINED]();
  }

  /** @internal Deliver what is buffered. */
  [DRAINED](): void {
    // The transport handles nothing that is thrown here, so what a message callback throws must be handled here.
    try {
      this.dataReceived(NOTHING);
    } catch (error) {
      endBy(error, this, this.transport);
    }
  }

  stopProducing(): void {
    this.paused = true;
    if (!this.#over) this.transport.stopProducing();
  }

  /** @internal */
  get [UNDELIVERED](): number {
    return this.#buffer?.length ?? 0;
  }

  /** @internal */
  [TAKEN_OVER](): void {
    this.#over = true;
  }

  /** Remove and return the bytes that were received but not delivered. */
  protected takeBuffered(): Buffer {
    return this.#buffer?.takeAll() ?? NOTHING;
  }

  /** Take back bytes that were delivered but not consumed: they come before what is buffered. */
  protected putBack(data: Buffer): void {
    const buffer = this.#buffer;
    if (buffer !== null && buffer.length > 0) this.dataReceived(Buffer.concat([data, buffer.takeAll()]));
    else this.dataReceived(data);
  }

  /** Handle the result of a callback that may be async. */
  protected watch(result: unknown): void {
    watch(result, this, this.transport);
  }

  /** Whether the messages have to wait until the send queue has drained. */
  #waits(): boolean {
    const queue = sendQueueOf(this.transport);
    return (this.backPressure ?? queue[ACCEPTED]) === true && queue[AWAIT_DRAIN]?.(this) === true;
  }

  #begin(): B {
    this.#buffer = this.makeBuffer();
    return this.#buffer;
  }
}

// On the prototype, since every connection has the same: a field of a subclass overrides it.
FrameReceiver.prototype.backPressure = undefined;
