/** Names for what an engine in TypeScript keeps: a slot of 20 bits and a generation of 11, as in native/engine/handle.h. */

const SLOT_BITS = 20;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const GENERATIONS = 1 << 11;

export class HandleTable<T extends { handle: number }> {
  private readonly slots: (T | undefined)[] = [];
  private readonly generations: number[] = [];
  private readonly free: number[] = [];
  private released: number[] = [];

  /** Give `item` a handle. */
  add(item: T): number {
    const slot = this.free.pop() ?? this.slots.length;
    this.generations[slot] ??= 0;
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
    for (const handle of this.released) {
      const slot = handle & SLOT_MASK;
      this.slots[slot] = undefined;
      this.generations[slot] = (this.generations[slot]! + 1) % GENERATIONS;
      this.free.push(slot);
    }
    this.released = [];
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const item of this.slots) if (item !== undefined) yield item;
  }
}
