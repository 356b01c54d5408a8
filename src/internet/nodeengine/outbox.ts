/**
 * What waits to be sent on one connection: copies of what was written. Small pieces are gathered in blocks, which serve
 * again once they are sent; a large piece is a chunk of its own.
 */

const BLOCK_BYTES = 8 * 1024;
/** Pieces from this size on are not gathered. */
const LARGE_BYTES = 4 * 1024;
const SPARE_BLOCKS_MAX = 64;

/** Blocks of all outboxes that nobody uses at the moment. */
export class BlockPool {
  /** Blocks that were made so far. */
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
  /** How much waits. */
  bytes = 0;
  private readonly pool: BlockPool;
  private chunks: Uint8Array[] = [];
  /** Full blocks: those of the chunks, and those of what was taken. */
  private full: Buffer[] = [];
  private lent: Buffer[] = [];
  /** The block that is being filled, and where its part that is no chunk yet begins and ends. */
  private block: Buffer | undefined = undefined;
  private start = 0;
  private end = 0;

  constructor(pool: BlockPool) {
    this.pool = pool;
  }

  append(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    if (bytes.length >= LARGE_BYTES) {
      this.seal();
      this.chunks.push(Buffer.from(bytes));
      return;
    }
    if (this.block === undefined || BLOCK_BYTES - this.end < bytes.length) this.nextBlock();
    this.block!.set(bytes, this.end);
    this.end += bytes.length;
  }

  /** All that waits, in order. The memory is the taker's until sent(). */
  take(): Uint8Array[] {
    this.seal();
    const { chunks } = this;
    this.chunks = [];
    this.bytes = 0;
    this.lent = this.full;
    this.full = [];
    return chunks;
  }

  /** What was taken is sent. */
  sent(): void {
    for (const block of this.lent) this.pool.give(block);
    this.lent = [];
    if (this.bytes > 0 || this.block === undefined) return;
    this.pool.give(this.block);
    this.block = undefined;
  }

  /** Drop everything. What was taken stays the taker's. */
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
