/**
 * What will happen in a simulation, in the order of (time, sequence): of two things at the same time, the one that was
 * planned first comes first.
 *
 *     heap   what is planned for later: a binary heap, whose keys stand beside the objects, so that sifting need not
 *            look at those
 *     now    what is planned for this very moment, which is much of it: a plain list, since it comes after everything
 *            in the heap that has the same time
 *
 * What was cancelled, or planned anew, stays where it was, and is passed over: its sequence tells.
 */

const UNPLANNED = -1;

/** Something that can be planned; it may be planned again once it has happened. */
export abstract class Occurrence {
  /** Of the plan that holds; for the queue. */
  sequence = UNPLANNED;

  get planned(): boolean {
    return this.sequence !== UNPLANNED;
  }

  abstract happen(): void;
}

export class EventQueue {
  /** Virtual time, in seconds. */
  now = 0;
  private sequence = 0;
  private size = 0;
  private readonly times: number[] = [];
  private readonly sequences: number[] = [];
  private readonly heap: Occurrence[] = [];
  private readonly present: Occurrence[] = [];
  private readonly presentSequences: number[] = [];
  private presentStart = 0;
  private presentEnd = 0;

  /** Plan `occurrence` for `time`, or for now when that is over; if it was planned already, then anew. */
  plan(occurrence: Occurrence, time: number): void {
    const sequence = this.sequence++;
    occurrence.sequence = sequence;
    if (time > this.now) {
      this.rise(occurrence, time, sequence);
    } else {
      this.present[this.presentEnd] = occurrence;
      this.presentSequences[this.presentEnd++] = sequence;
    }
  }

  cancel(occurrence: Occurrence): void {
    occurrence.sequence = UNPLANNED;
  }

  /** Take the next occurrence that is not later than `limit`, and move the time on to it. */
  take(limit: number): Occurrence | undefined {
    while (this.size > 0 && this.times[0]! <= this.now) {
      const sequence = this.sequences[0]!;
      const occurrence = this.removeFirst();
      if (occurrence.sequence === sequence) return begin(occurrence);
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
    while (this.size > 0 && this.times[0]! <= limit) {
      const time = this.times[0]!;
      const sequence = this.sequences[0]!;
      const occurrence = this.removeFirst();
      if (occurrence.sequence !== sequence) continue;
      this.now = time;
      return begin(occurrence);
    }
    return undefined;
  }

  private rise(occurrence: Occurrence, time: number, sequence: number): void {
    const { times, sequences, heap } = this;
    let index = this.size++;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (times[parent]! <= time) break; // of the same time, the earlier sequence stands above already
      times[index] = times[parent]!;
      sequences[index] = sequences[parent]!;
      heap[index] = heap[parent]!;
      index = parent;
    }
    times[index] = time;
    sequences[index] = sequence;
    heap[index] = occurrence;
  }

  private removeFirst(): Occurrence {
    const { times, sequences, heap } = this;
    const first = heap[0]!;
    const size = --this.size;
    const time = times[size]!;
    const sequence = sequences[size]!;
    const last = heap.pop()!;
    let index = 0;
    for (let child = 1; child < size; child = 2 * index + 1) {
      const other = child + 1;
      if (other < size && before(times[other]!, sequences[other]!, times[child]!, sequences[child]!)) child = other;
      if (!before(times[child]!, sequences[child]!, time, sequence)) break;
      times[index] = times[child]!;
      sequences[index] = sequences[child]!;
      heap[index] = heap[child]!;
      index = child;
    }
    if (size === 0) return first;
    times[index] = time;
    sequences[index] = sequence;
    heap[index] = last;
    return first;
  }
}

function begin(occurrence: Occurrence): Occurrence {
  occurrence.sequence = UNPLANNED;
  return occurrence;
}

function before(time: number, sequence: number, otherTime: number, otherSequence: number): boolean {
  return time < otherTime || (time === otherTime && sequence < otherSequence);
}
