/** Bytes that a client sent before there was anybody to forward them to. */

const NOTHING: Buffer = Buffer.alloc(0);
const FIRST_BYTES = 1024;

/** Grows by doubling, so that many small pieces cost no more than a large one. */
export class EarlyBytes {
  #memory = NOTHING;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies `data`. */
  add(data: Uint8Array): void {
    const length = this.#length + data.length;
    if (length > this.#memory.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#memory.length, FIRST_BYTES));
      this.#memory.copy(larger, 0, 0, this.#length);
      this.#memory = larger;
    }
    this.#memory.set(data, this.#length);
    this.#length = length;
  }

  /** All bytes, which are forgotten here. */
  take(): Buffer {
    const bytes = this.#memory.subarray(0, this.#length);
    this.#memory = NOTHING;
    this.#length = 0;
    return bytes;
  }
}
