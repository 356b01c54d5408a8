/** Distributes events to observers. */
import { isPromise } from "node:util/types";
import { check } from "../internet/arguments/check.ts";
import { array, callable } from "../internet/arguments/kinds.ts";
import { ensureObservers } from "./arguments.ts";
import { summaryOf } from "./describe.ts";
import { LogEvent, type LogObserver } from "./event.ts";
import { say } from "./output.ts";

/** An observer that forwards events to others. */
export class LogPublisher {
  private observers: readonly LogObserver[];

  /** @throws TypeError for an observer that is not a function */
  constructor(...observers: LogObserver[]) {
    ensureObservers("new LogPublisher(...observers)", observers);
    this.observers = observers;
  }

  /** Add `observer`. Adding it again is a no-op. @throws TypeError when it is not a function */
  addObserver(observer: LogObserver): void {
    check("addObserver(observer)", "observer", observer, callable);
    if (!this.observers.includes(observer)) this.observers = [...this.observers, observer];
  }

  /** Remove `observer`. A no-op when it was not added. @throws TypeError when it is not a function */
  removeObserver(observer: LogObserver): void {
    check("removeObserver(observer)", "observer", observer, callable);
    this.observers = this.observers.filter((other) => other !== observer);
  }

  /** Replace all observers; returns the previous ones. @throws TypeError for one that is not a function */
  replaceObservers(observers: readonly LogObserver[]): readonly LogObserver[] {
    check("replaceObservers(observers)", "observers", observers, array);
    ensureObservers("replaceObservers(observers)", observers);
    const before = this.observers;
    this.observers = [...observers];
    return before;
  }

  /** Call every observer. An exception of one is reported to the others, which get the event all the same. */
  readonly publish = (event: LogEvent): void => {
    const { observers } = this;
    for (const observer of observers) {
      tell(observer, event, (error) => {
        const report = observerFailed(error, event);
        const others = observers.filter((other) => other !== observer);
        let failed = 0;
        for (const other of others) {
          tell(other, report, () => {
            failed++;
          });
        }
        if (failed === others.length) lastResort(report);
      });
    }
  };
}

/** An observer that never throws: exceptions of `observer` are reported to `others`. */
export function guarded(observer: LogObserver, others: LogObserver): LogObserver {
  return (event) => tell(observer, event, (error) => others(observerFailed(error, event)));
}

function observerFailed(error: unknown, event: LogEvent): LogEvent {
  const message = `A log observer threw; the event was: ${event.message}`;
  return new LogEvent("critical", "skein.logger", message, undefined, error);
}

/** Call `observer`; `failed` gets its exception, or its rejection if it is async. */
function tell(observer: LogObserver, event: LogEvent, failed: (error: unknown) => void): void {
  try {
    const result: unknown = observer(event);
    if (isPromise(result)) Promise.prototype.then.call(result, undefined, failed);
  } catch (error) {
    failed(error);
  }
}

/** For a report that no other observer took. */
function lastResort(event: LogEvent): void {
  say(`${event.message}: ${summaryOf(event.error)}\n`, "stderr");
}
