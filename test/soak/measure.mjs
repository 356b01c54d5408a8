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

/** How many times a program samples; the median of the 2nd to 4th sample is compared with that of the last three. */
export const STEPS = 20;

/** Follows the memory of the server and of its peer, and tells whether it stayed. */
export class Memory {
  samples = [];

  /** `peer` is what the peer process measured. */
  sample(progress, peer) {
    const latest = { server: residentBytes(), peer };
    this.samples.push(latest);
    const text = Object.entries(latest).map(([name, bytes]) => `${name} ${(bytes / MEGABYTE).toFixed(1)} MiB`);
    console.log(`${progress}: ${text.join(", ")}`);
  }

  /** Prints the verdict line and sets the exit code. */
  conclude(what) {
    const middle = (samples, name) => samples.map((sample) => sample[name]).sort((a, b) => a - b)[1];
    let flat = true;
    const text = ["server", "peer"].map((name) => {
      const first = middle(this.samples.slice(1, 4), name);
      const last = middle(this.samples.slice(-3), name);
      const change = last / first - 1;
      flat &&= Math.abs(change) <= TOLERANCE;
      const sizes = [first, last].map((bytes) => (bytes / MEGABYTE).toFixed(1)).join(" to ");
      return `${name} ${sizes} MiB (${change >= 0 ? "+" : ""}${(change * 100).toFixed(1)} %)`;
    });
    console.log(`${flat ? "FLAT" : "NOT FLAT"}: ${what}; resident memory: ${text.join(", ")}`);
    process.exitCode = flat ? 0 : 1;
  }
}
