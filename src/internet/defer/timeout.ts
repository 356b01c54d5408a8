/** A timeout for any Deferred or promise. */

import { defaultClock } from "../reactor/defaultclock.ts";
import type { ReactorTime } from "../time.ts";
import type { Deferred } from "./deferred.ts";
import { ensureDeferred } from "./makers.ts";

/**
 * The result of `work`, or TimeoutError when that takes more than `seconds`. A Deferred is returned itself, with
 * `addTimeout`, and is cancelled on timeout; a promise is wrapped in a Deferred and is not stopped on timeout.
 * @param clock tells the time; the installed reactor by default
 * @throws NoClockError without a clock and a reactor
 */
export function timeout<T>(work: PromiseLike<T>, seconds: number, clock: ReactorTime = defaultClock()): Deferred<T> {
  return ensureDeferred(work).addTimeout(seconds, clock);
}
