/** A line in which those who wait may leave from anywhere, each step at the same small cost. */

/** A place in a {@link Fifo}. */
export interface Place<T> {
  readonly item: T;
  before: Place<T> | undefined;
  after: Place<T> | undefined;
  /** False once it was taken out. */
  inLine: boolean;
}

export class Fifo<T> {
  private first: Place<T> | undefined = undefined;
  private last: Place<T> | undefined = undefined;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The one that is next. */
  peek(): T | undefined {
    return this.first?.item;
  }

  push(item: T): Place<T> {
    const place: Place<T> = { item, before: this.last, after: undefined, inLine: true };
    if (this.last === undefined) this.first = place;
    else this.last.after = place;
    this.last = place;
    this.count++;
    return place;
  }

  /** Take the first out. Ask for {@link size} before: items may be undefined. */
  shift(): T | undefined {
    const place = this.first;
    if (place !== undefined) this.remove(place);
    return place?.item;
  }

  /** Take out what stands at `place`. False when it was taken out before. */
  remove(place: Place<T>): boolean {
    if (!place.inLine) return false;
    place.inLine = false;
    const { before, after } = place;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.last = before;
    else after.before = before;
    this.count--;
    return true;
  }
}
