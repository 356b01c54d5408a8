/**
 * npm run bench:gate: measures what bench/gate.json sets a target for, and fails when a figure misses its target by more
 * than the margin in the best of a few attempts. Only what failed is measured again, and then beside something else that
 * tells how far the machine is from the one that the targets were set on: other guests of a shared host that use its
 * memory and caches make all programs slower, and those of Node more than the one in C++. For processor time over that of
 * C++ it is Node's net, for times it is how long Node takes to start, for long chains of Deferreds it is those of promises.
 *
 * A fault that --break gives to Skein shows that the gate is awake. What --repeat prints is what the targets and the margin
 * are set by. With --node, what the bench asks of its own process still runs under the bench's Node.
 */

import { parseArgs } from "node:util";
import { run as amplification } from "./amplification.ts";
import { run as awaitLoop } from "./await-loop.ts";
import { run as batching } from "./batching.ts";
import { run as deferredChain } from "./deferred-chain.ts";
import { run as fairness } from "./fairness.ts";
import { run as framing } from "./framing.ts";
import { run as growth } from "./growth.ts";
import { run as millionTimers } from "./million-timers.ts";
import { run as reactors } from "./reactors.ts";
import type { Answer, Progress } from "./rig/answer.ts";
import { cellNamed } from "./rig/cells.ts";
import { type Bound, readGateFile } from "./rig/gate-file.ts";
import { useNode } from "./rig/node.ts";
import { borrowing, broken, floor, net, owning, reactorsHere } from "./rig/peers.ts";
import { measureCell } from "./rig/rounds.ts";
import { slowness } from "./rig/slowness.ts";
import { median } from "./rig/statistics.ts";
import { run as tls } from "./tls.ts";

const usage = `npm run bench:gate -- [options]
  --only A,B      those cells and questions of bench/gate.json only
  --repeat N      judge N times, and print how far each figure spreads
  --break FAULT   give Skein a fault that the gate must find: coalescing or batching
  --node VERSION  have the servers run under that Node, as in 24 or 24.21.0`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", default: false },
    break: { type: "string" },
    only: { type: "string" },
    node: { type: "string" },
    repeat: { type: "string" },
  },
});
if (values.help) {
  console.log(usage);
  process.exit();
}
if (values.node !== undefined) await useNode(values.node);
const file = readGateFile();
const skein = [borrowing, owning].map((peer) => (values.break === undefined ? peer : broken(peer, values.break)));
const here = reactorsHere();
const progress: Progress = (line) => process.stderr.write(`${line}\n`);

/** One figure and what it should be. */
class Check {
  readonly name: string;
  readonly target: number;
  readonly limit: number;
  readonly #lowerIsBetter: boolean;
  best: number;
  /** How many times dearer the machine made other things when that was measured, 1 at least. */
  strain = 1;

  constructor(name: string, { atMost, atLeast, exact }: Bound, usualMargin: number) {
    const margin = exact ? 0 : usualMargin;
    const target = atMost ?? atLeast;
    if (target === undefined) throw new Error(`bench/gate.json gives ${name} neither atMost nor atLeast.`);
    this.name = name;
    this.target = target;
    this.#lowerIsBetter = atMost !== undefined;
    this.limit = this.#lowerIsBetter ? target * (1 + margin) : target / (1 + margin);
    this.best = this.#lowerIsBetter ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  measured(value: number, strain: number): void {
    const better = this.#lowerIsBetter ? value / strain < this.best / this.strain : value > this.best;
    if (better) [this.best, this.strain] = [value, strain];
  }

  get passed(): boolean {
    return this.#reaches(this.limit);
  }

  /** The best figure on a machine without strain. */
  get judged(): number {
    return this.#lowerIsBetter ? this.best / this.strain : this.best;
  }

  /** How much worse than the target `value` is: 0.1 for a tenth. Negative when it is better. */
  excess(value: number): number {
    if (this.target === 0) return value;
    return (this.#lowerIsBetter ? value / this.target : this.target / value) - 1;
  }

  get verdict(): string {
    if (!this.passed) return "FAILED";
    return this.#reaches(this.target) ? "ok" : "ok, within the margin";
  }

  #reaches(bound: number): boolean {
    return this.#lowerIsBetter ? this.judged <= bound : this.judged >= bound;
  }
}

/** Checks that one measurement answers together. */
interface Group {
  /** Of the cell or the question. */
  readonly name: string;
  readonly checks: readonly Check[];
  /** `again` when something failed before. */
  measure(again: boolean): Promise<void>;
}

function cellGroup(cellName: string, targets: Readonly<Record<string, number>>): Group {
  const cell = cellNamed(cellName);
  const control = file.netOverFloor[cellName];
  if (control === undefined) throw new Error(`bench/gate.json does not tell what Node's net costs in ${cellName}.`);
  const checks = new Map(
    Object.entries(targets).map(([peer, atMost]) => [
      peer,
      new Check(`${cellName} ${peer} CPU over C++`, { atMost }, file.margin.cells),
    ]),
  );
  return {
    name: cellName,
    checks: [...checks.values()],
    async measure(again) {
      const failing = skein.filter((peer) => checks.get(peer.name)?.passed === false);
      const { rounds, seconds } = file;
      const options = { rounds, seconds, retries: 1, progress };
      const peers = [floor, ...failing, ...(again ? [net] : [])];
      const { standings } = await measureCell(cell, peers, options);
      const measured = new Map(standings.map(({ peer, cpuOverFloor }) => [peer, cpuOverFloor.median]));
      const strain = strainOf(measured.get(net.name), control);
      for (const [peer, value] of measured) checks.get(peer)?.measured(value, strain);
    },
  };
}

/** Those questions need little of the time they take when they are asked for their own sake. */
const questions: Readonly<Record<string, (again: boolean) => Promise<Answer>>> = {
  batching: () => batching(progress, { peers: skein, cells: [cellNamed("500x64x1")], seconds: file.seconds }),
  reactors: () =>
    reactors(progress, {
      cells: [cellNamed("50x64x1"), cellNamed("churn")],
      rounds: file.rounds,
      seconds: file.seconds,
      idle: 0,
    }),
  framing: () => framing(progress, { chunks: [4], rounds: file.rounds, seconds: file.seconds }),
  fairness: () => fairness(progress, { peers: skein, seconds: 2 }),
  "deferred-chain": () => deferredChain(progress),
  "million-timers": () => millionTimers(progress),
  growth: () => growth(progress),
  "await-loop": () => awaitLoop(progress),
  amplification: () => amplification(progress, { seconds: 0.3 }),
  tls: (again) =>
    tls(progress, {
      cells: ["50x64x1", "50x64x1-four-writes", "full-handshake", "resumed-handshake"],
      peers: ["floor", "skein-borrowing", ...(again ? ["net"] : [])],
      rounds: file.rounds,
      seconds: file.seconds,
      retries: 1,
      idle: false,
    }),
};

function questionGroup(question: string, targets: Readonly<Record<string, Bound>>): Group {
  const ask = questions[question];
  if (ask === undefined) throw new Error(`bench/gate.json asks for ${question}, which the gate does not know.`);
  const checks = new Map<string, Check>();
  for (const [label, bound] of Object.entries(targets)) {
    if (bound.reactor === undefined || here.includes(bound.reactor)) {
      checks.set(label, new Check(`${question} ${label}`, bound, file.margin.figures));
    } else {
      progress(`${question} ${label}: not checked, for there is no ${bound.reactor} here`);
    }
  }
  return {
    name: question,
    checks: [...checks.values()],
    async measure(again) {
      const { rows, ratios } = await ask(again);
      const figure = (label: string): number => {
        const found = [...rows, ...ratios].find((candidate) => candidate.label === label);
        if (found === undefined) throw new Error(`${question} has no figure "${label}", which bench/gate.json names.`);
        return found.value;
      };
      const slow = again && Object.values(targets).some(({ time }) => time) ? slowness() : 1;
      for (const [label, check] of checks) {
        const { time, control } = targets[label]!;
        let strain = time ? slow : 1;
        if (again && control !== undefined) strain = strainOf(figure(control.label), control.usually);
        check.measured(figure(label), strain);
      }
    },
  };
}

/** How many times its usual value a control has, 1 at least, and when there is none. */
function strainOf(control: number | undefined, usually: number): number {
  return Math.max(1, (control ?? usually) / usually);
}

function table(header: readonly string[], body: readonly (readonly string[])[]): string {
  const rows = [["", ...header], ...body];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const isText = (column: number) => column === 0 || header[column - 1] === "verdict";
  const line = (row: readonly string[]) =>
    row.map((text, i) => (isText(i) ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}

function verdicts(checks: readonly Check[]): string {
  const numbers = ({ best, strain, target, limit }: Check) => [best, strain, target, limit].map(inHundredths);
  const rows = checks.map((check) => [check.name, ...numbers(check), check.verdict]);
  return table(["measured", "strain", "target", "limit", "verdict"], rows);
}

/** `runs`: the same checks, judged anew each time. */
function spreads(runs: readonly (readonly Check[])[]): string {
  const rows = runs[0]!.map((check, i) => {
    const sorted = runs.map((run) => run[i]!.judged).sort((a, b) => check.excess(a) - check.excess(b));
    const [best, worst] = [sorted[0]!, sorted.at(-1)!];
    return [check.name, ...[best, median(sorted), worst, check.target, check.excess(worst)].map(inHundredths)];
  });
  return table(["best", "median", "worst", "target", "worst over target"], rows);
}

function inHundredths(value: number): string {
  return value.toFixed(2);
}

/** Measure what `only` names, or everything, again and again until it passes or the attempts are used up. */
async function judge(only: readonly string[] | undefined): Promise<Check[]> {
  const all = [
    ...Object.entries(file.cpuOverFloor).map(([cell, targets]) => cellGroup(cell, targets)),
    ...Object.entries(file.figures).map(([question, targets]) => questionGroup(question, targets)),
  ];
  const unknown = only?.find((name) => all.every((group) => group.name !== name));
  if (unknown !== undefined) {
    throw new Error(`The gate has no ${unknown}; it has ${all.map((group) => group.name).join(", ")}.`);
  }
  const groups = all.filter((group) => only?.includes(group.name) ?? true);
  for (let attempt = 1; attempt <= file.attempts; attempt++) {
    const pending = groups.filter((group) => group.checks.some((check) => !check.passed));
    if (attempt > 1 && pending.length > 0) progress(`attempt ${attempt}: ${pending.length} to measure again`);
    for (const group of pending) await group.measure(attempt > 1);
  }
  return groups.flatMap((group) => group.checks);
}

const repeat = Number(values.repeat ?? 1);
if (!Number.isInteger(repeat) || repeat < 1) throw new Error(`--repeat takes a number of runs, not ${values.repeat}.`);
const runs: Check[][] = [];
for (let run = 1; run <= repeat; run++) {
  runs.push(await judge(values.only?.split(",")));
  if (repeat > 1) progress(`run ${run} of ${repeat}:\n${verdicts(runs.at(-1)!)}`);
}
console.log(repeat === 1 ? verdicts(runs[0]!) : spreads(runs));
if (runs.some((checks) => !checks.every((check) => check.passed))) process.exitCode = 1;
