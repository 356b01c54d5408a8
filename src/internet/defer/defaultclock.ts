/** The clock of those who were given none. */
import { SkeinError } from "../error.ts";
import { installedReactor } from "../installation.ts";
import type { ReactorTime } from "../interfaces.ts";

/** Something needs a clock, was given none, and no reactor is installed that could stand in. */
export class NoClockError extends SkeinError {
  override readonly code: string = "ERR_NO_CLOCK";
  constructor(message = 'No clock was given and no reactor is installed: pass a clock, or import "skein/reactor".') {
    super(message);
  }
}

/** The installed reactor. @throws NoClockError when there is none */
export function defaultClock(): ReactorTime {
  const reactor = installedReactor();
  if (reactor === undefined) throw new NoClockError();
  return reactor;
}
