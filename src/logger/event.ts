/** A log event: a format string and its fields. */
import { textOf } from "./describe.ts";
import { formatTemplate } from "./format.ts";
import type { LogLevel } from "./level.ts";
import { cut, EVENT_MAX } from "./printable.ts";

/** Named values that belong to an event. */
export type LogFields = Readonly<Record<string, unknown>>;

/** One log event. */
export class LogEvent {
  /** Seconds since the epoch. */
  readonly time: number;
  readonly level: LogLevel;
  /** The part of the program that logged it, as in "skein" or "shop.orders". */
  readonly namespace: string;
  /** The format string: "{name}" stands for a field. */
  readonly format: string;
  readonly fields: LogFields | undefined;
  /** The `source` of the Logger, if it has one. */
  readonly source: unknown;
  /** The error that the event reports, if there is one. */
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

  /**
   * The formatted text: at most 16 Ki characters of each field, and 64 Ki in all. Without fields, `format` is not
   * formatted, so that braces stay as they are. Control characters are in it; observers that show it escape them.
   */
  get message(): string {
    const format = textOf(this.format); // a JavaScript program may log any value
    if (this.fields === undefined || this.fields === null) return cut(format, EVENT_MAX);
    return formatTemplate(format, this.fields, this.source);
  }
}

/** Called with every event. Errors that it throws are reported to the other observers. */
export type LogObserver = (event: LogEvent) => void;
