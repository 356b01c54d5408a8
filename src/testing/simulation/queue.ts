/**
 * The simulation's event queue, ordered by (time, sequence): of two occurrences at the same time, the one that was
 * planned first runs first.
 *
 *     heap   what is planned for later
 *     now    what is planned for the current time, which is frequent: a plain list, since its sequences are higher than
 *            those of everything in the heap with the same time
 *
 * Entries of occurrences that were cancelled or planned anew stay in place and are skipped, since their sequence
 * differs. When more than half of the heap is stale, those entries are removed.
 */
import { TimeHeap } from "../../internet/timeheap.ts";

const UNPLANNED = -1;
/** Heaps with fewer entries than this are not cleared of stale entries. */
const CLEARED_FROM = 64;

/** An event that can be planned, and planned again once it has run. */
export abstract class Occurrence {
  /** The sequence of the current plan; used by the queue. */
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
  /** The number of stale entries in heap and list; an upper bound for those in the heap. */
  private stale = 0;
  private readonly present: Occurrence[] = [];
  private readonly presentSequences: number[] = [];
  private presentStart = 0;
  private presentEnd = 0;

  /** The number of entries, including stale ones. */
  get size(): number {
    return this.heap.size + this.presentEnd - this.presentStart;
  }

  /** Plan `occurrence` for `time`, or for now when `time` has passed. Replaces an earlier plan. */
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

  /** Remove the next occurrence that is due by `limit`, and advance the time to it. */
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
