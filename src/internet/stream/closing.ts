/**
 * How a stream transport ends: which of its halves, when, and who is told. Every transport that carries a protocol
 * extends this class: the engine's connections, a Node stream as a transport, and the in-memory ones.
 *
 * ```
 *          loseWriteConnection()               FIN sent
 *   open ───────────────────────▶ half-closing ────────▶ half-closed
 *     │                                │                     │
 *     └──── loseConnection() ──────────┴─────────┬───────────┘
 *                                                ▼   all sent
 *                                             closing ────────▶ lost      abortConnection(), an error, a protocol
 *                                                                         method that throws: from every state to lost
 * ```
 *
 * One rule decides when an end that was asked for begins, see {@link dueEnd}. It is applied again whenever something
 * that it depends on has changed: a method was called, a producer registered, paused, resumed or unregistered.
 * docs/internals.md has the rules as a table; test/conformance/closing-table.test.ts and
 * test/unit/closing-table.test.ts test each of its cells.
 */

import { nameOf } from "../../logger/describe.ts";
import { err } from "../../logger/log.ts";
import { ensureProducer } from "../arguments/transports.ts";
import type { Failure } from "../failure.ts";
import type { HalfCloseableProtocol, Producer, ProtocolLike, PullProducer, PushProducer } from "../interfaces.ts";
import { logRejection, onRejection } from "../rejection.ts";

const STOP_FAILED = "A producer threw in stopProducing()";

/** loseConnection() was called. */
export const CLOSING = 1 << 0;
/** abortConnection() was called, or a method threw: nothing is delivered any more. */
export const ABORTED = 1 << 1;
/** The connection is gone, and the protocol was told. */
export const LOST = 1 << 2;
/** loseWriteConnection() was called. */
export const HALF_CLOSING = 1 << 3;
/** Our FIN is out. */
export const WRITE_ENDED = 1 << 4;
/** The peer's FIN has come. */
export const PEER_ENDED = 1 << 5;
/** A producer is registered; it is a push producer; it is paused. */
export const PRODUCER = 1 << 6;
export const STREAMING = 1 << 7;
export const PRODUCER_PAUSED = 1 << 8;
/** The end has begun: the FIN, or the close, follows as soon as all that was written is sent. */
export const FIN_DUE = 1 << 9;
export const CLOSE_DUE = 1 << 10;
/** The first bit that subclasses may use. */
export const OWN_BITS = 11;

const GONE = ABORTED | LOST;
/** Nothing is read any more. */
export const DEAF = CLOSING | GONE;
/** The write side is ending or has ended: a producer is asked for nothing more. */
const MUTE = FIN_DUE | CLOSE_DUE | GONE;

/** What has to begin now: nothing, the end of the write side (FIN), or the end of the connection. */
export type End = 0 | typeof FIN_DUE | typeof CLOSE_DUE;

/**
 * The rule. What was asked for begins at once, unless a producer has more to write: a pull producer until it
 * unregisters, a push producer while it is paused. A push producer that is not paused holds nothing up: nobody can know
 * whether it will write again. Once the FIN has begun, no producer can write, so none holds the close up.
 */
export function dueEnd(flags: number): End {
  if ((flags & (GONE | CLOSE_DUE)) !== 0) return 0;
  const producing = (flags & (PRODUCER | FIN_DUE)) === PRODUCER;
  if (producing && (flags & (STREAMING | PRODUCER_PAUSED)) !== STREAMING) return 0;
  if ((flags & CLOSING) !== 0) return CLOSE_DUE;
  return (flags & (HALF_CLOSING | FIN_DUE)) === HALF_CLOSING ? FIN_DUE : 0;
}

/** Whether a producer may be registered. A push producer may stay beside a half that has ended: it may be the other half of a relay. */
export function takesProducer(flags: number, streaming: boolean): boolean {
  return (flags & (streaming ? CLOSE_DUE | GONE : MUTE)) === 0;
}

/** The part of a transport that ends it, and that looks after its producer. Flags are bits of one field. */
export abstract class ClosingTransport {
  protected flags = 0;
  /** The protocol that is told. Undefined before the first one, and after the loss. */
  protected receiver: ProtocolLike | undefined;
  protected registered: Producer | undefined;
  /** Why the connection ends, when neither the kernel nor the peer ended it. */
  protected reason: Failure | undefined;

  constructor() {
    this.receiver = undefined;
    this.registered = undefined;
    this.reason = undefined;
  }

  // --- what a kind of transport brings -------------------------------------------------------------------------------

  /** Read no more, and drop what was read and not delivered. The end may have begun already. */
  protected abstract stopReading(): void;
  /** Send what is queued, then the FIN; then call {@link writeEnded}. */
  protected abstract sendThenFin(): void;
  /** Send what is queued, then close; then call {@link lost}. What was written meanwhile is sent too, while it can be. */
  protected abstract sendThenClose(): void;
  /** Drop what is queued, and close; then call {@link lost}. */
  protected abstract cut(): void;
  /** Whether {@link drained} is to be called whenever the queue runs empty. */
  protected abstract wantDrain(on: boolean): void;
  /** A method of the protocol or of the producer threw, or its promise was rejected. */
  protected abstract fail(error: unknown): void;

  // --- for protocols -------------------------------------------------------------------------------------------------

  get disconnecting(): boolean {
    return (this.flags & CLOSING) !== 0;
  }

  loseConnection(): void {
    if ((this.flags & DEAF) !== 0) return;
    this.flags |= CLOSING;
    this.beginDueEnd();
    this.stopReading();
  }

  abortConnection(): void {
    if ((this.flags & GONE) !== 0) return;
    this.flags |= ABORTED | CLOSING;
    this.stopReading();
    this.cut();
  }

  loseWriteConnection(): void {
    if ((this.flags & (HALF_CLOSING | DEAF)) !== 0) return;
    this.flags |= HALF_CLOSING;
    this.beginDueEnd();
  }

  stopProducing(): void {
    this.loseConnection();
  }

  registerProducer(producer: PushProducer | PullProducer, streaming: boolean): void {
    ensureProducer(producer, streaming);
    if (this.registered !== undefined) {
      throw new Error("This transport already has a producer: call unregisterProducer() first.");
    }
    if (!takesProducer(this.flags, streaming)) {
      logRejection(producer.stopProducing(), STOP_FAILED);
      return;
    }
    this.registered = producer;
    this.flags |= streaming ? PRODUCER | STREAMING : PRODUCER;
    if (streaming) return;
    this.wantDrain(true);
    this.askFirst();
  }

  unregisterProducer(): void {
    if (this.registered === undefined) return;
    this.registered = undefined;
    this.flags &= ~(PRODUCER | STREAMING | PRODUCER_PAUSED);
    this.wantDrain(false);
    this.beginDueEnd();
  }

  /** Ask a pull producer that was just registered for its first piece. */
  protected askFirst(): void {
    this.resumeProducer();
  }

  // --- for a kind of transport ---------------------------------------------------------------------------------------

  /** Call this when more waits to be sent than the high-water mark. */
  protected pauseProducer(): void {
    if ((this.flags & (STREAMING | PRODUCER_PAUSED)) !== STREAMING) return;
    this.flags |= PRODUCER_PAUSED;
    this.wantDrain(true);
    try {
      watch(this, (this.registered as PushProducer).pauseProducing());
    } catch (error) {
      this.fail(error);
    }
  }

  /** All that was written is sent: a pull producer is asked for more, a push producer that is paused goes on. */
  drained(): void {
    if ((this.flags & PRODUCER) === 0 || (this.flags & MUTE) !== 0) return;
    if ((this.flags & STREAMING) === 0) {
      this.resumeProducer();
      return;
    }
    if ((this.flags & PRODUCER_PAUSED) === 0) return;
    this.flags &= ~PRODUCER_PAUSED;
    this.wantDrain(false);
    this.resumeProducer();
    this.beginDueEnd();
  }

  /** The peer's FIN has come, and everything before it was delivered. */
  protected peerEnded(): void {
    this.flags |= PEER_ENDED;
    if ((this.flags & DEAF) !== 0) return;
    const protocol = this.receiver as Partial<HalfCloseableProtocol>;
    try {
      if (typeof protocol.readConnectionLost !== "function") {
        this.loseConnection();
        return;
      }
      watch(this, protocol.readConnectionLost());
    } catch (error) {
      this.fail(error);
    }
    this.closeWhenBothEnded();
  }

  /** Our FIN is out. */
  writeEnded(): void {
    this.flags |= WRITE_ENDED;
    if ((this.flags & GONE) !== 0) return;
    const protocol = this.receiver as Partial<HalfCloseableProtocol> | undefined;
    try {
      watch(this, protocol?.writeConnectionLost?.());
    } catch (error) {
      this.fail(error);
    }
    this.closeWhenBothEnded();
  }

  /** The connection is gone: stop the producer, tell the protocol, and forget both. */
  protected lost(reason: Failure): void {
    const { registered, receiver } = this;
    this.flags |= LOST;
    this.flags &= ~(PRODUCER | STREAMING | PRODUCER_PAUSED);
    this.registered = undefined;
    this.receiver = undefined;
    this.reason = undefined;
    try {
      logRejection(registered?.stopProducing(), STOP_FAILED);
    } catch (error) {
      err(error, STOP_FAILED);
    }
    try {
      const result: unknown = receiver?.connectionLost(reason);
      if (result !== undefined) logRejection(result, `${nameOf(receiver)} threw in connectionLost()`);
    } catch (error) {
      err(error, `${nameOf(receiver)} threw in connectionLost()`);
    }
  }

  /** Let the end that is due begin, if there is one. Call this after each change that {@link dueEnd} depends on. */
  protected beginDueEnd(): void {
    const end = dueEnd(this.flags);
    if (end === 0) return;
    this.flags |= end;
    if (end === CLOSE_DUE) this.sendThenClose();
    else this.sendThenFin();
  }

  /** @internal For {@link watch}. */
  failed(error: unknown): void {
    this.fail(error);
  }

  private resumeProducer(): void {
    try {
      watch(this, (this.registered as PullProducer).resumeProducing());
    } catch (error) {
      this.fail(error);
    }
  }

  private closeWhenBothEnded(): void {
    const both = PEER_ENDED | WRITE_ENDED;
    if ((this.flags & both) === both) this.loseConnection();
  }
}

/** A method may be async: what it rejects with ends its connection, as if it had thrown. Never throws. */
export function watch(transport: ClosingTransport, result: unknown): void {
  if (result !== undefined) onRejection(result, (error) => transport.failed(error));
}
