/** How much memory of Buffers something holds. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect } from "vitest";

/** Worker threads have none, whatever the process was started with. */
const collect = globalThis.gc ?? exposedGc();

function exposedGc(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

/** V8 frees the memory of Buffers on another thread, which a second collection waits for. */
export async function buffersHeld(): Promise<number> {
  collect();
  await new Promise((resolve) => setImmediate(resolve));
  collect();
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
