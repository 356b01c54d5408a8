/**
 * With a million timers alive, what does one more cost that is cancelled again: callLater() beside setTimeout()?
 *
 * setTimeout() keeps a list for each length of time, and a heap of those lists. What it costs depends on whether another
 * timer has that length already, so there are three questions: any length, one that some timer has, and one that all
 * have.
 */

import { once } from "node:events";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { Answer, Figure, Progress } from "./rig/answer.ts";
import { root } from "./rig/root.ts";
import { median } from "./rig/statistics.ts";

const { ReactorBase } = (await import(
  pathToFileURL(join(root, "dist/internet/reactor/base.js")).href
)) as typeof import("../src/internet/reactor/base.ts");

const live = 1_000_000;
const rounds = 31;
const warmUp = 5;
const pairsPerRound = 50_000;
/** A delay for each timer that is alive and each pair. */
const delayCount = live + (warmUp + rounds) * pairsPerRound;

type Side = "callLater" | "setTimeout";
const kinds = ["random deadlines", "shared deadlines", "one deadline"] as const;
type Deadlines = (typeof kinds)[number];

export async function run(progress: Progress): Promise<Answer> {
  const rows: Figure[] = [];
  const ratios: Figure[] = [];
  const note = (figures: Figure[], unit: string, label: string, value: number): void => {
    figures.push({ label, value });
    progress(`million-timers ${label}: ${value.toFixed(2)}${unit}`);
  };
  for (const deadlines of kinds) {
    const { ours, nodes } = await compare(deadlines);
    note(rows, " ns", `callLater and cancel, ${deadlines}`, median(ours));
    note(rows, " ns", `setTimeout and clearTimeout, ${deadlines}`, median(nodes));
    note(ratios, "", `setTimeout over callLater, ${deadlines}`, median(nodes.map((value, i) => value / ours[i]!)));
  }
  note(rows, " ns", "of callLater, reading the clock", median(Array.from({ length: rounds }, readClock)));
  return { name: "million-timers", unit: "ns", rows, ratios };
}

/**
 * Nanoseconds a pair, round by round, so that what disturbs the machine disturbs both. Each side has a thread, since
 * in one heap either would pay for the garbage of the other.
 */
async function compare(deadlines: Deadlines): Promise<{ ours: number[]; nodes: number[] }> {
  const [our, node] = [await Contender.start("callLater", deadlines), await Contender.start("setTimeout", deadlines)];
  const ours: number[] = [];
  const nodes: number[] = [];
  for (let round = -warmUp; round < rounds; round++) {
    const [o, n] = [await our.round(), await node.round()];
    if (round < 0) continue;
    ours.push(o);
    nodes.push(n);
  }
  await our.end();
  await node.end();
  return { ours, nodes };
}

/** A thread with a million timers. */
class Contender {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  static async start(side: Side, deadlines: Deadlines): Promise<Contender> {
    const worker = new Worker(import.meta.filename, { workerData: { side, deadlines } });
    await once(worker, "message");
    return new Contender(worker);
  }

  async round(): Promise<number> {
    this.#worker.postMessage("round");
    const [nanoseconds] = (await once(this.#worker, "message")) as [number];
    return nanoseconds;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** A reactor without I/O: its calls are all that is measured. */
class Timekeeper extends ReactorBase {
  protected override startIO(): void {}
  protected override stopIO(): void {}
  protected override disconnectAll(): undefined {}
}

const nothing = (): void => {};

/** Milliseconds from one to two hours, so that none ends while this runs: first of what is alive, then of the pairs. */
function delaysFor(deadlines: Deadlines): Float64Array {
  const delays = new Float64Array(delayCount);
  for (let i = 0; i < delayCount; i++) {
    if (deadlines === "one deadline") delays[i] = 3.6e6;
    else if (deadlines === "shared deadlines" && i >= live) delays[i] = delays[i - live]!;
    else delays[i] = Math.floor(3.6e6 * (1 + Math.random()));
  }
  return delays;
}

/** Nanoseconds for each of `pairsPerRound`. */
function timed(pairs: () => void): number {
  const begin = performance.now();
  pairs();
  return ((performance.now() - begin) * 1e6) / pairsPerRound;
}

function contend({ side, deadlines }: { side: Side; deadlines: Deadlines }): void {
  const reactor = new Timekeeper();
  const delays = delaysFor(deadlines);
  const contenders: Readonly<Record<Side, { add(i: number): unknown; pairs(begin: number, end: number): void }>> = {
    callLater: {
      add: (i) => reactor.callLater(delays[i]! / 1000, nothing),
      pairs(begin, end) {
        for (let i = begin; i < end; i++) reactor.callLater(delays[i]! / 1000, nothing).cancel();
      },
    },
    setTimeout: {
      add: (i) => setTimeout(nothing, delays[i]!),
      pairs(begin, end) {
        for (let i = begin; i < end; i++) clearTimeout(setTimeout(nothing, delays[i]!));
      },
    },
  };
  const { add, pairs } = contenders[side];
  void reactor.run();
  const alive = Array.from({ length: live }, (_, i) => add(i));
  let next = live;
  parentPort!.on("message", () => {
    if (alive.length !== live) throw new Error("Not every timer is alive.");
    const begin = next;
    next += pairsPerRound;
    parentPort!.postMessage(timed(() => pairs(begin, next)));
  });
  parentPort!.postMessage("ready");
}

function readClock(): number {
  const reactor = new Timekeeper();
  let last = 0;
  const took = timed(() => {
    for (let i = 0; i < pairsPerRound; i++) last = reactor.seconds();
  });
  if (last === 0) throw new Error("The clock was not read.");
  return took;
}

if (!isMainThread) {
  contend(workerData);
} else if (process.argv[1] === import.meta.filename) {
  const { rows, ratios } = await run(() => {});
  for (const { label, value } of rows) console.log(`${label}: ${value.toFixed(1)} ns`);
  for (const { label, value } of ratios) console.log(`${label}: ${value.toFixed(2)}`);
}
