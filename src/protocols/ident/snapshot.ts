/** Something that is read at most once a second, however many ask. */
import type { ReactorTime } from "../../internet/time.ts";

/** Seconds between the beginnings of two readings. */
export const SNAPSHOT_SECONDS = 1;

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
  /** The reading that will begin when a second is over, for all who wait for it. */
  #next: Promise<Reading<T>> | null = null;

  constructor(clock: ReactorTime, read: () => Promise<T>) {
    this.#clock = clock;
    this.#read = read;
  }

  /** A reading that began at most a second ago. */
  latest(): Promise<Reading<T>> {
    const age = this.#clock.seconds() - this.#began;
    return this.#latest !== null && age < SNAPSHOT_SECONDS ? this.#latest : this.#begin();
  }

  /** A reading that begins from now on, at most a second later. */
  next(): Promise<Reading<T>> {
    const now = this.#clock.seconds();
    const rest = this.#began + SNAPSHOT_SECONDS - now;
    if (rest <= 0) return this.#begin();
    this.#next ??= new Promise((resolve) => {
      this.#clock.callLater(rest, () => {
        this.#next = null;
        // Somebody else may have begun it in this very moment.
        resolve(this.#latest !== null && this.#began > now ? this.#latest : this.#begin());
      });
    });
    return this.#next;
  }

  #begin(): Promise<Reading<T>> {
    const began = this.#clock.seconds();
    this.#began = began;
    this.#latest = this.#read().then((value) => ({ value, began }));
    return this.#latest;
  }
}
