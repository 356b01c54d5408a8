/**
 * The program's log: every event goes to the observers that are set, and to standard error while none is. The engine
 * reports here what no caller can be told: errors in callbacks, unhandled failures, listeners that cannot accept.
 */
import { LogEvent, type LogObserver } from "./event.ts";
import { LogPublisher } from "./publisher.ts";
import { formatEventAsText } from "./text.ts";

function toStandardError(event: LogEvent): void {
  if (event.level !== "debug") process.stderr.write(formatEventAsText(event));
}

const DEFAULT: readonly LogObserver[] = [toStandardError];

/** Where every {@link Logger} sends its events unless it is given another observer. */
export const globalLogPublisher = new LogPublisher(...DEFAULT);

/**
 * Send the program's events to `observers` from now on, instead of standard error. Returns what goes back to what was
 * before.
 */
export function beginLoggingTo(...observers: LogObserver[]): () => void {
  const before = globalLogPublisher.replaceObservers(observers);
  return () => {
    globalLogPublisher.replaceObservers(before);
  };
}

/**
 * Send events to `observer` alone from now on; `undefined` restores standard error. Returns what was there, to be set
 * again later.
 */
export function setObserver(observer: LogObserver | undefined): LogObserver | undefined {
  const before = globalLogPublisher.replaceObservers(observer === undefined ? DEFAULT : [observer]);
  if (before === DEFAULT) return undefined;
  return before.length === 1 ? before[0] : new LogPublisher(...before).publish;
}

/** What is logged while a test runs. {@link CapturedLogs.stop} ends it. */
export interface CapturedLogs {
  readonly events: readonly LogEvent[];
  stop(): void;
  [Symbol.dispose](): void;
}

/** Collect every event, beside the observers that are set. */
export function capturedLogs(): CapturedLogs {
  const events: LogEvent[] = [];
  const observer: LogObserver = (event) => {
    events.push(event);
  };
  globalLogPublisher.addObserver(observer);
  const stop = (): void => globalLogPublisher.removeObserver(observer);
  return { events, stop, [Symbol.dispose]: stop };
}

const NAMESPACE = "skein";

/** Report something that happened. */
export function msg(message: string): void {
  globalLogPublisher.publish(new LogEvent("info", NAMESPACE, message));
}

/** Report an error with its stack. */
export function err(error: unknown, message: string): void {
  globalLogPublisher.publish(new LogEvent("error", NAMESPACE, message, undefined, error));
}
