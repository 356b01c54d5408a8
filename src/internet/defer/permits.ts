/** What a lock and a semaphore have in common: a number of permits, and those who wait for one. */
import { SkeinError } from "../error.ts";
import type { Failure } from "../failure.ts";
import type { WaitOptions } from "./abort.ts";
import { Deferred, type Outcome } from "./deferred.ts";
import { maybeDeferred } from "./makers.ts";
import { Waiters } from "./waiters.ts";

/** release() was called more often than acquire() had succeeded. */
export class NotAcquiredError extends SkeinError {
  override readonly code: string = "ERR_NOT_ACQUIRED";
  constructor(message = "Nothing is acquired: call release() once for each acquire() that succeeded, or use run().") {
    super(message);
  }
}

/** The base of DeferredLock and DeferredSemaphore. */
export abstract class Permits {
  private free: number;
  private readonly total: number;
  private readonly waiters = new Waiters<this>();
  private granting = false;

  constructor(total: number) {
    this.free = total;
    this.total = total;
  }

  /** How many would be acquired without waiting. */
  protected get available(): number {
    // While permits are being granted, those that came back are the waiters'.
    return Math.max(0, this.free - this.waiters.size);
  }

  /**
   * Fires with this object once it is acquired, in the order of the calls. Whoever acquired calls {@link release}, or
   * says `using held = await lock.acquire()`. Cancelling it leaves the line.
   */
  acquire(options?: WaitOptions): Deferred<this> {
    const signal = options?.signal;
    if (this.available === 0 || signal?.aborted) return this.waiters.join(signal);
    this.free--;
    const d = new Deferred<this>();
    d.callback(this);
    return d;
  }

  /** Give back what was acquired; the first in the line gets it. @throws NotAcquiredError */
  release(): void {
    if (this.free === this.total) throw new NotAcquiredError();
    this.free++;
    // One who gets it may give it back at once: a loop, for with recursion a long line would overflow the stack.
    if (this.granting) return;
    this.granting = true;
    while (this.free > 0 && this.waiters.size > 0) {
      this.free--;
      this.waiters.next()?.callback(this);
    }
    this.granting = false;
  }

  /**
   * Acquire, call `f`, and release once what it returned has a result. Cancelling leaves the line, or cancels what `f`
   * returned.
   */
  run<U = never, A extends unknown[] = []>(f: (...args: A) => Outcome<U>, ...args: A): Deferred<Exclude<U, Failure>> {
    return this.acquire().addCallback(() =>
      maybeDeferred(f, ...args).addBoth((result) => {
        this.release();
        return result;
      }),
    );
  }

  /** The same as {@link release}, for `using`. */
  [Symbol.dispose](): void {
    this.release();
  }
}
