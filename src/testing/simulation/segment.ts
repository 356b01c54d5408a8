/** The segments of a simulated stream: bytes and control segments, in order. */
import { lengthOf } from "../../internet/bytes.ts";

/** What a segment is. */
export const SegmentKind = { SYN: 0, SYN_ACK: 1, DATA: 2, FIN: 3, RST: 4 } as const;

/** One segment, as a node of a linked list. The memory of its bytes is immutable. */
export class Segment {
  readonly kind: number;
  readonly memory: Uint8Array;
  start: number;
  length: number;
  /** When it arrives. */
  time = 0;
  next: Segment | undefined = undefined;

  constructor(kind: number, memory: Uint8Array, start: number, length: number) {
    this.kind = kind;
    this.memory = memory;
    this.start = start;
    this.length = length;
  }

  /** Split off and return the first `length` bytes. */
  cut(length: number): Segment {
    const first = new Segment(this.kind, this.memory, this.start, length);
    this.start += length;
    this.length -= length;
    return first;
  }
}

/** A queue of segments. */
export class SegmentList {
  head: Segment | undefined = undefined;
  tail: Segment | undefined = undefined;
  /** Bytes in all of them. */
  bytes = 0;

  push(segment: Segment): void {
    if (this.tail === undefined) this.head = segment;
    else this.tail.next = segment;
    this.tail = segment;
    this.bytes += segment.length;
  }

  /** Remove and return the first segment. The list must not be empty. */
  shift(): Segment {
    const segment = this.head!;
    this.head = segment.next;
    if (this.head === undefined) this.tail = undefined;
    segment.next = undefined;
    this.bytes -= segment.length;
    return segment;
  }

  /** Remove and return the first segment, or its first `most` bytes. */
  take(most: number): Segment {
    const segment = this.head!;
    if (segment.length <= most) return this.shift();
    this.bytes -= most;
    return segment.cut(most);
  }

  /** Move the first `length` bytes to `memory`, from `at` on. */
  moveTo(memory: Uint8Array, at: number, length: number): void {
    for (let done = 0; done < length; ) {
      const segment = this.take(length - done);
      copy(segment.memory, segment.start, segment.length, memory, at + done);
      done += segment.length;
    }
  }

  /** Copy the first bytes to `memory`, and leave them; returns how many. */
  peek(memory: Uint8Array): number {
    let at = 0;
    for (let segment = this.head; segment !== undefined && at < memory.length; segment = segment.next) {
      const length = Math.min(segment.length, memory.length - at);
      copy(segment.memory, segment.start, length, memory, at);
      at += length;
    }
    return at;
  }

  /** Remove the first `bytes` bytes. */
  drop(bytes: number): void {
    for (let left = bytes; left > 0; ) left -= this.take(left).length;
  }

  clear(): void {
    this.head = undefined;
    this.tail = undefined;
    this.bytes = 0;
  }
}

const NOTHING = new Uint8Array(0);

/** A segment without bytes. */
export function signal(kind: number): Segment {
  return new Segment(kind, NOTHING, 0, 0);
}

const SLAB_BYTES = 64 * 1024;
/** Larger writes have memory of their own. */
const SMALL_BYTES = 4 * 1024;
/** Up to this size, a loop is faster than a native copy. */
const LOOP_BYTES = 64;

/** Copies written bytes, so that the program can reuse its memory at once. */
export class SegmentStore {
  private slab: Uint8Array = NOTHING;
  private used = 0;

  /** Append a copy of `bytes`, which are not empty, to `list`. */
  append(list: SegmentList, bytes: Uint8Array): void {
    const length = lengthOf(bytes);
    if (length > SMALL_BYTES) {
      list.push(new Segment(SegmentKind.DATA, new Uint8Array(bytes), 0, length));
      return;
    }
    if (this.used + length > this.slab.length) {
      this.slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.used = 0;
    }
    const start = this.used;
    this.used += length;
    if (length <= LOOP_BYTES) copy(bytes, 0, length, this.slab, start);
    else this.slab.set(bytes, start);
    const { tail } = list;
    if (tail !== undefined && tail.memory === this.slab && tail.start + tail.length === start) {
      tail.length += length;
      list.bytes += length;
    } else {
      list.push(new Segment(SegmentKind.DATA, this.slab, start, length));
    }
  }
}

/** Copy `length` bytes. */
export function copy(from: Uint8Array, start: number, length: number, to: Uint8Array, at: number): void {
  if (length <= LOOP_BYTES) for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
  else to.set(from.subarray(start, start + length), at);
}
