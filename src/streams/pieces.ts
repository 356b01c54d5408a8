/**
 * A queue of received chunks. A view may keep alive memory that is far larger than itself, so a queued chunk fills at
 * least half of its memory, or is copied. Small chunks are merged, so that few are kept however small they arrive, and
 * each byte is copied a few times at most.
 */

import { BufferView } from "../internet/engine/view.ts";

/** Larger chunks are not merged. */
const LARGE = 32 * 1024;
/** Up to this size, bytes that are taken out are copied, so that they do not keep the rest of their chunk alive. */
const SMALL = 4096;
/** V8 keeps typed arrays of up to this many bytes on its own heap. */
const HEAP_BYTES = 64;
const NOTHING: Buffer = Buffer.alloc(0);

/** `data` when it fills at least half of the memory that it keeps alive, else a copy in memory of its own. */
export function compact(data: Buffer): Buffer {
  // To ask a Buffer that V8 keeps in its heap for its memory costs more than to copy it.
  if (data.length <= HEAP_BYTES) return new BufferView(data);
  return data.length * 2 >= data.buffer.byteLength ? data : joined([data], data.length);
}

/** The bytes of `pieces` in memory of their own; Buffer.concat() takes some out of a pool that others keep alive. */
function joined(pieces: readonly Buffer[], length: number): Buffer {
  const all = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

export class Pieces {
  /** Bytes in all. */
  size = 0;
  #pieces: Buffer[] = [];
  /** Those of the first piece that were taken. */
  #taken = 0;

  push(data: Buffer): void {
    if (data.length === 0) return;
    const pieces = this.#pieces;
    pieces.push(compact(data));
    this.size += data.length;
    for (let last = pieces.length - 1; last > 0; last--) {
      const piece = pieces[last]!;
      const before = pieces[last - 1]!;
      if (piece.length >= LARGE || before.length > piece.length) return;
      pieces.length = last;
      pieces[last - 1] = joined([before, piece], before.length + piece.length);
    }
  }

  /** Put bytes in front. */
  unshift(data: Buffer): void {
    if (data.length === 0) return;
    this.#cut();
    this.#pieces.unshift(compact(data));
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
    return count < SMALL ? Buffer.from(bytes) : compact(bytes);
  }

  /** Take everything. */
  takeAll(): Buffer {
    this.#cut();
    const pieces = this.#pieces;
    const { size } = this;
    this.clear();
    if (pieces.length === 1) return pieces[0]!;
    return joined(pieces, size);
  }

  /** What is left has to wait: let go of the memory that was taken out of. */
  settle(): void {
    if (this.#taken === 0) return;
    this.#cut();
    this.#pieces[0] = compact(this.#pieces[0]!);
  }

  clear(): void {
    this.#pieces = [];
    this.#taken = 0;
    this.size = 0;
  }

  #takeAcross(count: number): Buffer {
    const all = this.takeAll();
    this.push(all.subarray(count));
    return compact(all.subarray(0, count));
  }

  #cut(): void {
    if (this.#taken > 0) this.#pieces[0] = this.#pieces[0]!.subarray(this.#taken);
    this.#taken = 0;
  }
}
