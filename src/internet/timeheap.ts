/**
 * A binary heap of items ordered by (time, sequence): of two items with equal times, the one with the lower sequence
 * comes first. The keys are stored apart from the items, for cache locality.
 *
 * Removal from the middle is not supported. To cancel or move an item, give it a new sequence, skip entries whose
 * sequence is not the item's, and call retain() when such stale entries become many.
 */
export class TimeHeap<T> {
  private readonly times: number[] = [];
  private readonly sequences: number[] = [];
  private readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  /** The time of the first item, as `sequence` is its sequence. The heap must not be empty. */
  get time(): number {
    return this.times[0]!;
  }

  get sequence(): number {
    return this.sequences[0]!;
  }

  get first(): T | undefined {
    return this.items[0];
  }

  /** O(log n), and O(1) when the item comes last. */
  push(time: number, sequence: number, item: T): void {
    const { times, sequences, items } = this;
    let index = items.length;
    times.push(time);
    sequences.push(sequence);
    items.push(item);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(time, sequence, times[parent]!, sequences[parent]!)) break;
      times[index] = times[parent]!;
      sequences[index] = sequences[parent]!;
      items[index] = items[parent]!;
      index = parent;
    }
    times[index] = time;
    sequences[index] = sequence;
    items[index] = item;
  }

  /** Take the first item out. There must be one. O(log n) */
  shift(): T {
    const { times, sequences, items } = this;
    const first = items[0]!;
    const time = times.pop()!;
    const sequence = sequences.pop()!;
    const item = items.pop()!;
    if (items.length > 0) this.sink(0, time, sequence, item);
    return first;
  }

  /** Keep only the entries that `keep` accepts. O(n) */
  retain(keep: (item: T, sequence: number) => boolean): void {
    const { times, sequences, items } = this;
    let kept = 0;
    for (let i = 0; i < items.length; i++) {
      if (!keep(items[i]!, sequences[i]!)) continue;
      times[kept] = times[i]!;
      sequences[kept] = sequences[i]!;
      items[kept] = items[i]!;
      kept++;
    }
    times.length = kept;
    sequences.length = kept;
    items.length = kept;
    for (let i = (kept >> 1) - 1; i >= 0; i--) this.sink(i, times[i]!, sequences[i]!, items[i]!);
  }

  /** Every item that is in, in no order. */
  values(): IterableIterator<T> {
    return this.items.values();
  }

  /** Let an item sink from `index`, whose entry is free, to its place. */
  private sink(index: number, time: number, sequence: number, item: T): void {
    const { times, sequences, items } = this;
    const size = items.length;
    for (let child = 2 * index + 1; child < size; child = 2 * index + 1) {
      const other = child + 1;
      if (other < size && before(times[other]!, sequences[other]!, times[child]!, sequences[child]!)) child = other;
      if (!before(times[child]!, sequences[child]!, time, sequence)) break;
      times[index] = times[child]!;
      sequences[index] = sequences[child]!;
      items[index] = items[child]!;
      index = child;
    }
    times[index] = time;
    sequences[index] = sequence;
    items[index] = item;
  }
}

function before(time: number, sequence: number, otherTime: number, otherSequence: number): boolean {
  return time < otherTime || (time === otherTime && sequence < otherSequence);
}
