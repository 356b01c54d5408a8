/** A FIFO queue of Deferreds that wait for something. */
import { cancelOnAbort } from "./abort.ts";
import { Deferred } from "./deferred.ts";
import { Fifo } from "./fifo.ts";

export class Waiters<T> {
  private readonly line = new Fifo<Deferred<T>>();

  get size(): number {
    return this.line.size;
  }

  /** A new Deferred at the end of the queue. Cancelling it removes it. */
  join(signal: AbortSignal | undefined): Deferred<T> {
    const d = new Deferred<T>(() => this.line.remove(place));
    const place = this.line.push(d);
    return cancelOnAbort(d, signal);
  }

  /** Remove the first Deferred, for the caller to fire. */
  next(): Deferred<T> | undefined {
    return this.line.shift();
  }
}
