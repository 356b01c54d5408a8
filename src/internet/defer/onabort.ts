/** One abort listener per AbortSignal, shared by all waiters. */
import { Fifo } from "./fifo.ts";

/**
 * Call `f` once when `signal` aborts; it must not have aborted yet. All waiters of a signal share one listener: with
 * one listener each, removing one costs a linear search, and Node warns of a leak from the eleventh on.
 * @returns a function that unregisters `f`
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

/** The waiters of one signal, in the order of registration. */
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
      // Node keeps a signal with a listener alive for as long as its source may abort it.
      this.#signal.removeEventListener("abort", this.#aborted);
    };
  }

  readonly #aborted = (): void => {
    this.#signal.removeEventListener("abort", this.#aborted);
    while (this.#line.size > 0) {
      try {
        this.#line.shift()?.();
      } catch (error) {
        // As with any event listener, an error is an uncaught exception, and the other listeners are still called.
        process.nextTick(() => {
          throw error;
        });
      }
    }
  };
}
