/**
 * The program's log: every event goes to the observers that are set, or to standard error if none is. The engine logs
 * errors here that it cannot return to a caller: errors in callbacks, unhandled failures, listeners that cannot accept.
 */
import { checkOptional } from "../internet/arguments/check.ts";
import { callable } from "../internet/arguments/kinds.ts";
import { ensureObservers } from "./arguments.ts";
import { LogEvent, type LogObserver } from "./event.ts";
import { logToStandardError } from "./output.ts";
import { LogPublisher } from "./publisher.ts";

function toStandardError(event: LogEvent): void {
  if (event.level !== "debug") logToStandardError(event);
}

const DEFAULT: readonly LogObserver[] = [toStandardError];

/** The destination of the events of every {@link Logger} without an observer of its own. */
export const globalLogPublisher = new LogPublisher(...DEFAULT);

/** The observers that the program has set. Observers added to the publisher itself are kept when these change. */
let base = DEFAULT;

function setBase(observers: readonly LogObserver[]): void {
  const before = base;
  base = observers;
  const others = globalLogPublisher.replaceObservers([]).filter((one) => !before.includes(one));
  globalLogPublisher.replaceObservers([...observers, ...others.filter((one) => !observers.includes(one))]);
}

/** The call of beginLoggingTo() that is in effect: the observers that it replaced, and where it was called. */
let begun: { readonly before: readonly LogObserver[]; readonly place: string } | undefined;

/**
 * Send the program's events to `observers` from now on, instead of standard error. A second call adds its observers to
 * those of the first, and warns. Returns a function that undoes this call.
 * @throws TypeError for an observer that is not a function
 */
export function beginLoggingTo(...observers: LogObserver[]): () => void {
  ensureObservers("beginLoggingTo(...observers)", observers);
  const place = placeOfCall();
  if (begun === undefined) {
    const mine = { before: base, place };
    begun = mine;
    setBase(observers);
    return () => {
      if (begun !== mine) return;
      begun = undefined;
      setBase([...mine.before, ...base.filter((one) => !observers.includes(one))]);
    };
  }
  const added = observers.filter((one) => !base.includes(one));
  setBase([...base, ...added]);
  const message = `beginLoggingTo() was called again, ${place}: its observers are added to those of the previous call, ${begun.place}.`;
  globalLogPublisher.publish(new LogEvent("warn", "skein.logger", message));
  return () => setBase(base.filter((one) => !added.includes(one)));
}

/** As in "at main (/app/main.js:3:1)". */
function placeOfCall(): string {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, beginLoggingTo);
  return holder.stack?.split("\n")[1]?.trim() ?? "at an unknown place";
}

/**
 * Send events to `observer` alone from now on; `undefined` restores standard error. Returns the previous observer, which
 * can be set again later.
 * @throws TypeError when `observer` is not a function
 */
export function setObserver(observer: LogObserver | undefined): LogObserver | undefined {
  checkOptional("setObserver(observer)", "observer", observer, callable);
  const before = base;
  begun = undefined;
  setBase(observer === undefined ? DEFAULT : [observer]);
  if (before === DEFAULT) return undefined;
  return before.length === 1 ? before[0] : new LogPublisher(...before).publish;
}

/** For a simulation: send events to `observer` alone until the returned function is called. */
export function divertLog(observer: LogObserver): () => void {
  const before = base;
  setBase([observer]);
  return () => setBase(before);
}

/** The events logged since capturedLogs(). {@link CapturedLogs.stop} ends the capture. */
export interface CapturedLogs {
  readonly events: readonly LogEvent[];
  stop(): void;
  [Symbol.dispose](): void;
}

/** Collect every event, in addition to the observers that are set. */
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

/** Log a message at level "info". */
export function msg(message: string): void {
  globalLogPublisher.publish(new LogEvent("info", NAMESPACE, message));
}

/** Log an error with its stack, at level "error". */
export function err(error: unknown, message: string): void {
  globalLogPublisher.publish(new LogEvent("error", NAMESPACE, message, undefined, error));
}
