// The time that a service has had: what goes by while it, or this process, waits for a processor, for a disk or for whoever
// stopped it is not counted, nor what goes by while the whole machine stands still. A service that computes or sleeps instead
// of answering is charged for it.
import { readFileSync } from "node:fs";

const STEP_MS = 20;
/** A step of this process that takes longer, and does not wait for a processor, is no step of the service. */
const STEP_MOST_MS = 2 * STEP_MS;

export class ServiceTime {
  /** Milliseconds so far. */
  ms = 0;
  /** The longest time so far, in milliseconds, in which this process did nothing. Set it to 0 to begin anew. */
  absent = 0;
  #pids;
  #at = performance.now();
  #queued;
  #timer;

  /** @param pids the service, and those that it needs for an answer */
  constructor(pids) {
    this.#pids = pids;
    this.#queued = this.#queuedSoFar();
    this.#timer = setInterval(() => this.look(), STEP_MS);
  }

  /** Count what has gone by since the last look. Looks by itself every 20 ms. */
  look() {
    const at = performance.now();
    const queued = this.#queuedSoFar();
    const passed = at - this.#at;
    this.absent = Math.max(this.absent, passed);
    if (!this.#pids.some(standsStill)) {
      this.ms += Math.min(STEP_MOST_MS, Math.max(0, passed - (queued - this.#queued)));
    }
    this.#at = at;
    this.#queued = queued;
    return this.ms;
  }

  stop() {
    clearInterval(this.#timer);
  }

  /** Milliseconds that the processes have waited for a processor: the second number of proc(5)'s schedstat. */
  #queuedSoFar() {
    let nanoseconds = 0;
    for (const id of [...this.#pids, "self"]) nanoseconds += Number(fileOf(id, "schedstat").split(" ")[1] ?? 0);
    return nanoseconds / 1e6;
  }
}

/** Whether the process is stopped, or waits for a disk. */
function standsStill(pid) {
  return /^[TtD]/.test(fileOf(pid, "stat").split(") ").at(-1));
}

/** "" when the process has ended, or the kernel does not count. */
function fileOf(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
