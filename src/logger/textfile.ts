/** Writes events as lines of text to streams. */
import { check, checkOptions } from "../internet/arguments/check.ts";
import { SINK } from "./arguments.ts";
import type { LogObserver } from "./event.ts";
import { sinkOf } from "./output.ts";
import type { TextSink } from "./sink.ts";
import { eventAsText, TEXT_OPTIONS, type TextOptions } from "./text.ts";

/**
 * Writes each event to `file` as text. When `file` is a stream that fails, or of which 1 MiB is not written yet, events
 * are dropped, and counted in an event of their own once it works again; its errors are heard.
 * @throws TypeError for a file without write(), and for an unknown option
 */
export function textFileLogObserver(file: TextSink, options: TextOptions = {}): LogObserver {
  const call = "textFileLogObserver(file, options)";
  check(call, "file", file, SINK);
  const checked = checkOptions<TextOptions>(call, options, TEXT_OPTIONS);
  const sink = sinkOf(file);
  return (event) => sink.log(event, (one) => eventAsText(one, checked));
}

/**
 * Writes each event to standard error, in colours if that is a terminal and NO_COLOR is not set. See
 * {@link textFileLogObserver} for a standard error that nobody reads.
 */
export function consoleLogObserver(): LogObserver {
  const colors = process.stderr.isTTY === true && (process.env.NO_COLOR ?? "") === "";
  return textFileLogObserver(process.stderr, { colors });
}
