/**
 * Where the engine reports what no caller can be told: errors in callbacks, unhandled Deferred failures, listeners
 * that cannot accept. One observer at a time; it writes to standard error unless another is set.
 */

export interface LogEvent {
  /** Seconds since the epoch. */
  readonly time: number;
  readonly level: "info" | "error";
  readonly message: string;
  /** What was thrown, when there is such a thing. */
  readonly error?: unknown;
}

export type LogObserver = (event: LogEvent) => void;

function toStandardError(event: LogEvent): void {
  const stamp = new Date(event.time * 1000).toISOString();
  const detail = event.error === undefined ? "" : `\n${describe(event.error)}`;
  process.stderr.write(`${stamp} [skein] ${event.message}${detail}\n`);
}

/** Causes may go in a circle. */
const CAUSES_MAX = 16;

/** The stack of an error and of its causes, or the text of anything else. */
export function describe(error: unknown, causes = CAUSES_MAX): string {
  if (error instanceof Error) {
    const own = error.stack ?? String(error);
    return error.cause === undefined || causes === 0 ? own : `${own}\ncaused by: ${describe(error.cause, causes - 1)}`;
  }
  try {
    return String(error);
  } catch {
    return Object.prototype.toString.call(error);
  }
}

let observer: LogObserver = toStandardError;

/** Send events to `next` from now on; returns the observer that was there. `undefined` restores standard error. */
export function setObserver(next: LogObserver | undefined): LogObserver {
  const previous = observer;
  observer = next ?? toStandardError;
  return previous;
}

/** Report something that happened. */
export function msg(message: string): void {
  emit({ time: Date.now() / 1000, level: "info", message });
}

/** Report an error with its stack. */
export function err(error: unknown, message: string): void {
  emit({ time: Date.now() / 1000, level: "error", message, error });
}

function emit(event: LogEvent): void {
  try {
    observer(event);
  } catch (error) {
    toStandardError({
      ...event,
      level: "error",
      message: `A log observer threw; the event was: ${event.message}`,
      error,
    });
  }
}
