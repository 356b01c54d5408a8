/** Logs to rotating files. A module of its own, since it loads a library. */
import { basename, dirname } from "node:path";
import { createStream, type Options } from "rotating-file-stream";
import type { LogEvent, LogObserver } from "./event.ts";
import { formatEventAsJSON } from "./json.ts";
import { formatEventAsText } from "./text.ts";

/** When log files are rotated, and what happens to old ones. */
export interface RotatingFileOptions {
  /** "text" or "json". Default "text". */
  readonly format?: "text" | "json";
  /** Begin a new file when this one has grown to so many bytes. Default 10 MiB. */
  readonly rotateBytes?: number;
  /** Begin a new file after this time as well: "1d" is every midnight, "1h" every full hour. Default never. */
  readonly interval?: string;
  /** Files kept beside the current one; the oldest goes first. Default 10. */
  readonly maxFiles?: number;
  /** Compress those files with gzip. Default false. */
  readonly compress?: boolean;
  /** Bytes that may wait for a disk that is slow or full. What comes beyond that is dropped, and counted. Default 16 MiB. */
  readonly maxBufferedBytes?: number;
}

const MEBIBYTE = 1024 * 1024;

/** An observer that writes to a file, which can be closed. */
export interface FileLogObserver extends LogObserver {
  /** Events dropped so far, because the disk was too slow or failed. */
  readonly dropped: number;
  /** Write what waits, and close the file. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Writes each event to the file `path`, which is rotated to `path.1`, `path.2` and so on. A disk error is reported
 * once, to standard error; it loses events but never throws.
 */
export function rotatingFileLogObserver(path: string, options: RotatingFileOptions = {}): FileLogObserver {
  const format = options.format === "json" ? formatEventAsJSON : (event: LogEvent) => formatEventAsText(event);
  const limit = options.maxBufferedBytes ?? 16 * MEBIBYTE;
  const settings: Options = {
    path: dirname(path),
    size: `${options.rotateBytes ?? 10 * MEBIBYTE}B`,
    rotate: options.maxFiles ?? 10,
    ...(options.interval === undefined ? {} : { interval: options.interval }),
    ...(options.compress === true ? { compress: "gzip" } : {}),
  };
  const stream = createStream(basename(path), settings);
  let dropped = 0;
  let broken = false;
  stream.on("error", (error: Error) => {
    if (!broken) process.stderr.write(`The log file ${path} cannot be written, events are lost: ${error.message}\n`);
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
