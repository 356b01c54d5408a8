/** The iterator behind `yield*`: yields the Deferred once, and returns the value that it is resumed with. */

export class Wait<D extends PromiseLike<T>, T> implements Iterator<D, T> {
  private readonly deferred: D;
  private yielded = false;

  constructor(deferred: D) {
    this.deferred = deferred;
  }

  next(result?: unknown): IteratorResult<D, T> {
    if (this.yielded) return { done: true, value: result as T };
    this.yielded = true;
    return { done: false, value: this.deferred };
  }

  throw(error: unknown): never {
    throw error;
  }
}
