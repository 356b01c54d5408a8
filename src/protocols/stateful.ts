/** A protocol that waits for so many bytes at a time. Follows twisted.protocols.stateful. */
import { SkeinError } from "../internet/error.ts";
import type { Transport } from "../internet/interfaces.ts";
import { Protocol } from "../internet/protocol.ts";

/**
 * Called with the bytes that a state waited for, which are the callee's to keep; `this` is the protocol. It returns the
 * next state, or nothing to stay in the same one.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a method without a return statement is one of these.
export type StateCallback = (data: Buffer) => State | null | undefined | void;

/** What is called next, and for how many bytes. */
export type State = readonly [callback: StateCallback, length: number];

const EMPTY: Buffer = Buffer.alloc(0);
/** Bytes: the least memory for the beginning of a message. */
const SMALLEST = 64;

/**
 * Cuts the stream where its states say, as in
 *
 *     getInitialState(): State { return [this.header, 4]; }
 *     header(data: Buffer): State { return [this.body, data.readUInt32BE()]; }
 *     body(data: Buffer): State { …; return [this.header, 4]; }
 *
 * A length from the wire must be looked at before it is returned: so much is gathered in memory, as it comes. Delivery
 * stops when the connection is told to close.
 */
export class StatefulProtocol extends Protocol {
  #callback: StateCallback | null = null;
  #length = 0;
  /** The beginning of what the state waits for. */
  #gathered = EMPTY;
  #count = 0;

  /** The first state. Called after connectionMade(). */
  getInitialState(): State {
    throw new SkeinError(`${this.constructor.name} goes from state to state: it must override getInitialState().`);
  }

  override makeConnection(transport: Transport): unknown {
    const made = super.makeConnection(transport);
    this.#enter(this.getInitialState());
    return made;
  }

  override dataReceived(data: Buffer): void {
    let at = 0;
    if (this.#count > 0) {
      at = Math.min(this.#length - this.#count, data.length);
      this.#gather(data, 0, at);
      if (this.#count < this.#length) return;
      const whole = this.#gathered.subarray(0, this.#count);
      this.#gathered = EMPTY;
      this.#count = 0;
      if (!this.#deliver(whole)) return;
    }
    while (data.length - at >= this.#length) {
      const from = at;
      at += this.#length;
      if (!this.#deliver(data.subarray(from, at))) return;
    }
    this.#gather(data, at, data.length);
  }

  /** False when the connection closes: nothing more is delivered. */
  #deliver(data: Buffer): boolean {
    const next = this.#callback!.call(this, data);
    if (this.transport.disconnecting) return false;
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

  /** Copy `data[from, to)` behind what was gathered. Memory grows with what comes, not with what was announced. */
  #gather(data: Buffer, from: number, to: number): void {
    const count = this.#count + to - from;
    if (count > this.#gathered.length) {
      const grown = Buffer.allocUnsafeSlow(
        Math.min(this.#length, Math.max(SMALLEST, count, this.#gathered.length * 2)),
      );
      this.#gathered.copy(grown, 0, 0, this.#count);
      this.#gathered = grown;
    }
    data.copy(this.#gathered, this.#count, from, to);
    this.#count = count;
  }
}
