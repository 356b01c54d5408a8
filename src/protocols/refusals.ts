/** Logs why connections are refused, but not each time: strangers decide how often that is. */
import { msg } from "../logger/log.ts";

/** Seconds without a line after one. */
export const REFUSALS_SECONDS = 60;

/** The refusals of one kind. The first is logged, then one a minute at most, which says how many were not. */
export class Refusals {
  #silentUntil = Number.NEGATIVE_INFINITY;
  #silent = 0;

  /** @param now the time in seconds */
  note(now: number, message: () => string): void {
    if (now < this.#silentUntil) {
      this.#silent++;
      return;
    }
    const since = this.#silent === 0 ? "" : ` (${this.#silent} more like it since the last such line)`;
    this.#silentUntil = now + REFUSALS_SECONDS;
    this.#silent = 0;
    msg(`${message()}${since}`);
  }
}
