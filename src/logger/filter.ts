/** Filters events. */
import type { LogEvent, LogObserver } from "./event.ts";
import { atLeast, type LogLevel } from "./level.ts";

/** The verdict of a predicate: "maybe" leaves the decision to the next one. */
export type PredicateResult = "yes" | "no" | "maybe";
/** A predicate for {@link filteringLogObserver}. */
export type LogFilterPredicate = (event: LogEvent) => PredicateResult;

/**
 * An observer that passes events on to `observer` unless one of `predicates`, asked in turn, says "no" before any says
 * "yes". What is held back goes to `negativeObserver`, where there is one.
 */
export function filteringLogObserver(
  observer: LogObserver,
  predicates: Iterable<LogFilterPredicate>,
  negativeObserver?: LogObserver,
): LogObserver {
  const asked = [...predicates];
  return (event) => {
    for (const predicate of asked) {
      const result = predicate(event);
      if (result === "yes") break;
      if (result === "no") {
        negativeObserver?.(event);
        return;
      }
    }
    observer(event);
  };
}

/** Says "no" to events below a level, which may be another one for each namespace. */
export class LogLevelFilterPredicate {
  readonly defaultLogLevel: LogLevel;
  private readonly levels = new Map<string, LogLevel>();

  constructor(defaultLogLevel: LogLevel = "info") {
    this.defaultLogLevel = defaultLogLevel;
  }

  /** The level from which on events of `namespace` pass: its own, else that of the nearest namespace above it. */
  logLevelForNamespace(namespace: string): LogLevel {
    for (let name = namespace; name !== ""; name = name.slice(0, Math.max(0, name.lastIndexOf(".")))) {
      const level = this.levels.get(name);
      if (level !== undefined) return level;
    }
    return this.levels.get("") ?? this.defaultLogLevel;
  }

  /** Let events of `namespace`, and of those below it ("a.b" is below "a"), pass from `level` on. "" is all of them. */
  setLogLevelForNamespace(namespace: string, level: LogLevel): void {
    this.levels.set(namespace, level);
  }

  clearLogLevels(): void {
    this.levels.clear();
  }

  /** The predicate itself, for {@link filteringLogObserver}. */
  readonly predicate: LogFilterPredicate = (event) =>
    atLeast(event.level, this.logLevelForNamespace(event.namespace)) ? "maybe" : "no";
}
