/**
 * The outgoing buffer of one connection: copies of what was written. Small writes are gathered in reusable blocks; a
 * large write is a chunk of its own.
 */
import { copyOf, lengthOf } from "../bytes.ts";

const BLOCK_BYTES = 8 * 1024;
/** Writes of at least this size are not gathered. */
const LARGE_BYTES = 4 * 1024;
const SPARE_BLOCKS_MAX = 64;

/** The free blocks, shared by all outboxes. */
export class BlockPool {
  /** Blocks allocated so far. */
  allocated = 0;
  private readonly spare: Buffer[] = [];

  take(): Buffer {
    const block = this.spare.pop();
    if (block !== undefined) return block;
    this.allocated++;
    return Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  give(block: Buffer): void {
    if (this.spare.length < SPARE_BLOCKS_MAX) this.spare.push(block);
  }
}

export class Outbox {
  /** Bytes that wait to be sent. */
  bytes = 0;
  private readonly pool: BlockPool;
  private chunks: Uint8Array[] = [];
  /** Full blocks: those that the chunks use, and those that taken chunks use. */
  private full: Buffer[] = [];
  private lent: Buffer[] = [];
  /** The block that is being filled, and the bounds of its part that is not a chunk yet. */
  private block: Buffer | undefined = undefined;
  private start = 0;
  private end = 0;

  constructor(pool: BlockPool) {
    this.pool = pool;
  }

  append(bytes: Uint8Array): void {
    const length = lengthOf(bytes);
    this.bytes += length;
    if (length >= LARGE_BYTES) {
      this.seal();
      this.chunks.push(copyOf(bytes));
      return;
    }
    if (this.block === undefined || BLOCK_BYTES - this.end < length) this.nextBlock();
    this.block!.set(bytes, this.end);
    this.end += length;
  }

  /** Take all chunks, in order. The taker may use their memory until it calls sent(). */
  take(): Uint8Array[] {
    this.seal();
    const { chunks } = this;
    this.chunks = [];
    this.bytes = 0;
    this.lent = this.full;
    this.full = [];
    return chunks;
  }

  /** The taken chunks were sent: reuse their blocks. */
  sent(): void {
    for (const block of this.lent) this.pool.give(block);
    this.lent = [];
    if (this.bytes > 0 || this.block === undefined) return;
    this.pool.give(this.block);
    this.block = undefined;
  }

  /** Discard everything but the chunks that were taken. */
  clear(): void {
    this.bytes = 0;
    this.chunks = [];
    this.full = [];
    this.lent = [];
    this.block = undefined;
  }

  private seal(): void {
    if (this.block === undefined) return;
    if (this.end > this.start) this.chunks.push(this.block.subarray(this.start, this.end));
    this.start = this.end;
  }

  private nextBlock(): void {
    this.seal();
    if (this.block !== undefined) this.full.push(this.block);
    this.block = this.pool.take();
    this.start = 0;
    this.end = 0;
  }
}
