/** A log event: a format string and its fields. */
import { textOf } from "./describe.ts";
import { formatTemplate } from "./format.ts";
import type { LogLevel } from "./level.ts";

/** Named values that belong to an event. */
export type LogFields = Readonly<Record<string, unknown>>;

/** An event, as observers get it. */
export class LogEvent {
  /** Seconds since the epoch. */
  readonly time: number;
  readonly level: LogLevel;
  /** What part of the program it comes from, as in "skein" or "shop.orders". */
  readonly namespace: string;
  /** The text as it was written in the program: "{name}" stands for a field. */
  readonly format: string;
  readonly fields: LogFields | undefined;
  /** The object that it is about, where the logger has one. */
  readonly source: unknown;
  /** What was thrown, when there is such a thing. */
  readonly error: unknown;

  constructor(
    level: LogLevel,
    namespace: string,
    format: string,
    fields?: LogFields,
    error?: unknown,
    source?: unknown,
    time: number = Date.now() / 1000,
  ) {
    this.time = time;
    this.level = level;
    this.namespace = namespace;
    this.format = format;
    this.fields = fields;
    this.error = error;
    this.source = source;
  }

  /** The text with the fields filled in. A text without fields is taken as it is, braces and all. */
  get message(): string {
    const format = textOf(this.format); // a program in JavaScript may log anything
    if (this.fields === undefined) return format;
    return formatTemplate(format, this.fields, this.source);
  }
}

/** Gets every event. Errors that it throws are reported to the other observers. */
export type LogObserver = (event: LogEvent) => void;
