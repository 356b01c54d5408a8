/** Keeps events in memory. */
import { check } from "../internet/arguments/check.ts";
import { callable, integer } from "../internet/arguments/kinds.ts";
import type { LogEvent, LogObserver } from "./event.ts";

/** Keeps the last `size` events, to be read or replayed. */
export class LimitedHistoryLogObserver {
  private readonly size: number;
  private events: LogEvent[] = [];

  /** @throws RangeError when `size` is not a positive integer; TypeError when it is not a number */
  constructor(size = 65_536) {
    check("new LimitedHistoryLogObserver(size)", "size", size, integer(1));
    this.size = size;
  }

  readonly observe: LogObserver = (event) => {
    this.events.push(event);
    // Trimmed in bulk, since each trim moves all other events.
    if (this.events.length >= 2 * this.size) this.events = this.events.slice(-this.size);
  };

  /** The events that are kept, the oldest first. */
  history(): LogEvent[] {
    return this.events.slice(-this.size);
  }

  /** Call `observer` with each event that is kept, the oldest first. @throws TypeError when it is not a function */
  replayTo(observer: LogObserver): void {
    check("replayTo(observer)", "observer", observer, callable);
    for (const event of this.history()) observer(event);
  }

  clear(): void {
    this.events = [];
  }
}
