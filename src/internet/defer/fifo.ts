/** A FIFO queue with O(1) removal from anywhere: a doubly linked list. */

/** A place in a {@link Fifo}. */
export interface Place<T> {
  readonly item: T;
  before: Place<T> | undefined;
  after: Place<T> | undefined;
  /** False once it was removed. */
  inLine: boolean;
}

export class Fifo<T> {
  private first: Place<T> | undefined = undefined;
  private last: Place<T> | undefined = undefined;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The first item. */
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

  /** Remove and return the first item. Check {@link size} first: items may be undefined. */
  shift(): T | undefined {
    const place = this.first;
    if (place !== undefined) this.remove(place);
    return place?.item;
  }

  /** Remove the item at `place`. False when it was removed before. */
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
