/** Time in seconds and delayed calls: the interface that reactors, test clocks and the system's clock share. */

/** A call that a clock will make later. Returned by {@link ReactorTime.callLater}. */
export interface DelayedCall {
  /** When the call is due, in seconds on the clock's own scale. */
  getTime(): number;
  /** @throws AlreadyCalled | AlreadyCancelled */
  cancel(): void;
  /** Put the call off by `secondsLater` more seconds (negative brings it forward). @throws AlreadyCalled | AlreadyCancelled */
  delay(secondsLater: number): void;
  /** Make the call due `secondsFromNow` seconds from now. @throws AlreadyCalled | AlreadyCancelled */
  reset(secondsFromNow: number): void;
  /** True until the call was made or cancelled. */
  active(): boolean;
}

/** A clock: the reactor in production, `Clock` in tests. */
export interface ReactorTime {
  /** The clock's time in seconds. */
  seconds(): number;
  callLater<A extends unknown[]>(seconds: number, f: (...args: A) => unknown, ...args: A): DelayedCall;
  getDelayedCalls(): DelayedCall[];
}

/** What tells the time: a reactor, a `Clock` in tests, {@link monotonicClock} or {@link wallClock}. */
export type TimeSource = Pick<ReactorTime, "seconds">;

/** Seconds since the process began, for intervals where there is no reactor: nobody sets it back or forward. */
export const monotonicClock: TimeSource = {
  seconds: () => performance.now() / 1000,
};

/**
 * Seconds since 1970, for dates. Unlike a reactor's time it is not monotonic: it follows adjustments of the system's clock,
 * and counts the time that the machine sleeps.
 */
export const wallClock: TimeSource = {
  seconds: () => Date.now() / 1000,
};
