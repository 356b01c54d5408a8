/** The time of day, as the system has it. */
import type { ReactorTime } from "./interfaces.ts";

/** What tells the time: a reactor, a `Clock` in tests, or {@link wallClock}. */
export type TimeSource = Pick<ReactorTime, "seconds">;

/** Seconds since 1970. Unlike a reactor's time, it follows when the system's clock is set or sleeps. */
export const wallClock: TimeSource = {
  seconds: () => Date.now() / 1000,
};
