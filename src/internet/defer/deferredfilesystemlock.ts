/** A lock between processes that can be awaited. */

import { check, checkOptional } from "../arguments/check.ts";
import * as kinds from "../arguments/kinds.ts";
import { signalOf } from "../arguments/waiting.ts";
import { SkeinError, TimeoutError } from "../error.ts";
import { Failure } from "../failure.ts";
import { defaultClock } from "../reactor/defaultclock.ts";
import type { DelayedCall, ReactorTime } from "../time.ts";
import { cancelOnAbort, type WaitOptions } from "./abort.ts";
import { Deferred } from "./deferred.ts";
import { FilesystemLock } from "./filesystemlock.ts";
import { fail } from "./makers.ts";

/** deferUntilLocked() was called while an earlier call still waits. */
export class AlreadyTryingToLockError extends SkeinError {
  override readonly code: string = "ERR_ALREADY_TRYING_TO_LOCK";
  constructor(
    message = "This lock is being waited for already: wait for the first deferUntilLocked(), or make a second object.",
  ) {
    super(message);
  }
}

/** Seconds between two attempts: the removal of a symbolic link cannot be awaited, so the lock is polled. */
const INTERVAL = 1;

/** A {@link FilesystemLock} that can be waited for. */
export class DeferredFilesystemLock extends FilesystemLock {
  private readonly clock: ReactorTime;
  private waiting: Deferred<this> | undefined = undefined;
  private nextTry: DelayedCall | undefined = undefined;
  private lastTry: DelayedCall | undefined = undefined;

  /**
   * @param clock tells the time; the installed reactor by default
   * @throws NoClockError without a clock and a reactor
   */
  constructor(name: string, clock: ReactorTime = defaultClock()) {
    super(name);
    check("new DeferredFilesystemLock(name, clock)", "clock", clock, kinds.clock);
    this.clock = clock;
  }

  /**
   * Fires with this object once it holds the lock, which is tried at once and then every second. Fails with
   * TimeoutError after `timeout` seconds, with AlreadyTryingToLockError while an earlier call waits, and with what
   * lock() throws.
   */
  deferUntilLocked(timeout?: number, options?: WaitOptions): Deferred<this> {
    checkOptional("deferUntilLocked(timeout, options)", "timeout", timeout, kinds.seconds);
    const signal = signalOf("deferUntilLocked(timeout, options)", options);
    if (this.waiting !== undefined) return fail(new AlreadyTryingToLockError());
    if (timeout !== undefined) this.lastTry = this.clock.callLater(timeout, () => this.tryLast(timeout));
    const d = cancelOnAbort(
      new Deferred<this>(() => {
        this.endWait();
      }),
      signal,
    );
    if (d.called) return d;
    this.waiting = d;
    this.tryOn();
    return d;
  }

  private tryOn(): void {
    if (this.tryNow()) return;
    this.nextTry = this.clock.callLater(INTERVAL, () => this.tryOn());
  }

  private tryLast(seconds: number): void {
    if (this.tryNow()) return;
    this.endWait()?.errback(
      new TimeoutError(
        `The lock ${this.name} was not free within ${seconds} seconds: allow more, or see who holds it.`,
      ),
    );
  }

  /** Try once. True when the wait is over, with the lock or with an error. */
  private tryNow(): boolean {
    if (this.waiting?.called) {
      // The program has fired the Deferred itself: nobody would get the lock.
      this.endWait();
      return true;
    }
    try {
      if (!this.lock()) return false;
    } catch (error) {
      this.endWait()?.errback(new Failure(error));
      return true;
    }
    this.endWait()?.callback(this);
    return true;
  }

  private endWait(): Deferred<this> | undefined {
    for (const call of [this.nextTry, this.lastTry]) {
      if (call?.active()) call.cancel();
    }
    const { waiting } = this;
    this.waiting = undefined;
    this.nextTry = undefined;
    this.lastTry = undefined;
    return waiting;
  }
}
