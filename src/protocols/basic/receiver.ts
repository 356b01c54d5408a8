/** What all framings share: bytes come in, messages go out one at a time, until told to stop. */
import type { Failure } from "../../internet/failure.ts";
import type { PushProducer } from "../../internet/interfaces.ts";
import { Protocol } from "../../internet/protocol.ts";
import { endBy, watch } from "../guard.ts";
import type { Accumulator } from "./accumulator.ts";

export const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Cuts a stream into messages. Delivery stops when the connection is told to close. It can be paused, also by a method
 * that is given a message: the rest is delivered after resumeProducing().
 *
 * Messages belong to whoever receives them. The class borrows what the engine received, so a subclass that overrides
 * dataReceived() must copy what it keeps, and one that overrides connectionLost() and pauses must call it here too: what
 * was not delivered by then is dropped. A method that is given a message may be async: when it rejects, the
 * connection ends, as it does when it throws.
 */
export abstract class FrameReceiver<B extends Accumulator> extends Protocol implements PushProducer {
  static override readonly borrows: boolean = true;

  /** True while nothing is delivered, after pauseProducing(). */
  paused = false;

  #buffer: B | null = null;
  #busy = false;

  /** Made when the first bytes come. */
  protected abstract makeBuffer(): B;

  /** Take one message from the buffer, which is not empty, and deliver it. False when there is none to deliver now. */
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
    // Not called by the transport, so nobody but us ends the connection when a message is thrown over.
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

  /** What was received and not delivered; it is forgotten. */
  protected takeBuffered(): Buffer {
    return this.#buffer?.takeAll() ?? NOTHING;
  }

  /** For what a method returned that may be async. */
  protected watch(result: unknown): void {
    watch(result, this, this.transport);
  }

  #begin(): B {
    this.#buffer = this.makeBuffer();
    return this.#buffer;
  }
}
