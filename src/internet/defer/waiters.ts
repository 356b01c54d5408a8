/** Those who wait for something, first come first served. */
import { cancelOnAbort } from "./abort.ts";
import { Deferred } from "./deferred.ts";
import { Fifo } from "./fifo.ts";

export class Waiters<T> {
  private readonly line = new Fifo<Deferred<T>>();

  get size(): number {
    return this.line.size;
  }

  /** A Deferred at the end of the line, which it leaves when it is cancelled. */
  join(signal: AbortSignal | undefined): Deferred<T> {
    const d = new Deferred<T>(() => this.line.remove(place));
    const place = this.line.push(d);
    return cancelOnAbort(d, signal);
  }

  /** Take the first out of the line: the caller fires it. */
  next(): Deferred<T> | undefined {
    return this.line.shift();
  }
}
