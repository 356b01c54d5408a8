/** The base class of framings: it buffers bytes, and delivers messages one at a time. */
import type { Failure } from "../../internet/failure.ts";
import type { PushProducer } from "../../internet/interfaces.ts";
import { Protocol } from "../../internet/protocol.ts";
import { endBy, watch } from "../guard.ts";
import type { Accumulator } from "./accumulator.ts";

export const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Splits a stream into messages. Delivery stops when loseConnection() or abortConnection() was called. pauseProducing()
 * pauses it, also inside a callback; the rest is delivered after resumeProducing().
 *
 * Messages are owned by their receiver. The class borrows the bytes that the engine received, so a subclass that
 * overrides dataReceived() must copy what it keeps. One that overrides connectionLost() and pauses must call super: it
 * drops what was not delivered. Message callbacks may be async: a rejection ends the connection, as a throw does.
 */
export abstract class FrameReceiver<B extends Accumulator> extends Protocol implements PushProducer {
  static override readonly borrows: boolean = true;

  /** True while nothing is delivered, after pauseProducing(). */
  paused = false;

  #buffer: B | null = null;
  #busy = false;

  /** Called when the first bytes arrive. */
  protected abstract makeBuffer(): B;

  /**
   * Take one message from the buffer, which is not empty, and deliver it. False when no complete message is buffered.
   */
  protected abstract deliver(buffer: B): boolean;

  override dataReceived(data: Buffer): void {
    const buffer = this.#buffer ?? this.#begin();
    if (this.#busy) {
      buffer.add(data);
      return;
    }
    this.#busy = true;
    try {
      buffer.lend(data);
      while (!this.paused && buffer.length > 0 && !this.transport.disconnecting && this.deliver(buffer));
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
    this.transport.pauseProducing();
  }

  resumeProducing(): void {
    this.paused = false;
    this.transport.resumeProducing();
    // The transport does not call this, so what a message callback throws must be handled here.
    try {
      this.dataReceived(NOTHING);
    } catch (error) {
      endBy(error, this, this.transport);
    }
  }

  stopProducing(): void {
    this.paused = true;
    this.transport.stopProducing();
  }

  /** Remove and return the bytes that were received but not delivered. */
  protected takeBuffered(): Buffer {
    return this.#buffer?.takeAll() ?? NOTHING;
  }

  /** Handle the result of a callback that may be async. */
  protected watch(result: unknown): void {
    watch(result, this, this.transport);
  }

  #begin(): B {
    this.#buffer = this.makeBuffer();
    return this.#buffer;
  }
}
