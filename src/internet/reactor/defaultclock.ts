/** The clock used where none was passed. */
import { NoClockError } from "../error.ts";
import type { ReactorTime } from "../time.ts";
import { installedReactor } from "./installation.ts";

/** The installed reactor. @throws NoClockError when there is none */
export function defaultClock(): ReactorTime {
  const reactor = installedReactor();
  if (reactor === undefined) throw new NoClockError();
  return reactor;
}
