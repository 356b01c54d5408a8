/** With a million timers alive, what does one more cost that is cancelled again: callLater() beside setTimeout()? */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Answer, Figure, Progress } from "./rig/answer.ts";
import { root } from "./rig/root.ts";
import { median } from "./rig/statistics.ts";

const { ReactorBase } = (await import(
  pathToFileURL(join(root, "dist", "internet", "base.js")).href
)) as typeof import("../src/internet/base.ts");

const live = 1_000_000;
const rounds = 31;
const warmUp = 5;
const pairsPerRound = 50_000;
/** A power of two, so that an index is cut to it by a mask. */
const delayCount = 2 ** 16;

const nothing = (): void => {};

/** A reactor without I/O: its calls are all that is measured. */
class Timekeeper extends ReactorBase {
  protected override startIO(): void {}
  protected override stopIO(): void {}
  protected override disconnectAll(): undefined {}
}

/** Milliseconds from one to two hours: none of them ends while this runs. */
const deadlines: Readonly<Record<string, Float64Array>> = {
  "random deadlines": Float64Array.from({ length: delayCount }, () => Math.floor(3.6e6 * (1 + Math.random()))),
  "one deadline": new Float64Array(delayCount).fill(3.6e6),
};

export async function run(progress: Progress): Promise<Answer> {
  const rows: Figure[] = [];
  const ratios: Figure[] = [];
  const reactor = new Timekeeper();
  const ended = reactor.run({ installSignalHandlers: false });
  for (const [name, delays] of Object.entries(deadlines)) {
    const { ours, nodes } = compare(reactor, delays);
    rows.push({ label: `callLater and cancel, ${name}`, value: median(ours) });
    rows.push({ label: `setTimeout and clearTimeout, ${name}`, value: median(nodes) });
    ratios.push({
      label: `setTimeout over callLater, ${name}`,
      value: median(nodes.map((value, i) => value / ours[i]!)),
    });
  }
  rows.push({ label: "of which reading the clock", value: median(repeat(() => readClock(reactor))) });
  reactor.stop();
  await ended;
  for (const { label, value } of rows) progress(`million-timers ${label}: ${value.toFixed(1)} ns`);
  for (const { label, value } of ratios) progress(`million-timers ${label}: ${value.toFixed(2)}`);
  return { name: "million-timers", unit: "ns", rows, ratios };
}

/** Nanoseconds a pair, round by round, with a million timers alive on each side. */
function compare(reactor: Timekeeper, delays: Float64Array): { ours: number[]; nodes: number[] } {
  const calls = Array.from({ length: live }, (_, i) => reactor.callLater(delays[i % delayCount]! / 1000, nothing));
  const timeouts = Array.from({ length: live }, (_, i) => setTimeout(nothing, delays[i % delayCount]));
  const ours: number[] = [];
  const nodes: number[] = [];
  for (let round = -warmUp; round < rounds; round++) {
    const our = ourPairs(reactor, delays);
    const node = nodePairs(delays);
    if (round < 0) continue;
    ours.push(our);
    nodes.push(node);
  }
  if (reactor.getDelayedCalls().length !== live) throw new Error("Not every call is alive.");
  for (const call of calls) call.cancel();
  for (const timeout of timeouts) clearTimeout(timeout);
  return { ours, nodes };
}

function ourPairs(reactor: Timekeeper, delays: Float64Array): number {
  const begin = performance.now();
  for (let i = 0; i < pairsPerRound; i++) reactor.callLater(delays[i & (delayCount - 1)]! / 1000, nothing).cancel();
  return ((performance.now() - begin) * 1e6) / pairsPerRound;
}

function nodePairs(delays: Float64Array): number {
  const begin = performance.now();
  for (let i = 0; i < pairsPerRound; i++) clearTimeout(setTimeout(nothing, delays[i & (delayCount - 1)]));
  return ((performance.now() - begin) * 1e6) / pairsPerRound;
}

function readClock(reactor: Timekeeper): number {
  let last = 0;
  const begin = performance.now();
  for (let i = 0; i < pairsPerRound; i++) last = reactor.seconds();
  const took = performance.now() - begin;
  if (last === 0) throw new Error("The clock was not read.");
  return (took * 1e6) / pairsPerRound;
}

function repeat(measure: () => number): number[] {
  return Array.from({ length: rounds }, measure);
}

if (process.argv[1] === import.meta.filename) {
  const { rows, ratios } = await run(() => {});
  for (const { label, value } of rows) console.log(`${label}: ${value.toFixed(1)} ns`);
  for (const { label, value } of ratios) console.log(`${label}: ${value.toFixed(2)}`);
}
