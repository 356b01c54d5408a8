/**
 * The completion records and the arena of an engine written in TypeScript: the counterpart of
 * native/engine/completions.h and arena.h.
 */
import type { EngineMaker } from "./link.ts";

type Setup = Parameters<EngineMaker>[0];

export class Records {
  readonly arena: Uint8Array;
  /** Bytes of the arena in use. Each dispatch frees all of it. */
  arenaUsed = 0;
  /** Dispatches so far. */
  dispatches = 0;
  private readonly completions: Int32Array;
  private readonly tell: (words: number) => void;
  private words = 0;
  private overflow: number[] = [];
  private reading = false;

  constructor(setup: Setup) {
    this.completions = setup.completions;
    this.arena = setup.arena;
    this.tell = setup.dispatch;
  }

  get empty(): boolean {
    return this.words === 0;
  }

  /** Records that may still be written before the next dispatch. */
  get room(): number {
    return this.reading ? 0 : (this.completions.length - this.words) >> 2;
  }

  push(kind: number, handle: number, a: number, b: number): void {
    if (this.reading || this.words === this.completions.length) {
      this.overflow.push(kind, handle, a, b);
      return;
    }
    const at = this.words;
    this.words = at + 4;
    this.completions[at] = kind;
    this.completions[at + 1] = handle;
    this.completions[at + 2] = a;
    this.completions[at + 3] = b;
  }

  /** Whether a record and `length` bytes of the arena are left. */
  fits(length: number): boolean {
    return this.room > 0 && this.arena.length - this.arenaUsed >= length;
  }

  /** Take `length` bytes of the arena; returns where they begin. */
  takeArena(length: number): number {
    const at = this.arenaUsed;
    this.arenaUsed += length;
    return at;
  }

  /** Dispatch all records. Records that are added meanwhile are the first of the next dispatch. */
  dispatch(): void {
    if (this.words === 0) return;
    this.dispatches++;
    this.reading = true;
    try {
      this.tell(this.words);
    } finally {
      this.reading = false;
      this.arenaUsed = 0;
      this.words = 0;
      if (this.overflow.length > 0) this.refill();
    }
  }

  private refill(): void {
    const waiting = this.overflow;
    this.overflow = [];
    for (let i = 0; i < waiting.length; i += 4) {
      this.push(waiting[i]!, waiting[i + 1]!, waiting[i + 2]!, waiting[i + 3]!);
    }
  }
}
