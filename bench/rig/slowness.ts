/** How fast the machine is at the moment. */
import { spawnSync } from "node:child_process";

/** What Node takes to start, in milliseconds of processor time, where the limits of time in tests and in bench/gate.json were set. */
const START_MILLISECONDS = 70;
const STARTS = 5;
const SCRIPT = "const { user, system } = process.cpuUsage(); console.log((user + system) / 1000)";

/**
 * How many times slower this machine is now than that one, and 1 at least. The processor time that the same work takes on
 * a shared machine differs by a factor of four from one hour to the next.
 */
export function slowness(): number {
  const starts = Array.from({ length: STARTS }, () =>
    Number(spawnSync(process.execPath, ["-e", SCRIPT], { encoding: "utf8" }).stdout),
  );
  const median = starts.toSorted((a, b) => a - b)[STARTS >> 1]!;
  if (!(median > 0)) throw new Error(`Node said that it took ${median} ms to start.`);
  return Math.max(1, median / START_MILLISECONDS);
}
