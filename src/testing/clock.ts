/** A clock that a test advances. */

import { check } from "../internet/arguments/check.ts";
import * as kinds from "../internet/arguments/kinds.ts";
import { ensureCallLater, TimerWheel } from "../internet/reactor/timers.ts";
import type { DelayedCall, ReactorTime } from "../internet/time.ts";
import { watchForLeaks } from "./leaks.ts";

/**
 * A clock for tests, for everything that takes a reactor as its clock. Errors of delayed calls are thrown by `advance`.
 */
export class Clock implements ReactorTime {
  private now = 0;
  private readonly wheel = new TimerWheel(
    () => this.now,
    () => undefined,
  );

  constructor() {
    watchForLeaks(this);
  }

  /** See skein/testing/vitest. */
  readonly leakKind = "timers";
  leaks(): string[] {
    return this.getDelayedCalls().map((call) => `a delayed call of a Clock is still pending, at ${call.getTime()}`);
  }

  /** The clock's time in seconds: 0 at first. */
  seconds(): number {
    return this.now;
  }

  /** @throws RangeError when `seconds` is negative or not a number; TypeError when `f` is not a function */
  callLater<A extends unknown[]>(seconds: number, f: (...args: A) => unknown, ...args: A): DelayedCall {
    ensureCallLater(seconds, f);
    return this.wheel.add(this.now + seconds, f as (...args: unknown[]) => unknown, args);
  }

  /** The pending calls, in time order. */
  getDelayedCalls(): DelayedCall[] {
    return this.wheel.calls();
  }

  /**
   * Advance the time by `seconds`, then make the calls that are due, in time order, including calls that are scheduled
   * meanwhile and already due.
   * @throws RangeError when `seconds` is negative or not a number
   */
  advance(seconds: number): void {
    check("advance(seconds)", "seconds", seconds, kinds.seconds);
    this.now += seconds;
    for (;;) {
      this.wheel.takeDue(this.now); // before each call, since the previous one may have rescheduled others
      const call = this.wheel.shift();
      if (call === undefined) return;
      call.run();
    }
  }

  /** `advance` by each of `timings` in turn. */
  pump(timings: Iterable<number>): void {
    check("pump(timings)", "timings", timings, kinds.iterable);
    for (const seconds of timings) this.advance(seconds);
  }
}
