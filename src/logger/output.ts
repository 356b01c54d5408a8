/**
 * The streams of the log, and what the process says itself on standard output and standard error. Nothing else in src/
 * writes to these two.
 */
import { LogEvent } from "./event.ts";
import { printableLines } from "./printable.ts";
import { Sink, type TextSink } from "./sink.ts";
import { StandardPipe } from "./standardpipe.ts";
import { eventAsText } from "./text.ts";

/** One for each stream, so that several observers of a stream have one queue and one count. */
const sinks = new WeakMap<object, Sink>();

/** The sink of `file`. */
export function sinkOf(file: TextSink): Sink {
  let sink = sinks.get(file);
  if (sink === undefined) {
    sink = isStandard(file)
      ? new Sink(file, { shared: true, pipe: pipeBehind(file) })
      : new Sink(file, { onFailure: reported });
    sinks.set(file, sink);
  }
  return sink;
}

/** Not only by descriptors: in a worker the streams have none. */
function isStandard(file: TextSink): boolean {
  return file === process.stderr || file === process.stdout;
}

/** What cannot be told about the stream makes it one like any other. */
function pipeBehind(file: TextSink): StandardPipe | undefined {
  try {
    return StandardPipe.behind(file);
  } catch {
    return undefined;
  }
}

function reported(why: string): void {
  const format = "A stream of the log failed, and misses events until it works again: {why}";
  logToStandardError(new LogEvent("error", "skein.logger", format, { why }));
}

/** Write `event` to standard error. Never throws. */
export function logToStandardError(event: LogEvent): void {
  toStandard("stderr", (sink) => sink.log(event, eventAsText));
}

/** Write lines of text to standard output or standard error, what a terminal would act upon escaped. Never throws. */
export function say(text: string, to: "stdout" | "stderr" = "stdout"): void {
  toStandard(to, (sink) => sink.say(printableLines(text)));
}

function toStandard(name: "stdout" | "stderr", write: (sink: Sink) => void): void {
  try {
    write(sinkOf(name === "stdout" ? process.stdout : process.stderr));
  } catch {
    // The stream cannot be opened, or was replaced by something that throws: the text is lost.
  }
}
