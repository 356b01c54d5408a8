/**
 * Bytes that wait, in the pieces they came in. A piece may keep a slab of the engine alive that is far larger than
 * itself, so small ones are merged: however small they come, few are kept, and each byte is copied a few times at most.
 */

/** Larger pieces stay as they are. */
const LARGE = 32 * 1024;
/** Up to here what is taken out is copied, so that it does not keep the rest of its piece alive. */
const SMALL = 4096;
const NOTHING: Buffer = Buffer.alloc(0);

export class Pieces {
  /** Bytes in all. */
  size = 0;
  #pieces: Buffer[] = [];
  /** Those of the first piece that were taken. */
  #taken = 0;

  push(data: Buffer): void {
    if (data.length === 0) return;
    const pieces = this.#pieces;
    pieces.push(data);
    this.size += data.length;
    for (let last = pieces.length - 1; last > 0; last--) {
      const piece = pieces[last]!;
      const before = pieces[last - 1]!;
      if (piece.length >= LARGE || before.length > piece.length) return;
      pieces.length = last;
      pieces[last - 1] = Buffer.concat([before, piece]);
    }
  }

  /** Put bytes in front. */
  unshift(data: Buffer): void {
    if (data.length === 0) return;
    this.#cut();
    this.#pieces.unshift(data);
    this.size += data.length;
  }

  /** The byte at `index`, or undefined behind the end. */
  at(index: number): number | undefined {
    let place = index + this.#taken;
    for (const piece of this.#pieces) {
      if (place < piece.length) return piece[place];
      place -= piece.length;
    }
    return undefined;
  }

  /** Take the first `count` bytes, which must be there. */
  take(count: number): Buffer {
    const first = this.#pieces[0] ?? NOTHING;
    const end = this.#taken + count;
    if (end > first.length) return this.#takeAcross(count);
    const bytes = first.subarray(this.#taken, end);
    this.#taken = end;
    this.size -= count;
    if (end === first.length) {
      this.#pieces.shift();
      this.#taken = 0;
    }
    return count < SMALL ? Buffer.from(bytes) : bytes;
  }

  /** Take everything. */
  takeAll(): Buffer {
    this.#cut();
    const pieces = this.#pieces;
    this.clear();
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  clear(): void {
    this.#pieces = [];
    this.#taken = 0;
    this.size = 0;
  }

  #takeAcross(count: number): Buffer {
    const all = this.takeAll();
    this.push(all.subarray(count));
    return all.subarray(0, count);
  }

  #cut(): void {
    if (this.#taken > 0) this.#pieces[0] = this.#pieces[0]!.subarray(this.#taken);
    this.#taken = 0;
  }
}
