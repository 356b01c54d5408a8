/** Structured logging: events with levels, namespaces and fields, and observers that show or keep them. */
import { check, checkOptions } from "../internet/arguments/check.ts";
import { callable, type Kind, text } from "../internet/arguments/kinds.ts";
import { read, textOf } from "./describe.ts";
import { LogEvent, type LogFields, type LogObserver } from "./event.ts";
import { isLogLevel, LOG_LEVELS, type LogLevel } from "./level.ts";
import { globalLogPublisher } from "./log.ts";
import { guarded } from "./publisher.ts";

export { describe } from "./describe.ts";
export { LogEvent, type LogFields, type LogObserver } from "./event.ts";
export {
  filteringLogObserver,
  type LogFilterPredicate,
  LogLevelFilterPredicate,
  type PredicateResult,
} from "./filter.ts";
export { LimitedHistoryLogObserver } from "./history.ts";
export { eventsFromJSONLogFile, formatEventAsJSON, jsonFileLogObserver } from "./json.ts";
export { LOG_LEVELS, type LogLevel } from "./level.ts";
export {
  beginLoggingTo,
  type CapturedLogs,
  capturedLogs,
  err,
  globalLogPublisher,
  msg,
  setObserver,
} from "./log.ts";
export { LogPublisher } from "./publisher.ts";
export type { TextSink } from "./sink.ts";
export { formatEventAsText, type TextOptions } from "./text.ts";
export { consoleLogObserver, textFileLogObserver } from "./textfile.ts";

/** The options of a {@link Logger}. */
export interface LoggerOptions {
  /** The object that the events are about: "{log_source}" in formats. */
  readonly source?: unknown;
  /** Where the events go. Default: the program's log. */
  readonly observer?: LogObserver;
}

const OPTIONS: Record<keyof LoggerOptions, Kind> = {
  source: { accepts: "anything", typed: () => true },
  observer: callable,
};

/**
 * Logs for one part of the program, its namespace.
 *
 *     const log = new Logger("shop.orders");
 *     log.info("{user} ordered {count} of {article}", { user, count, article });
 *     log.failure("The order of {user} was lost", error, { user });
 */
export class Logger {
  readonly namespace: string;
  readonly source: unknown;
  private readonly observer: LogObserver;

  /** @throws TypeError for a namespace that is not a string, an observer that is not a function, an unknown option */
  constructor(namespace: string, options: LoggerOptions = {}) {
    check("new Logger(namespace, options)", "namespace", namespace, text);
    const { source, observer } = checkOptions<LoggerOptions>("new Logger(namespace, options)", options, OPTIONS);
    this.namespace = namespace;
    this.source = source;
    this.observer = observer === undefined ? globalLogPublisher.publish : guarded(observer, globalLogPublisher.publish);
  }

  /**
   * Each "{name}" of `format` stands for that field; without fields the text is not formatted. No log call throws: an
   * unknown level, and an observer that throws, are reported in the log.
   */
  emit(level: LogLevel, format: string, fields?: LogFields): void {
    this.publish(level, format, fields, undefined);
  }

  debug(format: string, fields?: LogFields): void {
    this.emit("debug", format, fields);
  }

  info(format: string, fields?: LogFields): void {
    this.emit("info", format, fields);
  }

  warn(format: string, fields?: LogFields): void {
    this.emit("warn", format, fields);
  }

  error(format: string, fields?: LogFields): void {
    this.emit("error", format, fields);
  }

  critical(format: string, fields?: LogFields): void {
    this.emit("critical", format, fields);
  }

  /** Log an error or a Failure with its stack. `d.addErrback((f) => log.failure("…", f))` logs the failure of a Deferred. */
  failure(format: string, failure: unknown, fields?: LogFields, level: LogLevel = "critical"): void {
    const error = isFailure(failure) ? read(failure, "value") : failure;
    this.publish(level, format, fields, error);
  }

  /** Call `f`, and log its exception. Returns its result, or undefined after an exception. */
  failuresHandled<R>(format: string, f: () => R): R | undefined {
    try {
      return f();
    } catch (error) {
      this.failure(format, error);
      return undefined;
    }
  }

  private publish(level: LogLevel, format: string, fields: LogFields | undefined, error: unknown): void {
    const event = new LogEvent(level, this.namespace, format, fields, error, this.source);
    if (isLogLevel(level)) {
      this.observer(event);
      return;
    }
    const report = `There is no log level ${textOf(level)}: it is one of ${LOG_LEVELS.join(", ")}. The event was: `;
    this.observer(new LogEvent("error", this.namespace, report + event.message, undefined, error, this.source));
  }
}

/** Checked by its methods, since the module of Failure imports this one. */
function isFailure(value: unknown): boolean {
  return typeof read(value, "getTraceback") === "function";
}
