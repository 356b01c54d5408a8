/** Keeps events in memory. */
import type { LogEvent, LogObserver } from "./event.ts";

/** Remembers the last `size` events, to be looked at or replayed. */
export class LimitedHistoryLogObserver {
  private readonly size: number;
  private events: LogEvent[] = [];

  /** @throws RangeError when `size` is no positive integer */
  constructor(size = 65_536) {
    if (!Number.isInteger(size) || size < 1) throw new RangeError(`A history holds one event or more, not ${size}.`);
    this.size = size;
  }

  readonly observe: LogObserver = (event) => {
    this.events.push(event);
    // Trimmed in bulk, since each trim moves all other events.
    if (this.events.length >= 2 * this.size) this.events = this.events.slice(-this.size);
  };

  /** The events that are remembered, the oldest first. */
  history(): LogEvent[] {
    return this.events.slice(-this.size);
  }

  replayTo(observer: LogObserver): void {
    for (const event of this.history()) observer(event);
  }

  clear(): void {
    this.events = [];
  }
}
