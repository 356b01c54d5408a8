/** A protocol whose states each receive a fixed number of bytes. Follows twisted.protocols.stateful. */
import { BufferView } from "../internet/engine/view.ts";
import { SkeinError } from "../internet/error.ts";
import type { Failure } from "../internet/failure.ts";
import type { Transport } from "../internet/interfaces.ts";
import { Protocol } from "../internet/protocol.ts";
import {
  ACCEPTED,
  AWAIT_DRAIN,
  DRAINED,
  type DrainWaiter,
  OVER_MARK,
  sendQueueOf,
  TAKEN_OVER,
  UNDELIVERED,
} from "../internet/stream/sendqueue.ts";
import { endBy, ensureState } from "./guard.ts";
import { MessageBuffer } from "./messagebuffer.ts";

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Called with the bytes of a state, which the callee owns; `this` is the protocol. Returns the next state, or nothing to
 * stay in the same one.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a method without a return statement is one of these.
export type StateCallback = (data: Buffer) => State | null | undefined | void;

/** The callback of the next message, and the length of that message in bytes. */
export type State = readonly [callback: StateCallback, length: number];

/**
 * Splits the stream into the messages that its states expect, as in
 *
 *     getInitialState(): State { return [this.header, 4]; }
 *     header(data: Buffer): State { return [this.body, data.readUInt32BE()]; }
 *     body(data: Buffer): State { …; return [this.header, 4]; }
 *
 * Check a length that the peer sent before you return it: that many bytes are buffered as they arrive. Delivery stops when
 * loseConnection() or abortConnection() was called. On a connection that was accepted it also stops, between two messages,
 * while more than 64 KiB wait to be sent, and goes on by itself when they were sent. Once another protocol has the connection,
 * nothing more is delivered, and what was not is dropped.
 */
export class StatefulProtocol extends Protocol implements DrainWaiter {
  #callback: StateCallback | null = null;
  #length = 0;
  /** A message that has arrived in part. */
  readonly #partial = new MessageBuffer();
  /** Bytes that are held back until the send queue has drained. */
  /** Bytes behind the message that is delivered. */
  #behind = 0;
  #rest: Buffer = NOTHING;
  /** Another protocol has the connection. */
  #over = false;

  /** The first state. Called after connectionMade(). */
  getInitialState(): State {
    throw new SkeinError(`${this.constructor.name} must override getInitialState().`);
  }

  override makeConnection(transport: Transport): unknown {
    this.#over = false;
    const made = super.makeConnection(transport);
    this.#enter(this.getInitialState());
    return made;
  }

  override dataReceived(received: Buffer): void {
    if (this.#over) return;
    const data = this.#rest.length === 0 ? received : Buffer.concat([this.#rest, received]);
    this.#rest = NOTHING;
    // A message may be transferred: its memory is then gone.
    const { length } = data;
    let at = 0;
    if (this.#partial.missing > 0) {
      if (this.#holdsBack(data, at)) return;
      at = this.#partial.add(data);
      this.#behind = length - at;
      if (this.#partial.missing > 0 || !this.#deliver(this.#partial.take())) return;
    }
    while (length - at >= this.#length) {
      if (this.#holdsBack(data, at)) return;
      const from = at;
      at += this.#length;
      this.#behind = length - at;
      const message = this.#length === length ? data : new BufferView(data.subarray(from, at));
      if (!this.#deliver(message)) return;
    }
    if (at === length) return;
    this.#partial.expect(this.#length);
    this.#partial.add(data.subarray(at));
  }

  override connectionLost(reason: Failure): unknown {
    this.#rest = NOTHING;
    return super.connectionLost(reason);
  }

  /** @internal Deliver what was held back. */
  [DRAINED](): void {
    try {
      this.dataReceived(NOTHING);
    } catch (error) {
      endBy(error, this, this.transport);
    }
  }

  /** Keep `data` from `at` on if the send queue is over its high-water mark. */
  #holdsBack(data: Buffer, at: number): boolean {
    const queue = sendQueueOf(this.transport);
    if (queue[OVER_MARK] !== true || queue[ACCEPTED] !== true || queue[AWAIT_DRAIN]?.(this) !== true) return false;
    this.#rest = new BufferView(data.subarray(at));
    return true;
  }

  /** @internal */
  get [UNDELIVERED](): number {
    return this.#behind + this.#rest.length;
  }

  /** @internal */
  [TAKEN_OVER](): void {
    this.#over = true;
    this.#rest = NOTHING;
    this.#partial.clear();
  }

  /** False when the connection is closing, or another protocol's: nothing more is delivered. */
  #deliver(data: Buffer): boolean {
    const next = this.#callback!.call(this, data);
    ensureState(next, this, this.transport);
    if (this.#over || this.transport.disconnecting) return false;
    if (next !== null && next !== undefined) {
      this.#enter(next);
    } else if (this.#length === 0) {
      throw new SkeinError(
        `${this.logPrefix()} stays in a state of 0 bytes, which would never end: return another state.`,
      );
    }
    return true;
  }

  #enter(state: State): void {
    const length = state[1];
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new SkeinError(
        `${this.logPrefix()} cannot wait for ${String(length)} bytes: a state is [callback, whole number of bytes].`,
      );
    }
    this.#callback = state[0];
    this.#length = length;
  }
}
