/** Doing something later, as a Deferred. */

import { Deferred, type Outcome } from "../defer/deferred.ts";
import type { Failure } from "../failure.ts";
import { defaultClock } from "../reactor/defaultclock.ts";
import type { DelayedCall, ReactorTime } from "../time.ts";

/**
 * Fires after `seconds`, with what comes of `f(...args)`, which is called then; without `f`, with undefined. Cancelling
 * it before that means `f` is never called.
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
  const deferred = new Deferred<void>(() => call.cancel());
  const call: DelayedCall = (clock ?? defaultClock()).callLater(seconds, () => deferred.callback());
  return f === undefined ? deferred : deferred.addCallback(() => f(...args));
}
