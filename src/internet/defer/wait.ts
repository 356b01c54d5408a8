/** What `yield*` iterates over: yields the Deferred, once, and returns what it is resumed with. */
import type { Deferred } from "./deferred.ts";

export class Wait<T> implements Iterator<Deferred<T>, T> {
  private readonly deferred: Deferred<T>;
  private yielded = false;

  constructor(deferred: Deferred<T>) {
    this.deferred = deferred;
  }

  next(result?: unknown): IteratorResult<Deferred<T>, T> {
    if (this.yielded) return { done: true, value: result as T };
    this.yielded = true;
    return { done: false, value: this.deferred };
  }

  throw(error: unknown): never {
    throw error;
  }
}
