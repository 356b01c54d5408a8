/** What the soak programs share: options, samples of memory, and the verdict. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");
const MEGABYTE = 1024 * 1024;
const TOLERANCE = 0.1;

/** `--name value` from the command line, as a number when the fallback is one. */
export function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0) return fallback;
  const given = process.argv[at + 1];
  return typeof fallback === "number" ? Number(given) : given;
}

/** Resident memory in bytes, without what is garbage in JavaScript's heap. */
export function residentBytes() {
  gc();
  return process.memoryUsage.rss();
}

/** Keeps the memory of the server and of its peer as it was at the first mark, and tells how it is at the last. */
export class Memory {
  first = undefined;
  latest = undefined;

  /** `peer` is what the peer process measured. */
  sample(progress, peer) {
    this.latest = { server: residentBytes(), peer };
    this.first ??= this.latest;
    const text = Object.entries(this.latest).map(([name, bytes]) => `${name} ${(bytes / MEGABYTE).toFixed(1)} MiB`);
    console.log(`${progress}: ${text.join(", ")}`);
  }

  /** Prints the verdict line and sets the exit code. */
  conclude(what) {
    const changes = Object.keys(this.first).map((name) => [name, this.latest[name] / this.first[name] - 1]);
    const flat = changes.every(([, change]) => Math.abs(change) <= TOLERANCE);
    const text = changes.map(([name, change]) => `${name} ${change >= 0 ? "+" : ""}${(change * 100).toFixed(1)} %`);
    console.log(`${flat ? "FLAT" : "NOT FLAT"}: ${what}; resident memory since the first mark: ${text.join(", ")}`);
    process.exitCode = flat ? 0 : 1;
  }
}
