/**
 * Handles for what an engine in TypeScript keeps: a slot of 20 bits and a generation of 11, as in native/engine/handle.h.
 * Slots are used again in the order in which they became free, which puts off for as long as possible the moment when a
 * slot's generations have come round and an old handle names something new.
 */

const SLOT_BITS = 20;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const GENERATIONS = 1 << 11;
const NONE = -1;

export class HandleTable<T extends { handle: number }> {
  private readonly slots: (T | undefined)[] = [];
  private readonly generations: number[] = [];
  /** Of each free slot, the one that became free after it. */
  private readonly next: number[] = [];
  private firstFree = NONE;
  private lastFree = NONE;
  private released: number[] = [];

  /** Give `item` a handle. */
  add(item: T): number {
    let slot = this.firstFree;
    if (slot === NONE) {
      slot = this.slots.push(undefined) - 1;
      this.generations.push(0);
      this.next.push(NONE);
    } else {
      this.firstFree = this.next[slot]!;
      if (this.firstFree === NONE) this.lastFree = NONE;
    }
    this.slots[slot] = item;
    item.handle = slot | (this.generations[slot]! << SLOT_BITS);
    return item.handle;
  }

  /** What has that handle now; undefined when the handle is void. */
  find(handle: number): T | undefined {
    const found = this.slots[handle & SLOT_MASK];
    return found === undefined || found.handle !== handle ? undefined : found;
  }

  /** The handle will be void, and its slot free, after the next reclaim(). */
  release(handle: number): void {
    this.released.push(handle);
  }

  /** Nothing that names a released handle is to be read any more. */
  reclaim(): void {
    if (this.released.length === 0) return;
    for (const handle of this.released) this.free(handle & SLOT_MASK);
    this.released = [];
  }

  private free(slot: number): void {
    this.slots[slot] = undefined;
    this.generations[slot] = (this.generations[slot]! + 1) % GENERATIONS;
    this.next[slot] = NONE;
    if (this.lastFree === NONE) this.firstFree = slot;
    else this.next[this.lastFree] = slot;
    this.lastFree = slot;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const item of this.slots) if (item !== undefined) yield item;
  }
}
