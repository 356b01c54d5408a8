/** A token bucket, for traffic shaping. */

import { check } from "../../internet/arguments/check.ts";
import { instance, notNegative, orNull, timeSource } from "../../internet/arguments/kinds.ts";
import { defaultClock } from "../../internet/reactor/defaultclock.ts";
import type { ReactorTime } from "../../internet/time.ts";

const CALL = "new Bucket(parentBucket, clock)";

/**
 * A bucket that fills with the bytes that are sent and drains over time; bytes that do not fit must wait. With a parent, it
 * accepts only what fits into the parent as well. Subclasses set `maxburst` and `rate`.
 * @see http://luxik.cdi.cz/~devik/qos/htb/manual/userg.htm
 */
export class Bucket {
  /** Its capacity in tokens, one for each byte; null: unlimited. */
  maxburst: number | null = null;
  /** Tokens that drain per second; null or Infinity: it drains at once. */
  rate: number | null = null;
  /** Tokens in the bucket as of the last drip(). */
  content = 0;
  /** Number of consumers and child buckets that use it. A filter removes only unused buckets. */
  refcount = 0;
  readonly parentBucket: Bucket | null;
  readonly #clock: Pick<ReactorTime, "seconds">;
  #lastDrip: number;

  /**
   * @param clock measures the time; default: the installed reactor
   * @throws TypeError; NoClockError when there is neither a clock nor an installed reactor
   */
  constructor(parentBucket: Bucket | null = null, clock: Pick<ReactorTime, "seconds"> | null = null) {
    check(CALL, "parentBucket", parentBucket, PARENT);
    check(CALL, "clock", clock, CLOCK);
    this.parentBucket = parentBucket;
    this.#clock = clock ?? defaultClock();
    this.#lastDrip = this.#clock.seconds();
    if (parentBucket !== null) parentBucket.refcount++;
  }

  /**
   * Add up to `amount` tokens.
   * @returns how many of them fit, in whole tokens, here and in the parent
   * @throws TypeError | RangeError unless `amount` is a number, 0 or more
   */
  add(amount: number): number {
    if (typeof amount !== "number" || !(amount >= 0)) check("add(amount)", "amount", amount, notNegative);
    this.drip();
    let fitting =
      this.maxburst === null ? amount : Math.min(amount, Math.max(0, Math.floor(this.maxburst - this.content)));
    if (this.parentBucket !== null) fitting = this.parentBucket.add(fitting);
    this.content += fitting;
    return fitting;
  }

  /** Remove the tokens that have drained since the last call, here and in the parent. True when this bucket is empty. */
  drip(): boolean {
    this.parentBucket?.drip();
    const now = this.#clock.seconds();
    // A wall clock may be set back.
    const passed = Math.max(0, now - this.#lastDrip);
    const { rate } = this;
    this.content = rate === null || rate === Number.POSITIVE_INFINITY ? 0 : Math.max(0, this.content - passed * rate);
    this.#lastDrip = now;
    return this.content === 0;
  }

  /**
   * Seconds until `amount` tokens fit, or a full bucket if that is less.
   * @throws TypeError | RangeError as {@link add}
   */
  secondsUntil(amount: number): number {
    if (typeof amount !== "number" || !(amount >= 0)) check("secondsUntil(amount)", "amount", amount, notNegative);
    this.drip();
    const above = this.maxburst === null ? 0 : this.content + Math.min(amount, this.maxburst) - this.maxburst;
    const own = above <= 0 || this.rate === null ? 0 : above / this.rate;
    return this.parentBucket === null ? own : Math.max(own, this.parentBucket.secondsUntil(amount));
  }
}

const PARENT = orNull(instance(Bucket));
const CLOCK = orNull(timeSource);
