/** The options of a client of memcached. */
import { checkOptions, type OptionKinds } from "../../internet/arguments/check.ts";
import * as kinds from "../../internet/arguments/kinds.ts";
import type { ReactorTime } from "../../internet/time.ts";
import type { ValueBounds } from "./commands.ts";

/** Options of a MemCacheProtocol. */
export interface MemCacheOptions {
  /** Seconds without data from the server while a reply is outstanding; then the connection is closed. Null: no timeout. Default 60. */
  readonly timeOut?: number | null;
  /**
   * Seconds until a command must have its complete reply, from when it is the first without one, however steadily bytes
   * arrive; then the connection is closed. Null: no timeout. Default 600, or null if timeOut is.
   */
  readonly replyTimeOut?: number | null;
  /** The largest value in bytes; the connection is closed when a larger one is announced. Default 16 MiB. */
  readonly maxValue?: number;
  /** All values of one reply together, with their lines, in bytes. Default 64 MiB, or maxValue if that is more. */
  readonly maxReply?: number;
  /** Commands that may wait for their replies; one more fails. Default 16,384. */
  readonly maxInFlight?: number;
  /** Measures the timeout. Default: the installed reactor. */
  readonly clock?: ReactorTime | null;
}

const MIB = 1024 * 1024;
const TIMEOUT_SECONDS = 60;
const REPLY_SECONDS = 600;
const VALUE_MAX = 16 * MIB;
const REPLY_MAX = 64 * MIB;
const IN_FLIGHT_MAX = 16_384;
/** A line of the largest value. */
const VALUE_LINE_MAX = 1024;
/** The largest value in bytes that memcached can be configured to store (`-I`). */
const MEMCACHED_MAX = 1024 * MIB;

const OPTIONS: OptionKinds<MemCacheOptions> = {
  timeOut: kinds.orNull(kinds.seconds),
  replyTimeOut: kinds.orNull(kinds.seconds),
  maxValue: kinds.integer(0, MEMCACHED_MAX),
  maxReply: kinds.count(0),
  maxInFlight: kinds.count(1),
  clock: kinds.orNull(kinds.clock),
};

/** Options that were checked. */
export interface CheckedOptions {
  readonly timeOut: number | null;
  readonly replyTimeOut: number | null;
  readonly bounds: ValueBounds;
  readonly maxInFlight: number;
  readonly clock: ReactorTime | null;
}

/** @throws TypeError | RangeError */
export function ensureMemCacheOptions(call: string, options: unknown): CheckedOptions {
  const given = checkOptions<MemCacheOptions>(call, options, OPTIONS);
  const { timeOut = TIMEOUT_SECONDS, maxValue = VALUE_MAX, maxInFlight = IN_FLIGHT_MAX, clock = null } = given;
  const { replyTimeOut = timeOut === null ? null : REPLY_SECONDS } = given;
  const { maxReply = Math.max(REPLY_MAX, maxValue + VALUE_LINE_MAX) } = given;
  return { timeOut, replyTimeOut, bounds: { maxValue, maxReply }, maxInFlight, clock };
}
