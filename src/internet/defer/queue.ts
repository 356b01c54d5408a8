/** A queue whose readers wait with a Deferred, or with `for await`. */
import { SkeinError } from "../error.ts";
import type { WaitOptions } from "./abort.ts";
import { Deferred, type Outcome } from "./deferred.ts";
import { CancelledError } from "./error.ts";
import { Fifo } from "./fifo.ts";
import { fail } from "./makers.ts";
import { Waiters } from "./waiters.ts";

/** put() on a queue that holds as many items as it may. */
export class QueueOverflow extends SkeinError {
  override readonly code: string = "ERR_QUEUE_OVERFLOW";
  constructor(message = "The queue is full: put() less, get() more, or give it a larger size.") {
    super(message);
  }
}
/** get() on a queue on which as many wait as may. */
export class QueueUnderflow extends SkeinError {
  override readonly code: string = "ERR_QUEUE_UNDERFLOW";
  constructor(
    message = "Too many wait for this queue: wait for one get() before the next, or allow a larger backlog.",
  ) {
    super(message);
  }
}
/** The queue was closed, and what was in it has been taken. */
export class QueueClosed extends SkeinError {
  override readonly code: string = "ERR_QUEUE_CLOSED";
  constructor(message = "The queue was closed: nothing can be put in any more, and nothing is left to get.") {
    super(message);
  }
}

/**
 * Items go in by put() and come out by get(), first in, first out. Neither waits for the other: what is too much for
 * the queue is refused. A Failure that is put in fails the get() that takes it.
 *
 * `for await (const item of queue)` takes items until the queue is closed. Several loops share them.
 */
export class DeferredQueue<T> {
  /** How many items may wait to be taken; more is a QueueOverflow. */
  readonly size: number;
  /** How many may wait for an item; more is a QueueUnderflow. */
  readonly backlog: number;
  private readonly items = new Fifo<Outcome<T>>();
  private readonly waiters = new Waiters<T>();
  private ended = false;

  constructor(size = Number.POSITIVE_INFINITY, backlog = Number.POSITIVE_INFINITY) {
    this.size = size;
    this.backlog = backlog;
  }

  /** How many items wait to be taken. */
  get pending(): number {
    return this.items.size;
  }

  /** How many wait for an item. */
  get waiting(): number {
    return this.waiters.size;
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.ended;
  }

  /**
   * Give `item` to the first who waits, or keep it.
   * @throws QueueOverflow when there are `size` items already
   * @throws QueueClosed after {@link close}
   */
  put(item: Outcome<T>): void {
    if (this.ended) throw new QueueClosed();
    const waiter = this.waiters.next();
    if (waiter !== undefined) waiter.callback(item);
    else if (this.items.size < this.size) this.items.push(item);
    else throw new QueueOverflow();
  }

  /**
   * Take the first item, once there is one. Fails with QueueClosed when there will be none. Cancelling it takes nothing.
   * @throws QueueUnderflow when `backlog` wait already
   */
  get(options?: WaitOptions): Deferred<T> {
    const signal = options?.signal;
    if (this.items.size > 0 && !signal?.aborted) {
      const d = new Deferred<T>();
      d.callback(this.items.shift() as Outcome<T>);
      return d;
    }
    if (this.ended) return fail(new QueueClosed());
    if (this.waiters.size >= this.backlog) throw new QueueUnderflow();
    return this.waiters.join(signal);
  }

  /** Take no more items. Those that are there can still be taken; then get() fails with QueueClosed, and loops end. */
  close(): void {
    this.ended = true;
    while (this.waiters.size > 0) this.waiters.next()?.errback(new QueueClosed());
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined, undefined> {
    return new ItemIterator(this);
  }
}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** By hand, for the return() of an async generator would wait for the next item. */
class ItemIterator<T> implements AsyncIterableIterator<T, undefined, undefined> {
  private readonly queue: DeferredQueue<T>;
  private readonly underway = new Set<Deferred<T>>();
  private returned = false;

  constructor(queue: DeferredQueue<T>) {
    this.queue = queue;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.returned) return END;
    const d = this.queue.get();
    this.underway.add(d);
    try {
      return { done: false, value: await d };
    } catch (error) {
      if (error instanceof QueueClosed || (error instanceof CancelledError && this.returned)) return END;
      throw error;
    } finally {
      this.underway.delete(d);
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.returned = true;
    for (const d of this.underway) d.cancel();
    return END;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
