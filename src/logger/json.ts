/** Events as JSON, one a line, and back. */
import { LogEvent, type LogFields, type LogObserver } from "./event.ts";
import { LOG_LEVELS, type LogLevel } from "./level.ts";
import type { TextSink } from "./text.ts";

/** An error's causes may go in a circle, fields may be nested without end. */
const DEPTH_MAX = 8;

/** One line: `time` in seconds, `level`, `namespace`, `format`, `message`, `fields`, `error` with its stack and causes. */
export function formatEventAsJSON(event: LogEvent): string {
  const { time, level, namespace, format, message, fields, error, source } = event;
  return `${JSON.stringify(plain({ time, level, namespace, format, message, fields, error, source }, 0, []))}\n`;
}

/** Writes each event to `file` as a line of JSON. */
export function jsonFileLogObserver(file: TextSink): LogObserver {
  return (event) => {
    file.write(formatEventAsJSON(event));
  };
}

/** The events of a file that {@link jsonFileLogObserver} wrote. Lines that are none (cut off, say) are left out. */
export function* eventsFromJSONLogFile(text: string): Generator<LogEvent> {
  for (const line of text.split("\n")) {
    const event = eventFromJSON(line);
    if (event !== undefined) yield event;
  }
}

function eventFromJSON(line: string): LogEvent | undefined {
  let read: Partial<Record<"time" | "level" | "namespace" | "format" | "fields" | "error" | "source", unknown>> | null;
  try {
    read = JSON.parse(line);
  } catch {
    return undefined;
  }
  const known = LOG_LEVELS.find((level) => level === read?.level) as LogLevel | undefined;
  if (read === null || known === undefined || typeof read.format !== "string" || typeof read.time !== "number") {
    return undefined;
  }
  const fields = typeof read.fields === "object" && read.fields !== null ? (read.fields as LogFields) : undefined;
  return new LogEvent(known, String(read.namespace), read.format, fields, read.error, read.source, read.time);
}

/** What JSON can hold of `value`. */
function plain(value: unknown, depth: number, inside: readonly object[]): unknown {
  if (typeof value === "bigint" || typeof value === "symbol") return String(value);
  if (typeof value === "function") return `[function ${value.name}]`;
  if (typeof value !== "object" || value === null) return value;
  if (inside.includes(value)) return "[circular]";
  if (depth === DEPTH_MAX) return "[deep]";
  const next = (part: unknown): unknown => plain(part, depth + 1, [...inside, value]);
  try {
    if (value instanceof Uint8Array)
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
    if (value instanceof Error) return errorParts(value, next);
    if (value instanceof Map || value instanceof Set || Array.isArray(value)) return [...value].map(next);
    if (typeof (value as { toJSON?: unknown }).toJSON === "function")
      return next((value as { toJSON(): unknown }).toJSON());
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, next(part)]));
  } catch (error) {
    return `[unreadable: ${String(error)}]`;
  }
}

function errorParts(error: Error, next: (part: unknown) => unknown): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const { code } = error as { code?: unknown };
  return { name, message, code: next(code), stack, cause: next(cause) };
}
