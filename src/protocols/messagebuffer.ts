/** Assembles a message of known length that arrives in pieces, in memory that nothing else shares. */

const SMALLEST = 64;
const NOTHING: Buffer = Buffer.alloc(0);

/** Its memory grows with the bytes received, not with the announced length, and fits a complete message exactly. */
export class MessageBuffer {
  /** Bytes that are still to come; 0 when the message is complete or none is expected. */
  missing = 0;
  #memory: Buffer = NOTHING;
  #count = 0;

  /** Expect a message of `length` bytes. */
  expect(length: number): void {
    this.clear();
    this.missing = length;
  }

  /** Copy up to `missing` bytes from the start of `data`. @returns how many */
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

  /** Remove and return the complete message. */
  take(): Buffer {
    const message = this.#memory;
    this.clear();
    return message;
  }

  clear(): void {
    this.#memory = NOTHING;
    this.#count = 0;
    this.missing = 0;
  }
}
