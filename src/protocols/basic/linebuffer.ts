/**
 * The bytes of a stream that were received but not consumed yet, cut into lines on demand.
 *
 * A chunk is lent for one call. It is read where it stands, and only what is left at the end of the call is copied:
 *
 * ```
 *   #own   [ beginning of a line | head of the chunk ]      the head ends with the first delimiter in the chunk, so
 *                                  ▲ #nextStart             that the line that was cut in two stands in one piece;
 *   #next                        [ head of the chunk | more lines …      ]  from there on the chunk itself is read
 * ```
 * Every byte is searched once and copied at most twice, however small the pieces it came in.
 */
import { SkeinError } from "../../internet/error.ts";
import type { Bytes } from "../../internet/interfaces.ts";

const EMPTY: Buffer = Buffer.alloc(0);
const SMALLEST = 64;
/** Memory of this size is kept when it runs empty, and serves the next line that is cut in two. */
const KEPT = 512;
/** Up to here a loop copies faster than a call into native code. */
const SHORT = 64;

export class LineBuffer {
  /** Memory of our own. */
  #own = EMPTY;
  /** What is read now: the filled part of `#own`, or a lent chunk. */
  #bytes = EMPTY;
  #lent = false;
  /** Where in `#bytes` the unconsumed ones begin, and where the search for a delimiter goes on. */
  #start = 0;
  #scanned = 0;
  /** A lent chunk that is read once `#start` passes `#nextStart`. */
  #next: Buffer | null = null;
  #nextStart = 0;
  #delimiter: Bytes | null = null;
  #needle = EMPTY;

  /** Unconsumed bytes. */
  get length(): number {
    const here = this.#bytes.length - this.#start;
    return this.#next === null ? here : here + this.#next.length - (this.#bytes.length - this.#nextStart);
  }

  /** Bytes of the delimiter that is looked for. */
  get delimiterLength(): number {
    return this.#needle.length;
  }

  /** Look for this delimiter from now on. @throws SkeinError when it is empty */
  seek(delimiter: Bytes): void {
    if (delimiter === this.#delimiter) return;
    this.#needle = needleOf(delimiter);
    this.#delimiter = delimiter;
    this.#scanned = this.#start;
  }

  /** Add a chunk that is good until settle(), which must follow before it is not. */
  lend(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.length === 0) {
      this.#bytes = chunk;
      this.#lent = true;
      this.#start = 0;
      this.#scanned = 0;
      return;
    }
    this.settle();
    const at = chunk.indexOf(this.#needle);
    const head = at < 0 ? chunk.length : at + this.#needle.length;
    this.#append(chunk, 0, head);
    if (head < chunk.length) {
      this.#next = chunk;
      this.#nextStart = this.#bytes.length - head;
    }
  }

  /** Add a copy of a chunk. */
  add(chunk: Uint8Array): void {
    this.settle();
    this.#append(chunk, 0, chunk.length);
  }

  /** Bytes in the next line without its delimiter, or -1 when the delimiter has not come yet. */
  lineLength(): number {
    let at = this.#find();
    if (at < 0 && this.#next !== null) {
      // The delimiter is another one than when the chunk was lent.
      this.settle();
      at = this.#find();
    }
    return at < 0 ? -1 : at - this.#start;
  }

  /** A copy of the next line, whose length lineLength() told. It and its delimiter are consumed. */
  takeLine(length: number): Buffer {
    const line = copyOf(this.#bytes, this.#start, this.#start + length);
    this.#start += length + this.#needle.length;
    this.#scanned = this.#start;
    if (this.#next !== null && this.#start >= this.#nextStart) this.#readNext(this.#next);
    return line;
  }

  /** A copy of everything, which is consumed. */
  takeAll(): Buffer {
    const all = Buffer.allocUnsafe(this.length);
    const copied = this.#bytes.copy(all, 0, this.#start);
    this.#next?.copy(all, copied, this.#bytes.length - this.#nextStart);
    this.clear();
    return all;
  }

  /** Lent memory is about to be reused: copy what is left of it. */
  settle(): void {
    if (this.#next !== null) {
      const chunk = this.#next;
      this.#next = null;
      this.#append(chunk, this.#bytes.length - this.#nextStart, chunk.length);
    } else if (this.#lent) {
      const chunk = this.#bytes;
      const start = this.#start;
      const searched = this.#scanned - start;
      this.#lent = false;
      this.#bytes = EMPTY;
      this.#start = 0;
      if (start < chunk.length) this.#append(chunk, start, chunk.length);
      this.#scanned = searched;
    }
    if (this.#start === this.#bytes.length) this.clear();
  }

  /** Drop everything. */
  clear(): void {
    this.#bytes = EMPTY;
    this.#next = null;
    this.#lent = false;
    this.#start = 0;
    this.#scanned = 0;
    if (this.#own.length > KEPT) this.#own = EMPTY;
  }

  /** Where the next delimiter stands in `#bytes`, or -1. */
  #find(): number {
    const bytes = this.#bytes;
    const needle = this.#needle;
    const tail = needle.length - 1;
    // One byte is found five times as fast as a sequence; a delimiter's last one seldom stands elsewhere.
    let at = bytes.indexOf(needle[tail]!, this.#scanned + tail);
    if (at >= 0) {
      at -= tail;
      for (let i = 0; i < tail; i++) {
        if (bytes[at + i] !== needle[i]) {
          at = bytes.indexOf(needle, this.#scanned);
          break;
        }
      }
    }
    this.#scanned = at >= 0 ? at : Math.max(this.#scanned, bytes.length - tail);
    return at;
  }

  #readNext(chunk: Buffer): void {
    this.#next = null;
    this.#bytes = chunk;
    this.#lent = true;
    this.#start -= this.#nextStart;
    this.#scanned = this.#start;
  }

  /** Copy `chunk[from, to)` behind the unconsumed bytes, which stand in `#own`. */
  #append(chunk: Uint8Array, from: number, to: number): void {
    const held = this.#bytes.length - this.#start;
    const needed = held + to - from;
    let end = this.#bytes.length;
    if (end + to - from > this.#own.length) {
      let target = this.#own;
      // Moving the bytes to the front is only cheap when few are left.
      if (needed > target.length || held > target.length / 2) {
        target = Buffer.allocUnsafeSlow(Math.max(needed, target.length * 2, SMALLEST));
      }
      this.#bytes.copy(target, 0, this.#start);
      this.#own = target;
      this.#scanned -= this.#start;
      this.#start = 0;
      end = held;
    }
    this.#own.set(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to), end);
    this.#bytes = this.#own.subarray(0, end + to - from);
  }
}

function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  if (end - start > SHORT) {
    bytes.copy(copy, 0, start, end);
  } else {
    for (let from = start, to = 0; from < end; from++, to++) copy[to] = bytes[from]!;
  }
  return copy;
}

let lastDelimiter: Bytes | null = null;
let lastNeedle = EMPTY;

/** A delimiter's bytes. Nearly all connections share one delimiter, so they share its bytes too. */
function needleOf(delimiter: Bytes): Buffer {
  if (delimiter !== lastDelimiter) {
    const needle = Buffer.from(delimiter as string);
    if (needle.length === 0) throw new SkeinError("A delimiter must not be empty: set it to one byte or more.");
    lastDelimiter = delimiter;
    lastNeedle = needle;
  }
  return lastNeedle;
}
