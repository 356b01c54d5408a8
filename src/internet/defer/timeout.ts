/** A limit of time on anything that is waited for. */

import { defaultClock } from "../reactor/defaultclock.ts";
import type { ReactorTime } from "../time.ts";
import type { Deferred } from "./deferred.ts";
import { ensureDeferred } from "./makers.ts";

/**
 * What `work` comes to, or TimeoutError when that takes more than `seconds`. A Deferred is returned itself, with
 * `addTimeout`, and cancelled when the time is over; a promise is followed by a Deferred, and goes on unheeded then.
 * @param clock tells the time; the installed reactor by default
 * @throws NoClockError without a clock and a reactor
 */
export function timeout<T>(work: PromiseLike<T>, seconds: number, clock: ReactorTime = defaultClock()): Deferred<T> {
  return ensureDeferred(work).addTimeout(seconds, clock);
}
