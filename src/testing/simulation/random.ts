/** A deterministic random number generator. */

/** The sfc32 generator (Chris Doty-Humphrey, PractRand): 128 bits of state, small and fast. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  /** `stream` distinguishes the generators of one seed. */
  constructor(seed: number, stream = "") {
    this.a = seed | 0;
    this.b = Math.floor(seed / 2 ** 32) | 0;
    this.c = hashText(stream) | 0;
    for (let i = 0; i < 12; i++) this.word();
  }

  /** Uniform in [0, 1). */
  next(): number {
    return (this.word() >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** True with the given probability. Draws no number when that is 0 or 1. */
  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  /** Exponentially distributed: the interval between random events that are `mean` apart on average. */
  gap(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  private word(): number {
    const mixed = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + mixed) | 0;
    return mixed;
  }
}

/** FNV-1a of a text's UTF-16 units, as an unsigned 32-bit number. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** FNV-1a of `length` bytes from `start` on, as a signed 32-bit number. */
export function hashBytes(bytes: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start, end = start + length; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}
