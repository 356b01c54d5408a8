/**
 * Something that is read at most once a second, however many ask, and takes a tenth of the time at most: what took longer than
 * a tenth of a second to read is kept for ten times as long as that, though not for more than KEPT_MAX.
 */
import type { ReactorTime } from "../../internet/time.ts";

/** Seconds between the beginnings of two readings, at least. */
export const SNAPSHOT_SECONDS = 1;
/** How many times as long as it took to read something it is kept. */
const SHARE = 10;
/** Seconds for which it is kept at most: whoever waits for the next reading waits no longer, and for that reading. */
const KEPT_MAX = 30;

/** What a reading came to. */
export interface Reading<T> {
  readonly value: T;
  /** When it began, in the clock's seconds. */
  readonly began: number;
}

/** The latest reading, shared by all who ask. */
export class Snapshot<T> {
  readonly #read: () => Promise<T>;
  readonly #clock: ReactorTime;
  #latest: Promise<Reading<T>> | null = null;
  #began = Number.NEGATIVE_INFINITY;
  /** Fulfilled when the reading that is being made is over. */
  #over: Promise<void> | null = null;
  #keptUntil = Number.NEGATIVE_INFINITY;
  /** The reading that will begin when the latest is no longer kept, for all who wait for it. */
  #next: Promise<Reading<T>> | null = null;

  constructor(clock: ReactorTime, read: () => Promise<T>) {
    this.#clock = clock;
    this.#read = read;
  }

  /** The reading that is kept or being made; else a new one. */
  latest(): Promise<Reading<T>> {
    return this.#latest !== null && this.#isKept() ? this.#latest : this.#begin();
  }

  /** A reading that begins from now on, when the latest is no longer kept. */
  next(): Promise<Reading<T>> {
    if (this.#next === null && !this.#isKept()) return this.#begin();
    this.#next ??= this.#later(this.#clock.seconds());
    return this.#next;
  }

  #isKept(): boolean {
    return this.#over !== null || this.#clock.seconds() < this.#keptUntil;
  }

  async #later(asked: number): Promise<Reading<T>> {
    await this.#over;
    const rest = this.#keptUntil - this.#clock.seconds();
    if (rest > 0) await new Promise<void>((resolve) => void this.#clock.callLater(rest, resolve));
    this.#next = null;
    // Somebody else may have begun it in this very moment.
    return this.#latest !== null && this.#began > asked ? this.#latest : this.#begin();
  }

  #begin(): Promise<Reading<T>> {
    const began = this.#clock.seconds();
    this.#began = began;
    const over = (): void => {
      const took = this.#clock.seconds() - began;
      this.#keptUntil = began + Math.min(Math.max(SNAPSHOT_SECONDS, SHARE * took), KEPT_MAX);
      this.#over = null;
    };
    const reading = this.#read();
    this.#latest = reading.then((value) => ({ value, began }));
    this.#over = reading.then(over, over);
    return this.#latest;
  }
}
