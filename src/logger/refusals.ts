/** Lines of the log that peers can cause at will, as the refusal of a connection: the first of a kind, then one a minute. */
import { err, msg } from "./log.ts";

/** Seconds without a line after one. */
export const REFUSALS_SECONDS = 60;

/** The lines of one kind. The first is logged, then one a minute at most, which says how many were not. */
export class Refusals {
  #silentUntil = Number.NEGATIVE_INFINITY;
  #silent = 0;

  /** @param now the time in seconds, of a clock that is never set back */
  note(now: number, message: () => string): void {
    const since = this.#since(now);
    if (since !== null) msg(`${message()}${since}`);
  }

  /** The same for an error of the program that a peer can cause, which is logged with its stack. */
  noteError(now: number, error: unknown, message: () => string): void {
    const since = this.#since(now);
    if (since !== null) err(error, `${message()}${since}`);
  }

  /** What to add to the line; null when this one is counted only. */
  #since(now: number): string | null {
    if (now < this.#silentUntil) {
      this.#silent++;
      return null;
    }
    const since = this.#silent === 0 ? "" : ` (${this.#silent} more like it since the last such line)`;
    this.#silentUntil = now + REFUSALS_SECONDS;
    this.#silent = 0;
    return since;
  }
}

/** The lines of one kind for each owner, as the factory or the clock that connections share. */
export class RefusalsByOwner {
  readonly #refusals = new WeakMap<object, Refusals>();

  of(owner: object): Refusals {
    let refusals = this.#refusals.get(owner);
    if (refusals === undefined) {
      refusals = new Refusals();
      this.#refusals.set(owner, refusals);
    }
    return refusals;
  }
}
