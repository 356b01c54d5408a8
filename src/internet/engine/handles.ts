/**
 * The handle table of an engine written in TypeScript: 20 bits of slot and 11 bits of generation, as in
 * native/engine/handle.h. Free slots are reused oldest first, which delays for as long as possible the moment when a
 * slot's generation wraps around and a stale handle becomes valid again.
 */

const SLOT_BITS = 20;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const GENERATIONS = 1 << 11;
const NONE = -1;

export class HandleTable<T extends { handle: number }> {
  private readonly slots: (T | undefined)[] = [];
  private readonly generations: number[] = [];
  /** For each free slot, the next one in the free list. */
  private readonly next: number[] = [];
  private firstFree = NONE;
  private lastFree = NONE;
  private released: number[] = [];

  /** Assign a handle to `item`. */
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

  /** The item with this handle; undefined when the handle is stale. */
  find(handle: number): T | undefined {
    const found = this.slots[handle & SLOT_MASK];
    return found === undefined || found.handle !== handle ? undefined : found;
  }

  /** Release the handle. It becomes stale, and its slot free, at the next reclaim(). */
  release(handle: number): void {
    this.released.push(handle);
  }

  /** Free the slots of all released handles. Call it when no unread record names one of them. */
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
