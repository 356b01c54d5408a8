/**
 * npm run bench:gate: measures what bench/gate.json sets a target for, and fails when a figure misses its target by more
 * than the margin in the best of a few attempts. Only what failed is measured again.
 *
 * --break coalescing|batching gives Skein a fault that the gate must find: it shows that the gate is awake.
 * --only A,B measures those cells and questions only.
 */

import { parseArgs } from "node:util";
import { run as batching } from "./batching.ts";
import { run as deferredChain } from "./deferred-chain.ts";
import { run as fairness } from "./fairness.ts";
import { run as framing } from "./framing.ts";
import { run as millionTimers } from "./million-timers.ts";
import { run as reactors } from "./reactors.ts";
import type { Answer, Progress } from "./rig/answer.ts";
import { cellNamed } from "./rig/cells.ts";
import { type Bound, readGateFile } from "./rig/gate-file.ts";
import { borrowing, broken, floor, owning, reactorsHere } from "./rig/peers.ts";
import { measureCell } from "./rig/rounds.ts";

const { values } = parseArgs({ options: { break: { type: "string" }, only: { type: "string" } } });
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

  constructor(name: string, { atMost, atLeast }: Bound) {
    const target = atMost ?? atLeast;
    if (target === undefined) throw new Error(`bench/gate.json gives ${name} neither atMost nor atLeast.`);
    this.name = name;
    this.target = target;
    this.#lowerIsBetter = atMost !== undefined;
    this.limit = this.#lowerIsBetter ? target * (1 + file.margin) : target / (1 + file.margin);
    this.best = this.#lowerIsBetter ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  measured(value: number): void {
    this.best = this.#lowerIsBetter ? Math.min(this.best, value) : Math.max(this.best, value);
  }

  get passed(): boolean {
    return this.#reaches(this.limit);
  }

  get verdict(): string {
    if (!this.passed) return "FAILED";
    return this.#reaches(this.target) ? "ok" : "ok, within the margin";
  }

  #reaches(bound: number): boolean {
    return this.#lowerIsBetter ? this.best <= bound : this.best >= bound;
  }
}

/** Checks that one measurement answers together. */
interface Group {
  /** Of the cell or the question. */
  readonly name: string;
  readonly checks: readonly Check[];
  measure(): Promise<void>;
}

function cellGroup(cellName: string, targets: Readonly<Record<string, number>>): Group {
  const cell = cellNamed(cellName);
  const checks = new Map(
    Object.entries(targets).map(([peer, atMost]) => [peer, new Check(`${cellName} ${peer} CPU over C++`, { atMost })]),
  );
  return {
    name: cellName,
    checks: [...checks.values()],
    async measure() {
      const failing = skein.filter((peer) => checks.get(peer.name)?.passed === false);
      const { rounds, seconds } = file;
      const options = { rounds, seconds, retries: 1, progress };
      const { standings } = await measureCell(cell, [floor, ...failing], options);
      for (const { peer, cpuOverFloor } of standings) checks.get(peer)?.measured(cpuOverFloor.median);
    },
  };
}

/** Those questions need little of the time they take when they are asked for their own sake. */
const questions: Readonly<Record<string, () => Promise<Answer>>> = {
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
};

function questionGroup(question: string, targets: Readonly<Record<string, Bound>>): Group {
  const ask = questions[question];
  if (ask === undefined) throw new Error(`bench/gate.json asks for ${question}, which the gate does not know.`);
  const checks = new Map<string, Check>();
  for (const [label, bound] of Object.entries(targets)) {
    if (bound.reactor === undefined || here.includes(bound.reactor)) {
      checks.set(label, new Check(`${question} ${label}`, bound));
    } else {
      progress(`${question} ${label}: not checked, for there is no ${bound.reactor} here`);
    }
  }
  return {
    name: question,
    checks: [...checks.values()],
    async measure() {
      const { rows, ratios } = await ask();
      for (const [label, check] of checks) {
        const figure = [...rows, ...ratios].find((candidate) => candidate.label === label);
        if (figure === undefined) throw new Error(`${question} has no figure "${label}", which bench/gate.json names.`);
        check.measured(figure.value);
      }
    },
  };
}

function table(checks: readonly Check[]): string {
  const header = ["", "measured", "target", "limit", "verdict"];
  const numbers = (check: Check) => [check.best, check.target, check.limit].map((value) => value.toFixed(2));
  const rows = [header, ...checks.map((check) => [check.name, ...numbers(check), check.verdict])];
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row.map((text, i) => (i === 0 || i === 4 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}

async function main(): Promise<void> {
  const all = [
    ...Object.entries(file.cpuOverFloor).map(([cell, targets]) => cellGroup(cell, targets)),
    ...Object.entries(file.figures).map(([question, targets]) => questionGroup(question, targets)),
  ];
  const only = values.only?.split(",");
  const unknown = only?.find((name) => all.every((group) => group.name !== name));
  if (unknown !== undefined) {
    throw new Error(`The gate has no ${unknown}; it has ${all.map((group) => group.name).join(", ")}.`);
  }
  const groups = all.filter((group) => only?.includes(group.name) ?? true);
  for (let attempt = 1; attempt <= file.attempts; attempt++) {
    const pending = groups.filter((group) => group.checks.some((check) => !check.passed));
    if (attempt > 1 && pending.length > 0) progress(`attempt ${attempt}: ${pending.length} to measure again`);
    for (const group of pending) await group.measure();
  }
  const checks = groups.flatMap((group) => group.checks);
  console.log(table(checks));
  if (!checks.every((check) => check.passed)) process.exitCode = 1;
}

await main();
