/**
 * How a stream transport closes: which half, when, and who is notified. Every transport that carries a protocol extends
 * this class: the engine's connections, a Node stream as a transport, and the in-memory ones.
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
 * One rule decides when a requested half-close or close begins: see {@link dueEnd}. It is applied whenever its input has
 * changed: a method was called, or a producer was registered, paused, resumed or unregistered.
 * docs/internals.md has the rules as a table; test/conformance/closing-table.test.ts and
 * test/unit/closing-table.test.ts test each of its cells.
 */

import { nameOf } from "../../logger/describe.ts";
import { err } from "../../logger/log.ts";
import { ensureProducer } from "../arguments/transports.ts";
import type { Failure } from "../failure.ts";
import type { HalfCloseableProtocol, Producer, ProtocolLike, PullProducer, PushProducer } from "../interfaces.ts";
import { logRejection, onRejection } from "../rejection.ts";
import {
  ACCEPTED,
  AWAIT_DRAIN,
  DRAINED,
  type DrainWaiter,
  OVER_MARK,
  type SendQueue,
  tellTakenOver,
} from "./sendqueue.ts";

const STOP_FAILED = "A producer threw in stopProducing()";

/** loseConnection() was called. */
export const CLOSING = 1 << 0;
/** abortConnection() was called, or a method of the protocol threw: nothing more is delivered. */
export const ABORTED = 1 << 1;
/** The connection is gone, and connectionLost() was called. */
export const LOST = 1 << 2;
/** loseWriteConnection() was called. */
export const HALF_CLOSING = 1 << 3;
/** Our FIN was sent. */
export const WRITE_ENDED = 1 << 4;
/** The peer's FIN has arrived. */
export const PEER_ENDED = 1 << 5;
/** A producer is registered; it is a push producer; it is paused. */
export const PRODUCER = 1 << 6;
export const STREAMING = 1 << 7;
export const PRODUCER_PAUSED = 1 << 8;
/** The half-close, or the close, has begun: it completes as soon as everything written is sent. */
export const FIN_DUE = 1 << 9;
export const CLOSE_DUE = 1 << 10;
/** The send queue was over its high-water mark after the last write, and has not drained since. */
const OVER = 1 << 11;
/** Receivers wait until the send queue has drained: nothing is read. */
export const HELD_BACK = 1 << 12;
/** The first bit that subclasses may use. */
export const OWN_BITS = 13;

const GONE = ABORTED | LOST;
/** Nothing more is delivered to the protocol. */
export const DEAF = CLOSING | GONE;
/** The write side is closing or closed: producers are not resumed any more. */
const MUTE = FIN_DUE | CLOSE_DUE | GONE;

/** What must begin now: nothing, the half-close (FIN), or the close. */
export type End = 0 | typeof FIN_DUE | typeof CLOSE_DUE;

/**
 * The rule. A requested half-close or close begins at once, unless a producer has more to write: a pull producer until it
 * unregisters, a push producer while it is paused. A push producer that is not paused delays nothing, since it is unknown
 * whether it will write again. After the half-close no producer can write, so none delays the close.
 */
export function dueEnd(flags: number): End {
  if ((flags & (GONE | CLOSE_DUE)) !== 0) return 0;
  const producing = (flags & (PRODUCER | FIN_DUE)) === PRODUCER;
  if (producing && (flags & (STREAMING | PRODUCER_PAUSED)) !== STREAMING) return 0;
  if ((flags & CLOSING) !== 0) return CLOSE_DUE;
  return (flags & (HALF_CLOSING | FIN_DUE)) === HALF_CLOSING ? FIN_DUE : 0;
}

/** Whether a producer can be registered. A push producer can, even after a half-close: it may be one side of a relay. */
export function takesProducer(flags: number, streaming: boolean): boolean {
  return (flags & (streaming ? CLOSE_DUE | GONE : MUTE)) === 0;
}

/** The part of a transport that closes it and controls its producer. The flags are bits of one field. */
export abstract class ClosingTransport implements SendQueue {
  protected flags = 0;
  /** The protocol. Undefined before the first one, and after the loss. */
  protected receiver: ProtocolLike | undefined;
  protected registered: Producer | undefined;
  /** The reason of the loss, when neither the kernel nor the peer closes the connection. */
  protected reason: Failure | undefined;
  /** Who is told when the send queue has drained. Defined while HELD_BACK is set. */
  private waiters: DrainWaiter[] | undefined;

  constructor() {
    this.receiver = undefined;
    this.registered = undefined;
    this.reason = undefined;
    this.waiters = undefined;
  }

  // --- implemented by subclasses -------------------------------------------------------------------------------------

  /** Stop reading, and drop what was read but not delivered. The close may have begun before. */
  protected abstract stopReading(): void;
  /** Flush the send queue, then send FIN; then call {@link writeEnded}. */
  protected abstract sendThenFin(): void;
  /** Flush the send queue, including later writes while that is possible, then close; then call {@link lost}. */
  protected abstract sendThenClose(): void;
  /** Drop the send queue and close; then call {@link lost}. */
  protected abstract cut(): void;
  /** Enable or disable calls of {@link drained} whenever the send queue runs empty. */
  protected abstract wantDrain(on: boolean): void;
  /** Whether the send queue is over its high-water mark now. False when nothing can be written any more. */
  protected abstract stillOverMark(): boolean;
  /** Stop reading for receivers that wait. The protocol may pause and resume meanwhile: that is remembered. */
  protected abstract holdReading(): void;
  /** No receiver waits any more: read on, unless the protocol has paused. Never delivers from inside this call. */
  protected abstract readOn(): void;
  /** A method of the protocol or of the producer threw, or its promise was rejected. */
  protected abstract fail(error: unknown): void;

  // --- for protocols -------------------------------------------------------------------------------------------------

  get disconnecting(): boolean {
    return (this.flags & CLOSING) !== 0;
  }

  loseConnection(): void {
    if ((this.flags & DEAF) !== 0) return;
    this.flags |= CLOSING;
    this.forgetWaiters();
    this.beginDueEnd();
    this.stopReading();
  }

  abortConnection(): void {
    if ((this.flags & GONE) !== 0) return;
    this.flags |= ABORTED | CLOSING;
    this.forgetWaiters();
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
    if (this.waiters === undefined) this.wantDrain(false);
    this.beginDueEnd();
  }

  get [OVER_MARK](): boolean {
    return (this.flags & OVER) !== 0;
  }

  /** Where nobody knows who made the connection, receivers do not wait: both sides may be such ones. */
  get [ACCEPTED](): boolean {
    return false;
  }

  [AWAIT_DRAIN](waiter: DrainWaiter): boolean {
    const { waiters } = this;
    if (waiters !== undefined && waiters.length > 0) {
      if (!waiters.includes(waiter)) waiters.push(waiter);
      return true;
    }
    if ((this.flags & DEAF) !== 0 || !this.stillOverMark()) {
      this.flags &= ~OVER;
      return false;
    }
    this.waiters = [waiter];
    this.flags |= HELD_BACK;
    this.wantDrain(true);
    this.holdReading();
    return true;
  }

  /** Resume a pull producer that was just registered, for its first chunk. */
  protected askFirst(): void {
    this.resumeProducer();
  }

  // --- for subclasses ------------------------------------------------------------------------------------------------

  /** Call this when the send queue exceeds the high-water mark. */
  protected markExceeded(): void {
    this.flags |= OVER;
    if ((this.flags & (STREAMING | PRODUCER_PAUSED)) !== STREAMING) return;
    this.flags |= PRODUCER_PAUSED;
    this.wantDrain(true);
    try {
      watch(this, (this.registered as PushProducer).pauseProducing());
    } catch (error) {
      this.fail(error);
    }
  }

  /** The send queue is empty: tell waiting receivers, and resume a pull producer, or a push producer that is paused. */
  drained(): void {
    // Receivers come first: a producer that fills the queue each time must not keep them waiting.
    this.tellWaiters();
    if ((this.flags & PRODUCER) === 0 || (this.flags & MUTE) !== 0) return;
    if ((this.flags & STREAMING) === 0) {
      this.resumeProducer();
      return;
    }
    if ((this.flags & PRODUCER_PAUSED) === 0) return;
    this.flags &= ~PRODUCER_PAUSED;
    if (this.waiters === undefined) this.wantDrain(false);
    this.resumeProducer();
    // Receivers may have filled the queue again.
    if ((this.flags & OVER) !== 0 && this.stillOverMark()) this.markExceeded();
    this.beginDueEnd();
  }

  /** Nothing waits to be sent: receivers that wait may deliver. */
  protected tellWaiters(): void {
    this.flags &= ~OVER;
    const told = this.waiters;
    if (told === undefined) return;
    this.waiters = [];
    for (const waiter of told) waiter[DRAINED]();
    // One may wait again, or have closed the connection or given it away.
    if ((this.waiters as DrainWaiter[] | undefined)?.length === 0) this.waitNoLonger();
  }

  /** Set the next protocol, before its makeConnection(). Receivers that wait belong to the one before, and hold nothing up. */
  protected giveTo(next: ProtocolLike): void {
    const before = this.receiver;
    this.receiver = next;
    if (before !== undefined && before !== next) tellTakenOver(before);
    if (this.waiters !== undefined) this.waitNoLonger();
  }

  private waitNoLonger(): void {
    this.forgetWaiters();
    if ((this.flags & PRODUCER) === 0) this.wantDrain(false);
    this.readOn();
  }

  /** Nothing more is delivered. */
  protected forgetWaiters(): void {
    this.waiters = undefined;
    this.flags &= ~HELD_BACK;
  }

  /** The peer's FIN has arrived, and everything before it was delivered. */
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

  /** Our FIN was sent. */
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

  /** The connection is gone: stop the producer, call connectionLost(), and release both. */
  protected lost(reason: Failure): void {
    const { registered, receiver } = this;
    this.flags |= LOST;
    this.flags &= ~(PRODUCER | STREAMING | PRODUCER_PAUSED);
    this.forgetWaiters();
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

  /** Begin the half-close or close that is due, if any. Call this after each change that {@link dueEnd} depends on. */
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

/** Handle the result of a method that may be async: a rejection ends the connection, like an exception. Never throws. */
export function watch(transport: ClosingTransport, result: unknown): void {
  if (result !== undefined) onRejection(result, (error) => transport.failed(error));
}
