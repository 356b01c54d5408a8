/** How much memory of Buffers something holds. */
import { expect } from "vitest";

/** V8 frees the memory of Buffers on another thread, which a second collection waits for. */
export async function buffersHeld(): Promise<number> {
  globalThis.gc?.();
  await new Promise((resolve) => setImmediate(resolve));
  globalThis.gc?.();
  return process.memoryUsage().arrayBuffers;
}

/** Expect that what `make` returns holds no more than `most` bytes of Buffers. */
export async function expectBounded(most: number, make: () => unknown): Promise<void> {
  const before = await buffersHeld();
  const kept = [make()];
  const after = await buffersHeld();
  // Asked for here, so that it lives until it was measured.
  expect(kept).toHaveLength(1);
  expect(after - before).toBeLessThan(most);
}
