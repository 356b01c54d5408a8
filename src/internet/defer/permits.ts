/** The common base of lock and semaphore: a number of permits, and a FIFO queue of waiters. */
import { check } from "../arguments/check.ts";
import { callable } from "../arguments/kinds.ts";
import { signalOf } from "../arguments/waiting.ts";
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

  /** How many permits can be acquired without waiting. */
  protected get available(): number {
    // While release() grants permits, the permits that come back go to the waiters.
    return Math.max(0, this.free - this.waiters.size);
  }

  /**
   * Acquire a permit, in FIFO order; fires with this object. Whoever has acquired calls {@link release}, or writes
   * `using held = await lock.acquire()`. Cancelling the Deferred leaves the queue.
   */
  acquire(options?: WaitOptions): Deferred<this> {
    const signal = signalOf("acquire(options)", options);
    if (this.available === 0 || signal?.aborted) return this.waiters.join(signal);
    this.free--;
    const d = new Deferred<this>();
    d.callback(this);
    return d;
  }

  /** Release one permit; the first waiter gets it. @throws NotAcquiredError */
  release(): void {
    if (this.free === this.total) throw new NotAcquiredError();
    this.free++;
    // A waiter may release at once: this loops, since recursion would overflow the stack with many waiters.
    if (this.granting) return;
    this.granting = true;
    while (this.free > 0) {
      const waiter = this.waiters.next();
      if (waiter === undefined) break;
      this.free--;
      waiter.callback(this);
    }
    this.granting = false;
  }

  /**
   * Acquire, call `f`, and release once its result is available. Cancelling leaves the queue, or cancels the Deferred
   * that `f` returned.
   */
  run<U = never, A extends unknown[] = []>(f: (...args: A) => Outcome<U>, ...args: A): Deferred<Exclude<U, Failure>> {
    check("run(f, ...args)", "f", f, callable);
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
