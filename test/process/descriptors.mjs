/** The descriptors of this process, counted. */
import { readdirSync } from "node:fs";

export function descriptors() {
  return readdirSync("/proc/self/fd").length;
}

/** Waits, turn by turn, until there are `wanted` descriptors; throws after 5 seconds. */
export async function untilDescriptors(wanted, what) {
  const deadline = performance.now() + 5000;
  while (descriptors() !== wanted) {
    if (performance.now() > deadline) throw new Error(`${what}: ${descriptors()} descriptors, ${wanted} expected`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
