/** Events as JSON, one a line, and back. */
import { check } from "../internet/arguments/check.ts";
import { text as textKind } from "../internet/arguments/kinds.ts";
import { ensureEvent, SINK } from "./arguments.ts";
import { messageOf, textOf } from "./describe.ts";
import { LogEvent, type LogFields, type LogObserver } from "./event.ts";
import { nameOfSource } from "./format.ts";
import { cutForJSON } from "./jsonbudget.ts";
import { budgetOfEvent, decode, encode } from "./jsonvalues.ts";
import { isLogLevel } from "./level.ts";
import { sinkOf } from "./output.ts";
import { EVENT_MAX, FIELD_MAX, NAME_MAX, printableJSON } from "./printable.ts";
import type { TextSink } from "./sink.ts";

/** The maximum length of the JSON of one event, in characters: 128 Ki. */
export const LINE_MAX = 128 * 1024;

/** What is kept of it for the marks of what is left out, and for what encloses fields and errors. */
const MARKS_MAX = 4096;

/** The maximum number of characters shown of a line that cannot be read. */
const SHOWN_MAX = 200;

/**
 * One line: `time` in seconds, `level`, `namespace`, `format`, `message`, `fields`, `error` with its stack and causes,
 * the class of the
 * `source`. Dates, Maps, Sets, bytes, bigints, errors and other values without a JSON form are objects with a `$type`.
 * Control characters, also those that JSON allows, are written as `\uXXXX`. What is too long is cut: a line has at most
 * 128 Ki characters, of which 64 Ki are the message and 16 Ki the format, and each string has at most 16 Ki. No getter and
 * no method of a value runs: a getter is shown as "[getter]", an object with a toJSON() or a `[util.inspect.custom]()` by its
 * class. What may run are the traps of a Proxy, and the getters of an error's name, message, stack, code, cause and errors.
 * @throws TypeError for what is not an event; never for what the event holds
 */
export function formatEventAsJSON(event: LogEvent): string {
  ensureEvent("formatEventAsJSON(event)", event);
  const { time, level, namespace, format, message, fields, error, source } = event;
  const head = {
    time: Number.isFinite(time) ? time : 0,
    level: cutForJSON(textOf(level), NAME_MAX),
    namespace: cutForJSON(textOf(namespace), NAME_MAX),
    format: cutForJSON(textOf(format), FIELD_MAX),
    message: cutForJSON(textOf(message), EVENT_MAX),
  };
  const begun = printableJSON(JSON.stringify(head)).slice(0, -1);
  const budget = budgetOfEvent(LINE_MAX - MARKS_MAX - begun.length);
  const rest: Record<string, unknown> = {};
  if (error !== undefined) rest.error = encode(error, budget);
  if (fields !== undefined) rest.fields = encode(fields, budget);
  if (source !== undefined) rest.source = encode(nameOfSource(source), budget);
  const more = printableJSON(JSON.stringify(rest)).slice(1);
  return `${begun}${more === "}" ? "" : ","}${more}\n`;
}

/**
 * Writes each event to `file` as a line of JSON; the rest as by `textFileLogObserver()`.
 * @throws TypeError for a file without write()
 */
export function jsonFileLogObserver(file: TextSink): LogObserver {
  check("jsonFileLogObserver(file)", "file", file, SINK);
  const sink = sinkOf(file);
  return (event) => sink.log(event, formatEventAsJSON);
}

/** An event read from a file. Its fields may differ from the logged ones, so the logged message is kept as text. */
class StoredEvent extends LogEvent {
  readonly #message: string;

  constructor(message: string, ...event: ConstructorParameters<typeof LogEvent>) {
    super(...event);
    this.#message = message;
  }

  override get message(): string {
    return this.#message;
  }
}

/**
 * The events of a file that {@link jsonFileLogObserver} wrote: their messages, fields and errors as they were logged. A
 * line that cannot be read (one that was cut off, an unknown level) yields an event of level "error" that says so.
 * @throws TypeError when `text` is not a string
 */
export function eventsFromJSONLogFile(text: string): Generator<LogEvent> {
  check("eventsFromJSONLogFile(text)", "text", text, textKind);
  return eventsFrom(text);
}

function* eventsFrom(text: string): Generator<LogEvent> {
  let time = 0;
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    let event: LogEvent;
    try {
      event = eventFrom(line);
      time = event.time;
    } catch (error) {
      const record = line.length > SHOWN_MAX ? `${line.slice(0, SHOWN_MAX)}…` : line;
      const fields = { line: index + 1, why: messageOf(error), record };
      const format = "Line {line} of the log cannot be read ({why}): {record}";
      event = new LogEvent("error", "skein.logger", format, fields, undefined, undefined, time);
    }
    yield event;
  }
}

/** @throws Error when the line is not an event */
function eventFrom(line: string): LogEvent {
  const read: unknown = JSON.parse(line);
  if (typeof read !== "object" || read === null || Array.isArray(read)) throw new TypeError("it is not a JSON object");
  const { time, level, namespace, format, message, fields, error, source } = read as Record<string, unknown>;
  if (!isLogLevel(level)) throw new RangeError(`its level is ${JSON.stringify(level) ?? "missing"}`);
  if (typeof format !== "string") throw new TypeError("it has no format");
  if (typeof time !== "number") throw new TypeError("it has no time");
  const said = decode(fields);
  const known = typeof said === "object" && said !== null ? (said as LogFields) : undefined;
  const event = [level, textOf(namespace), format, known, decode(error), decode(source), time] as const;
  return typeof message === "string" ? new StoredEvent(message, ...event) : new LogEvent(...event);
}
