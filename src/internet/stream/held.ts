/**
 * Bytes that arrived while the protocol had paused reading, until it resumes. They are in memory of their own: nothing
 * that a program does to them (transfer, detach) reaches the bytes of another connection. Each byte is copied a few times
 * at most, however small the pieces are that it comes in.
 */
import { BufferView } from "../engine/view.ts";

export class HeldBytes {
  /** The first `length` bytes are held; what is behind them is room for more. */
  private memory: Buffer;
  length: number;

  /** @param owned has memory of its own */
  constructor(owned: Buffer) {
    this.memory = owned;
    this.length = owned.length;
  }

  /** Copy `data` behind what is held. */
  add(data: Buffer): void {
    const length = this.length + data.length;
    if (length > this.memory.length) {
      // Twice as large, so that copying costs a constant share of a byte. Not from Node's pool, which others share.
      const larger = Buffer.allocUnsafeSlow(length * 2);
      larger.set(this.memory.subarray(0, this.length));
      this.memory = larger;
    }
    this.memory.set(data, this.length);
    this.length = length;
  }

  /** All that is held, in memory that is exactly as large. */
  all(): Buffer {
    if (this.length === this.memory.length) return this.memory;
    return new BufferView(this.memory.subarray(0, this.length));
  }
}
