/** A token bucket, for traffic shaping. */

import { defaultClock } from "../../internet/reactor/defaultclock.ts";
import type { ReactorTime } from "../../internet/time.ts";

/**
 * A bucket that fills with the bytes that pass and drains over time; bytes that do not fit must wait. A bucket with a
 * parent accepts only what its parent accepts, too. Subclasses set `maxburst` and `rate`.
 * @see http://luxik.cdi.cz/~devik/qos/htb/manual/userg.htm
 */
export class Bucket {
  /** Tokens that it holds at most, or null for any number. */
  maxburst: number | null = null;
  /** Tokens that drain in a second, or null when it drains at once. */
  rate: number | null = null;
  /** Tokens that it holds, as of the last drip(). */
  content = 0;
  /** How many consumers and child buckets use it: while there are any, no filter forgets it. */
  refcount = 0;
  readonly parentBucket: Bucket | null;
  readonly #clock: Pick<ReactorTime, "seconds">;
  #lastDrip: number;

  /**
   * @param clock what it drains by; default: the installed reactor
   * @throws NoClockError when there is neither
   */
  constructor(parentBucket: Bucket | null = null, clock: Pick<ReactorTime, "seconds"> | null = null) {
    this.parentBucket = parentBucket;
    this.#clock = clock ?? defaultClock();
    this.#lastDrip = this.#clock.seconds();
    if (parentBucket !== null) parentBucket.refcount++;
  }

  /** Add up to `amount` tokens; returns how many fitted, in whole tokens, here and in the parent. */
  add(amount: number): number {
    this.drip();
    let fitting = this.maxburst === null ? amount : Math.min(amount, Math.floor(this.maxburst - this.content));
    if (this.parentBucket !== null) fitting = this.parentBucket.add(fitting);
    this.content += fitting;
    return fitting;
  }

  /** Let drain what has drained since the last time, here and in the parent. True when this bucket is empty now. */
  drip(): boolean {
    this.parentBucket?.drip();
    const now = this.#clock.seconds();
    // Clocks of the wall may be put back.
    const passed = Math.max(0, now - this.#lastDrip);
    this.content = this.rate === null ? 0 : Math.max(0, this.content - passed * this.rate);
    this.#lastDrip = now;
    return this.content === 0;
  }

  /** Seconds until `amount` tokens fit, or as many as can ever fit if that is less. */
  secondsUntil(amount: number): number {
    this.drip();
    const above = this.maxburst === null ? 0 : this.content + Math.min(amount, this.maxburst) - this.maxburst;
    const own = above <= 0 || this.rate === null ? 0 : above / this.rate;
    return this.parentBucket === null ? own : Math.max(own, this.parentBucket.secondsUntil(amount));
  }
}
