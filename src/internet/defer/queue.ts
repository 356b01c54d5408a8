/** A queue whose get() returns a Deferred, also for `for await`. */
import { check } from "../arguments/check.ts";
import * as kinds from "../arguments/kinds.ts";
import { signalOf } from "../arguments/waiting.ts";
import { SkeinError } from "../error.ts";
import type { WaitOptions } from "./abort.ts";
import { Deferred, type Outcome } from "./deferred.ts";
import { CancelledError } from "./error.ts";
import { Fifo } from "./fifo.ts";
import { fail } from "./makers.ts";
import { Waiters } from "./waiters.ts";

/** put() was called on a full queue. */
export class QueueOverflow extends SkeinError {
  override readonly code: string = "ERR_QUEUE_OVERFLOW";
  constructor(message = "The queue is full: put() less, get() more, or give it a larger size.") {
    super(message);
  }
}
/** get() was called while `backlog` calls were waiting already. */
export class QueueUnderflow extends SkeinError {
  override readonly code: string = "ERR_QUEUE_UNDERFLOW";
  constructor(
    message = "Too many wait for this queue: wait for one get() before the next, or allow a larger backlog.",
  ) {
    super(message);
  }
}
/** The queue was closed, and is empty. */
export class QueueClosed extends SkeinError {
  override readonly code: string = "ERR_QUEUE_CLOSED";
  constructor(message = "The queue was closed: nothing can be put in any more, and nothing is left to get.") {
    super(message);
  }
}

/**
 * put() adds items, get() removes them, first in, first out. put() never waits: it throws when the queue is full. A
 * Failure that is put in fails the get() that takes it.
 *
 * `for await (const item of queue)` takes items until the queue is closed. Several loops share the items.
 */
export class DeferredQueue<T> {
  /** The most items the queue holds; put() throws QueueOverflow beyond it. */
  readonly size: number;
  /** The most calls of get() that may wait; get() throws QueueUnderflow beyond it. */
  readonly backlog: number;
  private readonly items = new Fifo<Outcome<T>>();
  private readonly waiters = new Waiters<T>();
  private ended = false;

  constructor(size = Number.POSITIVE_INFINITY, backlog = Number.POSITIVE_INFINITY) {
    check("new DeferredQueue(size, backlog)", "size", size, kinds.count(0));
    check("new DeferredQueue(size, backlog)", "backlog", backlog, kinds.count(0));
    this.size = size;
    this.backlog = backlog;
  }

  /** How many items the queue holds. */
  get pending(): number {
    return this.items.size;
  }

  /** How many calls of get() are waiting. */
  get waiting(): number {
    return this.waiters.size;
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.ended;
  }

  /**
   * Give `item` to the first waiting get(), or store it.
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
   * Take the first item, as soon as there is one. Fails with QueueClosed when the queue is closed and empty. Cancelling
   * it takes no item.
   * @throws QueueUnderflow when `backlog` wait already
   */
  get(options?: WaitOptions): Deferred<T> {
    const signal = signalOf("get(options)", options);
    if (this.items.size > 0 && !signal?.aborted) {
      const d = new Deferred<T>();
      d.callback(this.items.shift() as Outcome<T>);
      return d;
    }
    if (this.ended) return fail(new QueueClosed());
    if (this.waiters.size >= this.backlog) throw new QueueUnderflow();
    return this.waiters.join(signal);
  }

  /**
   * Accept no more items. Those in the queue can still be taken; after them, get() fails with QueueClosed and loops
   * end.
   */
  close(): void {
    this.ended = true;
    for (let d = this.waiters.next(); d !== undefined; d = this.waiters.next()) d.errback(new QueueClosed());
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined, undefined> {
    return new ItemIterator(this);
  }
}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Not an async generator, whose return() would wait for the next item. */
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
