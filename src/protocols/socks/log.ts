/** What a SOCKS server tells about its clients. */

import type { ReactorTime } from "../../internet/time.ts";
import { msg } from "../../logger/log.ts";
import { Refusals } from "../../logger/refusals.ts";

/**
 * Receives a line for each step of a request, of those that are refused too: strangers decide how many these are. Its
 * exceptions are logged.
 */
export type SOCKSLog = (line: string) => void;

/**
 * Lines that cost a stranger nothing: "stranger" is in no network of `allowFrom`, "gone" went before the reply, "listening"
 * is a port of BIND, to which nobody has connected.
 */
export type Refused = "stranger" | "rejected" | "gone" | "listening";

/** The key of a log's function that receives these lines instead. */
export const REFUSED: unique symbol = Symbol("refused");

/** Hand `line` over to `logging`. */
export function tell(logging: SOCKSLog | null, line: string, refused: Refused | null): void {
  const own = (logging as { readonly [REFUSED]?: (refused: Refused, line: string) => void } | null)?.[REFUSED];
  if (refused === null || own === undefined) logging?.(line);
  else own(refused, line);
}

/** Writes to the program's log: what is refused, or listens, once a minute at most of each kind, with the number of the others. */
export function programLog(clock: ReactorTime): SOCKSLog {
  const refusals = {
    stranger: new Refusals(),
    rejected: new Refusals(),
    gone: new Refusals(),
    listening: new Refusals(),
  };
  return Object.assign((line: string) => msg(line), {
    [REFUSED]: (refused: Refused, line: string) => refusals[refused].note(clock.seconds(), () => line),
  });
}
