/** Limits how many lines a client sends: a token bucket that is full at first, and a count of what it turned away. */
import type { TimeSource } from "../../internet/time.ts";

export interface LineRateLimits {
  /** Lines per second on average. */
  readonly linesPerSecond: number;
  /** Lines at once after a silence, and dropped lines that are too many. */
  readonly lineBurst: number;
}

/** What to do with a line. */
export type LineVerdict = "take" | "warn" | "drop" | "close";

export class LineRate {
  readonly #clock: TimeSource;
  readonly #limits: LineRateLimits;
  /** Lines that may come now. */
  #tokens: number;
  #filledAt: number;
  /** Lines dropped since the bucket was full last. */
  #dropped = 0;

  constructor(clock: TimeSource, limits: LineRateLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#tokens = limits.lineBurst;
    this.#filledAt = clock.seconds();
  }

  /** A line has arrived. */
  judge(): LineVerdict {
    const { linesPerSecond, lineBurst } = this.#limits;
    if (linesPerSecond === Number.POSITIVE_INFINITY) return "take";
    const now = this.#clock.seconds();
    this.#tokens = Math.min(lineBurst, this.#tokens + (now - this.#filledAt) * linesPerSecond);
    this.#filledAt = now;
    if (this.#tokens === lineBurst) this.#dropped = 0;
    if (this.#tokens >= 1) {
      this.#tokens--;
      return "take";
    }
    this.#dropped++;
    if (this.#dropped >= lineBurst) return "close";
    return this.#dropped === 1 ? "warn" : "drop";
  }
}
