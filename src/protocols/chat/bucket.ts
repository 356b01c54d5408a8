/** A token bucket that is full at first. */
import type { TimeSource } from "../../internet/time.ts";

export class Bucket {
  /** Tokens that fit. */
  readonly size: number;
  readonly #clock: TimeSource;
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: number;

  /** @param perSecond tokens that come in a second; Infinity: no limit */
  constructor(clock: TimeSource, perSecond: number, size: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.size = size;
    this.#tokens = size;
    this.#filledAt = clock.seconds();
  }

  get isFull(): boolean {
    return this.#fill() === this.size;
  }

  /** Take a token, if there is one. */
  take(): boolean {
    if (this.#fill() < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Take a token in any case: those that come next may be owed. */
  owe(): void {
    this.#fill();
    this.#tokens--;
  }

  #fill(): number {
    const now = this.#clock.seconds();
    if (this.#perSecond === Number.POSITIVE_INFINITY) this.#tokens = this.size;
    else this.#tokens = Math.min(this.size, this.#tokens + (now - this.#filledAt) * this.#perSecond);
    this.#filledAt = now;
    return this.#tokens;
  }
}
