/** Hands every event to every observer. */
import { summaryOf } from "./describe.ts";
import { LogEvent, type LogObserver } from "./event.ts";

/** An observer that tells others. */
export class LogPublisher {
  private observers: readonly LogObserver[];

  constructor(...observers: LogObserver[]) {
    this.observers = observers;
  }

  /** From the next event on `observer` is told. Adding it again does nothing. */
  addObserver(observer: LogObserver): void {
    if (!this.observers.includes(observer)) this.observers = [...this.observers, observer];
  }

  /** Removing one that is not there does nothing. */
  removeObserver(observer: LogObserver): void {
    this.observers = this.observers.filter((other) => other !== observer);
  }

  /** Exchange all observers; returns those that were there. */
  replaceObservers(observers: readonly LogObserver[]): readonly LogObserver[] {
    const before = this.observers;
    this.observers = observers;
    return before;
  }

  /** Tell every observer. One that throws keeps the event from nobody; the others hear of it. */
  readonly publish = (event: LogEvent): void => {
    const { observers } = this;
    for (const observer of observers) {
      try {
        observer(event);
      } catch (error) {
        const report = new LogEvent(
          "critical",
          "skein.logger",
          `A log observer threw; the event was: ${event.message}`,
          undefined,
          error,
        );
        for (const other of observers) if (other !== observer) quietly(other, report);
        if (observers.length === 1) lastResort(report);
      }
    }
  };
}

function quietly(observer: LogObserver, event: LogEvent): void {
  try {
    observer(event);
  } catch {
    // It will have been reported for an event of its own, or will be.
  }
}

function lastResort(event: LogEvent): void {
  try {
    process.stderr.write(`${event.message}: ${summaryOf(event.error)}\n`);
  } catch {
    // Standard error is closed, or replaced by something that throws: there is nobody left to tell.
  }
}
