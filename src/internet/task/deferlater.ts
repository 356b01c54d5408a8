/** A delayed call as a Deferred. */

import { check, checkOptional } from "../arguments/check.ts";
import * as kinds from "../arguments/kinds.ts";
import { Deferred, type Outcome } from "../defer/deferred.ts";
import type { Failure } from "../failure.ts";
import { defaultClock } from "../reactor/defaultclock.ts";
import type { DelayedCall, ReactorTime } from "../time.ts";

/**
 * Call `f(...args)` after `seconds`, and fire with its result, or with undefined when there is no `f`. Cancelling the
 * Deferred before that cancels the call.
 * @param clock null: the installed reactor
 * @throws RangeError when `seconds` is negative or not a number
 * @throws NoClockError when `clock` is null and no reactor is installed
 */
export function deferLater(clock: ReactorTime | null, seconds: number): Deferred<void>;
export function deferLater<U = never, A extends unknown[] = []>(
  clock: ReactorTime | null,
  seconds: number,
  f: (...args: A) => Outcome<U>,
  ...args: A
): Deferred<Exclude<U, Failure>>;
export function deferLater<A extends unknown[]>(
  clock: ReactorTime | null,
  seconds: number,
  f?: (...args: A) => unknown,
  ...args: A
): Deferred<unknown> {
  const name = "deferLater(clock, seconds, f, ...args)";
  check(name, "clock", clock, kinds.orNull(kinds.clock));
  check(name, "seconds", seconds, kinds.seconds);
  checkOptional(name, "f", f, kinds.callable);
  const deferred = new Deferred<void>(() => call.cancel());
  const call: DelayedCall = (clock ?? defaultClock()).callLater(seconds, () => deferred.callback());
  return f === undefined ? deferred : deferred.addCallback(() => f(...args));
}
