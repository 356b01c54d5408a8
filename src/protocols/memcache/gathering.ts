/** Bytes of known length that come in pieces, put together in one piece of memory that is nobody else's. */

const SMALLEST = 64;
const NOTHING: Buffer = Buffer.alloc(0);

/** Memory grows with what has come, not with what was announced, and is exactly as large as that in the end. */
export class Gathering {
  /** Bytes that are still to come. */
  missing = 0;
  #memory: Buffer = NOTHING;
  #count = 0;

  /** Wait for `length` bytes. */
  expect(length: number): void {
    this.clear();
    this.missing = length;
  }

  /** Copy what is missing from the start of `data`; returns how many bytes that were. */
  add(data: Buffer): number {
    const taken = Math.min(data.length, this.missing);
    const count = this.#count + taken;
    if (count > this.#memory.length) {
      const length = count + this.missing - taken;
      const larger = Buffer.allocUnsafeSlow(Math.min(length, Math.max(SMALLEST, count, this.#memory.length * 2)));
      this.#memory.copy(larger, 0, 0, this.#count);
      this.#memory = larger;
    }
    data.copy(this.#memory, this.#count, 0, taken);
    this.#count = count;
    this.missing -= taken;
    return taken;
  }

  /** The bytes, when none is missing; they are not kept here any longer. */
  take(): Buffer {
    const whole = this.#memory;
    this.clear();
    return whole;
  }

  clear(): void {
    this.#memory = NOTHING;
    this.#count = 0;
    this.missing = 0;
  }
}
