/** One listener for all who wait for an AbortSignal. */
import { Fifo } from "./fifo.ts";

/**
 * Call `f` once when `signal` aborts, which it has not yet. However many wait for a signal, it has one listener: a
 * listener each would cost a search through all of them when a wait ends, and Node warns of a leak from the eleventh on.
 * @returns a function after which `f` is not called any more
 */
export function onAbort(signal: AbortSignal, f: () => void): () => void {
  let waiters = waitersOf.get(signal);
  if (waiters === undefined) {
    waiters = new AbortWaiters(signal);
    waitersOf.set(signal, waiters);
  }
  return waiters.add(f);
}

const waitersOf = new WeakMap<AbortSignal, AbortWaiters>();

/** Those who wait for one signal, in the order in which they came. */
class AbortWaiters {
  readonly #signal: AbortSignal;
  readonly #line = new Fifo<() => void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(f: () => void): () => void {
    if (this.#line.size === 0) this.#signal.addEventListener("abort", this.#aborted);
    const place = this.#line.push(f);
    return () => {
      if (!this.#line.remove(place) || this.#line.size > 0) return;
      // A signal with a listener is kept alive by what it may be aborted by.
      this.#signal.removeEventListener("abort", this.#aborted);
    };
  }

  readonly #aborted = (): void => {
    this.#signal.removeEventListener("abort", this.#aborted);
    while (this.#line.size > 0) {
      try {
        this.#line.shift()?.();
      } catch (error) {
        // As for any event listener: the others are called, and the error is an uncaught one.
        process.nextTick(() => {
          throw error;
        });
      }
    }
  };
}
