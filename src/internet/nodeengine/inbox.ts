/** Bytes of one connection that the program was not told of yet. */
export class Inbox {
  bytes = 0;
  private chunks: Buffer[] = [];
  /** How many bytes of the first chunk were taken. */
  private taken = 0;

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
  }

  /** Copy the next `length` bytes, at most {@link bytes}, to `memory`. */
  take(length: number, memory: Uint8Array, at: number): void {
    for (let done = 0; done < length; ) {
      const chunk = this.chunks[0]!;
      const end = Math.min(chunk.length, this.taken + length - done);
      memory.set(chunk.subarray(this.taken, end), at + done);
      done += end - this.taken;
      this.taken = end;
      if (end < chunk.length) break;
      this.chunks.shift();
      this.taken = 0;
    }
    this.bytes -= length;
  }

  /** Take all that is there, without copying it. */
  drain(): Buffer[] {
    const [first, ...rest] = this.chunks;
    const drained = first === undefined ? [] : [first.subarray(this.taken), ...rest];
    this.clear();
    return drained;
  }

  clear(): void {
    this.chunks = [];
    this.taken = 0;
    this.bytes = 0;
  }
}
