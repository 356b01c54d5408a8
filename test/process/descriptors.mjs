/** The descriptors of this process, counted. */
import { readdirSync } from "node:fs";

export function descriptors() {
  return readdirSync("/proc/self/fd").length;
}

/** So long that no machine is too slow, and only so that a failure tells the number. */
const PATIENCE_MS = 60_000;

/** Waits, turn by turn, until there are `wanted` descriptors; throws after a minute. */
export async function untilDescriptors(wanted, what) {
  const deadline = performance.now() + PATIENCE_MS;
  while (descriptors() !== wanted) {
    if (performance.now() > deadline) throw new Error(`${what}: ${descriptors()} descriptors, ${wanted} expected`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
