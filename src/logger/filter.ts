/** Filters events. */
import { check, checkOptional } from "../internet/arguments/check.ts";
import { callable, iterable, text } from "../internet/arguments/kinds.ts";
import { LEVEL } from "./arguments.ts";
import { textOf } from "./describe.ts";
import type { LogEvent, LogObserver } from "./event.ts";
import { atLeast, type LogLevel } from "./level.ts";

/** The result of a predicate: "maybe" leaves the decision to the next one. */
export type PredicateResult = "yes" | "no" | "maybe";
/** A predicate for {@link filteringLogObserver}. */
export type LogFilterPredicate = (event: LogEvent) => PredicateResult;

/**
 * An observer that passes an event on to `observer` unless one of `predicates`, called in turn, returns "no" before any
 * returns "yes". Events that are rejected go to `negativeObserver`, if there is one.
 * @throws TypeError for an observer or a predicate that is not a function
 */
export function filteringLogObserver(
  observer: LogObserver,
  predicates: Iterable<LogFilterPredicate>,
  negativeObserver?: LogObserver,
): LogObserver {
  const call = "filteringLogObserver(observer, predicates, negativeObserver)";
  check(call, "observer", observer, callable);
  check(call, "predicates", predicates, iterable);
  checkOptional(call, "negativeObserver", negativeObserver, callable);
  const asked = [...predicates];
  for (const [i, predicate] of asked.entries()) check(call, `predicates[${i}]`, predicate, callable);
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

/** Rejects events below a level, which can be set for each namespace. */
export class LogLevelFilterPredicate {
  readonly defaultLogLevel: LogLevel;
  private readonly levels = new Map<string, LogLevel>();

  /** @throws TypeError | RangeError for a level that does not exist */
  constructor(defaultLogLevel: LogLevel = "info") {
    check("new LogLevelFilterPredicate(defaultLogLevel)", "defaultLogLevel", defaultLogLevel, LEVEL);
    this.defaultLogLevel = defaultLogLevel;
  }

  /** The lowest level at which events of `namespace` pass: its own, else that of the nearest namespace above it. */
  logLevelForNamespace(namespace: string): LogLevel {
    check("logLevelForNamespace(namespace)", "namespace", namespace, text);
    for (let name = namespace; name !== ""; name = name.slice(0, Math.max(0, name.lastIndexOf(".")))) {
      const level = this.levels.get(name);
      if (level !== undefined) return level;
    }
    return this.levels.get("") ?? this.defaultLogLevel;
  }

  /**
   * Let events of `namespace`, and of those below it ("a.b" is below "a"), pass from `level` on. "" is all of them.
   * @throws TypeError | RangeError for a level that does not exist
   */
  setLogLevelForNamespace(namespace: string, level: LogLevel): void {
    check("setLogLevelForNamespace(namespace, level)", "namespace", namespace, text);
    check("setLogLevelForNamespace(namespace, level)", "level", level, LEVEL);
    this.levels.set(namespace, level);
  }

  clearLogLevels(): void {
    this.levels.clear();
  }

  /** The predicate itself, for {@link filteringLogObserver}. */
  readonly predicate: LogFilterPredicate = (event) =>
    atLeast(event.level, this.logLevelForNamespace(textOf(event.namespace))) ? "maybe" : "no";
}
