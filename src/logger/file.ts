/** Logs to rotating files. A module of its own, since it loads a library. */
import { basename, dirname } from "node:path";
import { createStream, type Options } from "rotating-file-stream";
import { check, checkOptions } from "../internet/arguments/check.ts";
import { count, flag, integer, type Kind, oneOf, text } from "../internet/arguments/kinds.ts";
import type { LogEvent, LogObserver } from "./event.ts";
import { formatEventAsJSON } from "./json.ts";
import { say } from "./output.ts";
import { eventAsText } from "./text.ts";

/** When log files are rotated, and how many old ones are kept. */
export interface RotatingFileOptions {
  /** "text" or "json". Default "text". */
  readonly format?: "text" | "json";
  /** Rotate when the file has this size, in bytes. Default 10 MiB. */
  readonly rotateBytes?: number;
  /**
   * Rotate at this interval as well: "1d" is every midnight, "1h" every full hour. The units are M (months), d,
   * h, m and s; hours divide a day, minutes an hour, seconds a minute. Default never.
   */
  readonly interval?: string;
  /** The number of old files to keep; the oldest is deleted. Default 10. */
  readonly maxFiles?: number;
  /** Compress old files with gzip. Default false. */
  readonly compress?: boolean;
  /** Bytes that may be buffered while the disk is slow or full. Events beyond that are dropped, and counted. Default 16 MiB. */
  readonly maxBufferedBytes?: number;
}

const MEBIBYTE = 1024 * 1024;

/** How many of a unit an interval must divide. */
const DIVIDED: Readonly<Record<string, number>> = { h: 24, m: 60, s: 60 };

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

const OPTIONS: Record<keyof RotatingFileOptions, Kind> = {
  format: oneOf("text", "json"),
  rotateBytes: integer(1),
  interval: INTERVAL,
  maxFiles: integer(1),
  compress: flag,
  maxBufferedBytes: count(0),
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
 * Writes each event to the file `path`, which is rotated to `path.1`, `path.2` and so on. A disk error is reported
 * once, to standard error; it loses events but never throws.
 * @throws TypeError | RangeError for a wrong path or option
 */
export function rotatingFileLogObserver(path: string, options: RotatingFileOptions = {}): FileLogObserver {
  const call = "rotatingFileLogObserver(path, options)";
  check(call, "path", path, text);
  const checked = checkOptions<RotatingFileOptions>(call, options, OPTIONS);
  const format = checked.format === "json" ? formatEventAsJSON : eventAsText;
  const limit = checked.maxBufferedBytes ?? 16 * MEBIBYTE;
  const settings: Options = {
    path: dirname(path),
    size: `${checked.rotateBytes ?? 10 * MEBIBYTE}B`,
    rotate: checked.maxFiles ?? 10,
    ...(checked.interval === undefined ? {} : { interval: checked.interval }),
    ...(checked.compress === true ? { compress: "gzip" } : {}),
  };
  const stream = createStream(basename(path), settings);
  let dropped = 0;
  let broken = false;
  stream.on("error", (error: Error) => {
    if (!broken) say(`The log file ${path} cannot be written, events are lost: ${error.message}\n`, "stderr");
    broken = true;
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      if (stream.destroyed || stream.writableFinished) resolve();
      else stream.once("close", resolve).end();
    });
  const observe = (event: LogEvent): void => {
    if (broken || stream.writableLength > limit) dropped++;
    else stream.write(format(event));
  };
  return Object.defineProperty(Object.assign(observe, { close, [Symbol.asyncDispose]: close }), "dropped", {
    get: () => dropped,
  }) as FileLogObserver;
}
