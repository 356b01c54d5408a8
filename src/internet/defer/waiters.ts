/** A FIFO queue of Deferreds that wait for something. */
import { cancelOnAbort } from "./abort.ts";
import { Deferred } from "./deferred.ts";
import { Fifo, type Place } from "./fifo.ts";

export class Waiters<T> {
  private readonly line = new Fifo<Deferred<T>>();

  get size(): number {
    return this.line.size;
  }

  /** A new Deferred at the end of the queue. Cancelling it removes it. */
  join(signal: AbortSignal | undefined): Deferred<T> {
    let place: Place<Deferred<T>> | undefined;
    const d = new Deferred<T>(() => place && this.line.remove(place));
    cancelOnAbort(d, signal); // first, since a signal of the program's own making may throw
    if (!d.called) place = this.line.push(d);
    return d;
  }

  /** Remove the first Deferred, for the caller to fire. Those that the program has fired itself wait for nothing. */
  next(): Deferred<T> | undefined {
    let d = this.line.shift();
    while (d?.called) d = this.line.shift();
    return d;
  }
}
