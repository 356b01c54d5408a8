/**
 * The receive buffer of every framing: the bytes of a stream that were received but not consumed yet.
 *
 * A chunk is borrowed for one call and parsed in place. At the end of the call only the rest is copied, as are the
 * messages that are taken:
 *
 * ```
 *   #own   [ beginning of a message | head of the chunk ]     the head is as long as the message needs it to be, so that
 *                                     ▲ #nextStart            one that was cut in two stands in one piece; behind it
 *   #next                           [ head of the chunk | more messages …      ]  the chunk itself is read
 * ```
 * Memory grows with the bytes received: for a message that was only announced, at most AT_ONCE bytes are allocated.
 * When everything is consumed, no memory is held.
 *
 * A message that is taken is owned, and has an ArrayBuffer of its own: transferring it takes no other bytes along, and
 * keeping it keeps at most twice its bytes. A message that arrived in several chunks gets the memory in which it was
 * assembled, so its bytes were copied once.
 */
import { BufferView } from "../../internet/engine/view.ts";

const EMPTY: Buffer = Buffer.alloc(0);
const NO_MEMORY = EMPTY.buffer;
const SMALLEST = 64;
/** Memory of this size is kept when it is empty, and reused for the next split message. */
const KEPT = 512;
/** Up to this length, memory for the whole message is allocated with its first byte. */
const AT_ONCE = 16 * 1024;

export class Accumulator {
  /** Bytes: a message that is longer is refused, so memory does not grow ahead of that. */
  longest: number = Number.POSITIVE_INFINITY;
  /** What is parsed now: the filled part of our own memory, or a borrowed chunk. */
  protected bytes: Buffer = EMPTY;
  /** Where in `bytes` the unconsumed ones begin. */
  protected start = 0;
  /** Memory of our own. */
  #own = EMPTY;
  #lent = false;
  /** A lent chunk that is read once `start` passes `#nextStart`. */
  #next: Buffer | null = null;
  #nextStart = 0;
  /** The length of the message being received, as far as it is known. */
  #expected = Number.POSITIVE_INFINITY;
  /** The memory of a lent chunk: to ask a Buffer for it costs more than to make one. */
  #memory: ArrayBufferLike = NO_MEMORY;
  #offset = 0;
  /** What takeAll() returned last, until settle(): bytes that are put back are parsed in place. */
  #given: ArrayBufferLike = NO_MEMORY;

  /** Unconsumed bytes. */
  get length(): number {
    const here = this.bytes.length - this.start;
    return this.#next === null ? here : here + this.#next.length - (this.bytes.length - this.#nextStart);
  }

  /** Add a borrowed chunk; settle() must be called before it becomes invalid. */
  lend(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.length === 0) {
      this.#read(chunk, 0);
      return;
    }
    this.settle();
    this.#next = chunk;
    this.#nextStart = this.bytes.length;
  }

  /**
   * Add a copy of a chunk. The end of what takeAll() just returned is not copied, since that memory no longer changes.
   */
  add(chunk: Buffer): void {
    if (this.#given !== NO_MEMORY && chunk.buffer === this.#given && this.length === 0) {
      this.#read(chunk, 0);
      return;
    }
    this.settle();
    this.#append(chunk, 0, chunk.length);
  }

  /**
   * True when `count` bytes are available, contiguously. Otherwise `count` is the length of the message being received.
   */
  has(count: number): boolean {
    if (this.bytes.length - this.start >= count) return true;
    this.#expected = count;
    if (this.#next === null) return false;
    this.join(count - (this.bytes.length - this.start));
    return this.bytes.length - this.start >= count;
  }

  /** Consume the next byte. There must be one. */
  takeByte(): number {
    const byte = this.bytes[this.start]!;
    this.skip(1);
    return byte;
  }

  /** Consume a big-endian number of `size` bytes. Call it only after has(size). */
  takeNumber(size: number): number {
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + this.bytes[this.start + i]!;
    this.skip(size);
    return value;
  }

  /**
   * Consume `length` bytes, returned as an owned Buffer, and `dropped` more. Call it only after has(length + dropped).
   */
  take(length: number, dropped: number): Buffer {
    const taken = this.#takeOut(length, dropped);
    this.skip(length + dropped);
    // The memory may have left with the message.
    if (this.start === this.bytes.length && !this.#lent && this.#next === null) this.#forget();
    return taken;
  }

  /** Consume everything, returned as an owned Buffer. */
  takeAll(): Buffer {
    let all: Buffer;
    if (this.#given !== NO_MEMORY && this.bytes.buffer === this.#given) {
      all = new BufferView(this.#given, this.bytes.byteOffset + this.start, this.bytes.length - this.start);
    } else if (this.#next === null) {
      all = this.#takeOut(this.bytes.length - this.start, 0);
    } else {
      all = Buffer.allocUnsafeSlow(this.length);
      const copied = this.bytes.copy(all, 0, this.start);
      this.#next.copy(all, copied, this.nextAt);
    }
    this.clear();
    this.#given = all.buffer;
    return all;
  }

  /** Consume up to `count` bytes; returns how many. */
  skip(count: number): number {
    this.#expected = Number.POSITIVE_INFINITY;
    const here = this.bytes.length - this.start;
    if (this.#next === null) {
      const skipped = Math.min(count, here);
      this.start += skipped;
      return skipped;
    }
    const skipped = Math.min(count, this.length);
    this.start += skipped;
    if (this.start >= this.#nextStart) this.#read(this.#next, this.start - this.#nextStart);
    return skipped;
  }

  /** The borrowed memory becomes invalid: copy what is left of it. */
  settle(): void {
    this.#given = NO_MEMORY;
    if (this.#next !== null) {
      this.join(this.#next.length);
    } else if (this.#lent) {
      const chunk = this.bytes;
      const from = this.start;
      this.#lent = false;
      this.#forget();
      if (from < chunk.length) this.#append(chunk, from, chunk.length);
    }
    if (this.start === this.bytes.length) this.clear();
  }

  /** Drop everything. */
  clear(): void {
    this.#forget();
    this.#next = null;
    this.#lent = false;
    this.#expected = Number.POSITIVE_INFINITY;
    if (this.#own.length > KEPT) this.#own = EMPTY;
  }

  /** The chunk that follows `bytes`, or null. */
  protected get next(): Buffer | null {
    return this.#next;
  }

  /** Where in that chunk the bytes are that do not stand in `bytes` yet. */
  protected get nextAt(): number {
    return this.bytes.length - this.#nextStart;
  }

  /** Copy up to `count` bytes of the next chunk behind `bytes`. */
  protected join(count: number): void {
    const chunk = this.#next!;
    const from = this.nextAt;
    const to = Math.min(chunk.length, from + count);
    this.#append(chunk, from, to);
    if (to === chunk.length) this.#next = null;
  }

  #read(chunk: Buffer, start: number): void {
    this.bytes = chunk;
    this.start = start;
    this.#lent = true;
    this.#next = null;
    this.#memory = chunk.buffer;
    this.#offset = chunk.byteOffset;
  }

  #forget(): void {
    this.bytes = EMPTY;
    this.start = 0;
    this.#memory = NO_MEMORY;
  }

  /** Copy `chunk[from, to)` behind the unconsumed bytes, which stand in memory of our own. */
  #append(chunk: Uint8Array, from: number, to: number): void {
    const held = this.bytes.length - this.start;
    const needed = held + to - from;
    let end = this.bytes.length;
    if (end + to - from > this.#own.length) {
      let target = this.#own;
      // Moving the bytes to the front is only cheap when few are left.
      if (needed > target.length || held > target.length / 2) {
        const ahead = this.#expected <= AT_ONCE ? this.#expected : Math.min(this.#expected, this.longest, needed * 2);
        target = Buffer.allocUnsafeSlow(Math.max(needed, ahead, SMALLEST));
      }
      this.bytes.copy(target, 0, this.start);
      this.#own = target;
      this.#nextStart -= this.start;
      this.start = 0;
      end = held;
    }
    this.#own.set(part(chunk, from, to), end);
    this.bytes = new BufferView(this.#own.buffer, 0, end + to - from);
  }

  /** The next `length` bytes for good; `dropped` more are consumed with them. */
  #takeOut(length: number, dropped: number): Buffer {
    const { bytes, start } = this;
    if (this.#lent) return new BufferView(new Uint8Array(this.#memory, this.#offset + start, length));
    const all = start + length + dropped === bytes.length;
    if (!all || length <= KEPT || length * 2 < this.#own.length) {
      return new BufferView(part(bytes, start, start + length));
    }
    // The message leaves with the memory that it fills, in which nothing else is left.
    this.#own = EMPTY;
    return new BufferView(bytes.buffer, bytes.byteOffset + start, length);
  }
}

function part(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return from === 0 && to === bytes.length ? bytes : new BufferView(bytes.buffer, bytes.byteOffset + from, to - from);
}
