/** Things that tests wait for. */

import { setImmediate, setTimeout } from "node:timers/promises";

/** A promise that is fulfilled from outside; opening it again changes nothing. */
export class Gate<T = void> {
  readonly promise: Promise<T>;
  open!: (value: T) => void;

  constructor() {
    this.promise = new Promise((resolve) => {
      this.open = resolve;
    });
  }
}

/** Values that were put in, in their order, for those who wait for one. */
export class Queue<T> {
  readonly #values: T[] = [];
  readonly #waiting: ((value: T) => void)[] = [];

  put(value: T): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#values.push(value);
    else waiting(value);
  }

  next(): Promise<T> {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift()!);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}

/** A number that grows, and those who wait until it has reached theirs. */
export class Tally {
  count = 0;
  #waiting: { least: number; reached: () => void }[] = [];

  add(more = 1): void {
    this.count += more;
    if (this.#waiting.length === 0) return;
    const reached = this.#waiting.filter(({ least }) => least <= this.count);
    this.#waiting = this.#waiting.filter(({ least }) => least > this.count);
    for (const waiting of reached) waiting.reached();
  }

  reaches(least: number): Promise<void> {
    if (least <= this.count) return Promise.resolve();
    return new Promise((reached) => {
      this.#waiting.push({ least, reached });
    });
  }
}

/** Let the loop turn `count` times. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await setImmediate();
}

/** The longest that loopSeconds() takes at a time, in milliseconds. */
const STEP_MS = 50;

/**
 * Resolves when this process's loop has run for `seconds`. A time during which it stood still, as on a machine that is busy
 * with others, counts as one step of 50 ms. For what must come well before something that would come by itself in the end.
 */
export async function loopSeconds(seconds: number): Promise<void> {
  for (let step = 0; step < (seconds * 1000) / STEP_MS; step++) await setTimeout(STEP_MS, undefined, { ref: false });
}

/** Let the loop turn until `holds` does. For what tells nobody when it happens, as the closing of a descriptor. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setImmediate();
}

/** Let the loop turn until `value` stays the same for a while. */
export async function settled(value: () => number): Promise<number> {
  let before = value();
  for (let same = 0; same < 10; same++) {
    await setImmediate();
    const now = value();
    if (now !== before) same = 0;
    before = now;
  }
  return before;
}
