/**
 * What will happen in a simulation, in the order of (time, sequence): of two things at the same time, the one that was
 * planned first comes first.
 *
 *     heap   what is planned for later
 *     now    what is planned for this very moment, which is much of it: a plain list, since it comes after everything
 *            in the heap that has the same time
 *
 * What was cancelled, or planned anew, stays where it was and is passed over: its sequence tells. When more than half of
 * the heap is such entries, they are taken out.
 */
import { TimeHeap } from "../../internet/timeheap.ts";

const UNPLANNED = -1;
/** A heap of fewer entries is left as it is, whatever they are. */
const CLEARED_FROM = 64;

/** Something that can be planned; it may be planned again once it has happened. */
export abstract class Occurrence {
  /** Of the plan that holds; for the queue. */
  sequence = UNPLANNED;

  get planned(): boolean {
    return this.sequence !== UNPLANNED;
  }

  abstract run(): void;
}

export class EventQueue {
  /** Virtual time, in seconds. */
  now = 0;
  private sequence = 0;
  private readonly heap = new TimeHeap<Occurrence>();
  /** Plans that do not hold any more, in the heap or the list: at least as many as are in the heap. */
  private stale = 0;
  private readonly present: Occurrence[] = [];
  private readonly presentSequences: number[] = [];
  private presentStart = 0;
  private presentEnd = 0;

  /** Entries that are kept, those of cancelled plans included. */
  get size(): number {
    return this.heap.size + this.presentEnd - this.presentStart;
  }

  /** Plan `occurrence` for `time`, or for now when that is over; if it was planned already, then anew. */
  plan(occurrence: Occurrence, time: number): void {
    if (occurrence.planned) this.cancel(occurrence);
    const sequence = this.sequence++;
    occurrence.sequence = sequence;
    if (time > this.now) {
      this.heap.push(time, sequence, occurrence);
    } else {
      this.present[this.presentEnd] = occurrence;
      this.presentSequences[this.presentEnd++] = sequence;
    }
  }

  cancel(occurrence: Occurrence): void {
    if (!occurrence.planned) return;
    occurrence.sequence = UNPLANNED;
    this.stale++;
    if (this.heap.size < CLEARED_FROM || this.stale <= this.heap.size / 2) return;
    this.heap.retain((entry, sequence) => entry.sequence === sequence);
    this.stale = 0;
  }

  /** Take the next occurrence that is not later than `limit`, and move the time on to it. */
  take(limit: number): Occurrence | undefined {
    const { heap } = this;
    while (heap.size > 0 && heap.time <= this.now) {
      const { sequence } = heap;
      const occurrence = heap.shift();
      if (occurrence.sequence === sequence) return begin(occurrence);
      this.stale--;
    }
    while (this.presentStart < this.presentEnd) {
      const at = this.presentStart++;
      const occurrence = this.present[at]!;
      const sequence = this.presentSequences[at]!;
      if (this.presentStart === this.presentEnd) {
        this.presentStart = 0;
        this.presentEnd = 0;
      }
      if (occurrence.sequence === sequence) return begin(occurrence);
    }
    while (heap.size > 0 && heap.time <= limit) {
      const { time, sequence } = heap;
      const occurrence = heap.shift();
      if (occurrence.sequence !== sequence) {
        this.stale--;
        continue;
      }
      this.now = time;
      return begin(occurrence);
    }
    return undefined;
  }
}

function begin(occurrence: Occurrence): Occurrence {
  occurrence.sequence = UNPLANNED;
  return occurrence;
}
