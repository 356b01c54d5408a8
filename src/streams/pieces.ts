/**
 * A queue of received chunks. A view may keep alive memory that is far larger than itself, so a queued chunk fills at
 * least half of its memory, or is copied. Small chunks are merged, so that few are queued however small they arrive, and
 * each byte is copied a few times at most. What is taken out shares no memory with what is queued: its owner may transfer
 * it to a worker.
 */

import { BufferView } from "../internet/engine/view.ts";

/** Larger chunks are not merged. */
const LARGE = 32 * 1024;
/** Fewer bytes than this are copied when they are taken out, so that they do not keep their chunk alive. */
const SMALL = 4096;
/** V8 keeps typed arrays of up to this many bytes on its own heap. */
const HEAP_BYTES = 64;
const NOTHING: Buffer = Buffer.alloc(0);

/** `data` when it fills at least half of the memory that it keeps alive, else a copy in memory of its own. */
export function compact(data: Buffer): Buffer {
  // For a Buffer on V8's heap, reading `buffer` costs more than copying the bytes.
  if (data.length <= HEAP_BYTES) return new BufferView(data);
  return data.length * 2 >= data.buffer.byteLength ? data : joined([data], data.length);
}

/** The bytes of `pieces` in memory of their own. Buffer.concat() would take it from Node's pool, which others keep alive. */
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
  /** The number of queued bytes. */
  size = 0;
  #pieces: Buffer[] = [];
  /** The number of bytes of the first piece that were taken. */
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

  /** The byte at `index`, or undefined after the end. */
  at(index: number): number | undefined {
    let place = index + this.#taken;
    for (const piece of this.#pieces) {
      if (place < piece.length) return piece[place];
      place -= piece.length;
    }
    return undefined;
  }

  /** Take the first `count` bytes; there must be as many. */
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
    if (count < SMALL) return new BufferView(bytes);
    const taken = compact(bytes);
    if (taken === bytes && end < first.length) this.#copyRest();
    return taken;
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

  /** Call this before the queued bytes wait: a chunk of which most was taken is copied, so that its memory can be freed. */
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
    this.#pieces = [all];
    this.size = all.length;
    return this.take(count);
  }

  #copyRest(): void {
    this.#cut();
    this.#pieces[0] = joined([this.#pieces[0]!], this.#pieces[0]!.length);
  }

  #cut(): void {
    if (this.#taken > 0) this.#pieces[0] = this.#pieces[0]!.subarray(this.#taken);
    this.#taken = 0;
  }
}
