/** The severity of an event, from "debug" up to "critical". */
export type LogLevel = "debug" | "info" | "warn" | "error" | "critical";

/** Every level, the least important first. */
export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "critical"];

/** Whether `value` is one of the levels. */
export function isLogLevel(value: unknown): value is LogLevel {
  return (LOG_LEVELS as readonly unknown[]).includes(value);
}

/** Whether `level` is `threshold` or higher. */
export function atLeast(level: LogLevel, threshold: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(threshold);
}
