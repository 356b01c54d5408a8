/** The options of Duplexes over transports, and the arguments of their setTimeout(). */
import { check, checkOptional, checkOptions, type OptionKinds } from "../internet/arguments/check.ts";
import { callable, flag, integer, type Kind } from "../internet/arguments/kinds.ts";

/** Options of the Duplex of a transport. */
export interface DuplexOptions {
  /** As in node:net. False, the default: this side is ended when the peer half-closes. */
  readonly allowHalfOpen?: boolean;
  /** The high-water mark in bytes of each direction. Default: Node's. */
  readonly highWaterMark?: number;
}

const OPTIONS: OptionKinds<DuplexOptions> = { allowHalfOpen: flag, highWaterMark: integer(0) };

/** Check options. @returns a copy @throws TypeError | RangeError */
export function ensureDuplexOptions(call: string, options: unknown): DuplexOptions {
  return checkOptions<DuplexOptions>(call, options, OPTIONS);
}

/** The delay of a timer, as net.Socket accepts it. */
const MILLISECONDS: Kind = {
  accepts: "a finite number of milliseconds, 0 or more",
  typed: (value) => typeof value === "number",
  inRange: (value: number) => Number.isFinite(value) && value >= 0,
};
/** The maximum of Node's timers: one with a longer delay expires after 1 ms. */
const MILLISECONDS_MAX = 2 ** 31 - 1;

/** Check the arguments of setTimeout(). @returns the delay in milliseconds @throws TypeError | RangeError */
export function idleTime(milliseconds: unknown, callback: unknown): number {
  const call = "setTimeout(milliseconds, callback)";
  check(call, "milliseconds", milliseconds, MILLISECONDS);
  checkOptional(call, "callback", callback, callable);
  return Math.min(milliseconds as number, MILLISECONDS_MAX);
}
