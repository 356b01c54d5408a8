/** A timeout for any Deferred or promise. */

import { check } from "../arguments/check.ts";
import * as kinds from "../arguments/kinds.ts";
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
  check("timeout(work, seconds, clock)", "work", work, kinds.thenable);
  check("timeout(work, seconds, clock)", "seconds", seconds, kinds.seconds);
  check("timeout(work, seconds, clock)", "clock", clock, kinds.clock);
  return ensureDeferred(work).addTimeout(seconds, clock);
}
