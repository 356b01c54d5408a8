/** Logs to rotating files. */
import { resolve } from "node:path";
import { check, checkOptions } from "../internet/arguments/check.ts";
import { count, flag, integer, type Kind, oneOf, text } from "../internet/arguments/kinds.ts";
import { isInstance, messageOf } from "./describe.ts";
import { LogEvent, type LogObserver } from "./event.ts";
import { formatEventAsJSON } from "./json.ts";
import { LogFileError, prepareLogFile } from "./logpath.ts";
import { logToStandardError } from "./output.ts";
import { RotatingFile, type Surroundings } from "./rotatingfile.ts";
import { eventsLost } from "./sink.ts";
import { eventAsText } from "./text.ts";

/** When log files are rotated, and how many old ones are kept. */
export interface RotatingFileOptions {
  /** "text" or "json". Default "text". */
  readonly format?: "text" | "json";
  /** Rotate when the file has this size, in bytes. Default 10 MiB. */
  readonly rotateBytes?: number;
  /**
   * Rotate at this interval as well: "1d" is every midnight, "1h" every full hour, before the first event after it. The units are M (months), d,
   * h, m and s; hours divide a day, minutes an hour, seconds a minute. Default never.
   */
  readonly interval?: string;
  /** The number of old files to keep; the oldest is deleted. Default 10. */
  readonly maxFiles?: number;
  /** Compress old files with gzip. Default false. */
  readonly compress?: boolean;
  /** Bytes that may be buffered while the disk is slow or full. Events beyond that are dropped, and counted. Default 16 MiB. */
  readonly maxBufferedBytes?: number;
  /** The permissions of the file and of this user's old ones. Default 0o600: nobody but this user may read them. */
  readonly mode?: number;
  /**
   * Refuse directories that another user than this one and root owns, or to which everybody may write (unless they are
   * sticky, as /tmp is), up to the root. Default true.
   */
  readonly checkDirectory?: boolean;
}

/** Bytes of a log file before it is rotated: 10 MiB. */
const ROTATE_BYTES = 10 * 1024 * 1024;
/** Bytes that may wait to be written to a log file: 16 MiB. */
const BUFFERED_MAX = 16 * 1024 * 1024;
/** Old files that are kept. */
const FILES_MAX = 10;
/** Permissions: nobody but this user reads or writes. */
const MODE = 0o600;

/** How many of a unit an interval must divide. */
const DIVIDED: Readonly<Record<string, number>> = { h: 24, m: 60, s: 60 };

/** How long a fixed interval's unit is, in milliseconds. */
const FIXED: Readonly<Record<string, number>> = { m: 60_000, s: 1000 };

const INTERVAL: Kind = {
  accepts: 'an interval, as "1d" or "12h"',
  typed: text.typed,
  inRange: (value: string) => {
    const [, digits, unit] = /^([1-9]\d*)([Mdhms])$/.exec(value) ?? [];
    if (digits === undefined || unit === undefined) return false;
    const whole = DIVIDED[unit];
    return whole === undefined || whole % Number(digits) === 0;
  },
};

const PATH: Kind = {
  accepts: "a path without NUL characters",
  typed: text.typed,
  inRange: (value: string) => !value.includes("\0"),
};

const OPTIONS: Record<keyof RotatingFileOptions, Kind> = {
  format: oneOf("text", "json"),
  rotateBytes: integer(1),
  interval: INTERVAL,
  maxFiles: integer(1),
  compress: flag,
  maxBufferedBytes: count(0),
  mode: integer(0, 0o777),
  checkDirectory: flag,
};

/** An observer that writes to a file, which can be closed. */
export interface FileLogObserver extends LogObserver {
  /** Events dropped so far, because the disk was too slow or failed. */
  readonly dropped: number;
  /** Write what is buffered, and close the file. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Writes each event to the file `path`, which is rotated to `path.1`, `path.2` and so on. After a disk error, which is
 * reported on standard error, events are buffered and the file is tried again, after 1 s, 2 s, up to 60 s; the number of
 * those that are dropped is written to the file when it works again.
 * @throws TypeError | RangeError for a wrong path or option; LogFileError when `path` is a link, not a regular file, or
 * belongs to another user, or somebody else decides what is in its directory
 */
export function rotatingFileLogObserver(path: string, options: RotatingFileOptions = {}): FileLogObserver {
  return fileObserver(path, options, {});
}

/** {@link rotatingFileLogObserver} with what tests replace. */
export function fileObserver(
  path: string,
  options: RotatingFileOptions,
  around: Partial<Surroundings>,
): FileLogObserver {
  const call = "rotatingFileLogObserver(path, options)";
  check(call, "path", path, PATH);
  const checked = checkOptions<RotatingFileOptions>(call, options, OPTIONS);
  const format = checked.format === "json" ? formatEventAsJSON : eventAsText;
  const { interval, checkDirectory = true } = checked;
  const whole = resolve(path);
  try {
    prepareLogFile(whole, checkDirectory);
  } catch (error) {
    if (isInstance(error, LogFileError)) throw error;
    // Another error is reported when the first event is written, and may be gone by then.
  }
  const settings = {
    rotateBytes: checked.rotateBytes ?? ROTATE_BYTES,
    nextRotation: interval === undefined ? undefined : (time: number) => endOfInterval(interval, time),
    maxFiles: checked.maxFiles ?? FILES_MAX,
    compress: checked.compress ?? false,
    maxBufferedBytes: checked.maxBufferedBytes ?? BUFFERED_MAX,
    mode: checked.mode ?? MODE,
    checkDirectory,
    lossReport: (lost: number, why: string) => format(eventsLost(lost, why)),
    onFailure: (error: unknown) => reportFailure(path, error),
  };
  const file = new RotatingFile(whole, settings, around);
  const close = (): Promise<void> => file.close();
  const observe = (event: LogEvent): void => {
    if (!file.refuses()) file.write(format(event));
  };
  return Object.defineProperty(Object.assign(observe, { close, [Symbol.asyncDispose]: close }), "dropped", {
    get: () => file.dropped,
  }) as FileLogObserver;
}

function reportFailure(path: string, error: unknown): void {
  const format = "The log file {path} cannot be written or rotated; it is tried again: {why}";
  logToStandardError(new LogEvent("error", "skein.logger", format, { path, why: messageOf(error) }));
}

/** When the interval that `time` is in ends, in milliseconds. */
export function endOfInterval(interval: string, time: number): number {
  const count = Number.parseInt(interval, 10);
  const unit = interval.at(-1) as string;
  const fixed = FIXED[unit];
  if (fixed !== undefined) return (Math.floor(time / (fixed * count)) + 1) * fixed * count;
  const at = new Date(time);
  const [year, month, day, hour] = [at.getFullYear(), at.getMonth(), at.getDate(), at.getHours()];
  if (unit === "M") return new Date(year, month + count, 1).getTime();
  if (unit === "d") return new Date(year, month, day + count).getTime();
  return new Date(year, month, day, (Math.floor(hour / count) + 1) * count).getTime();
}
