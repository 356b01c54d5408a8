/**
 * npm run bench: asks every question, or those named, and writes what came out.
 *
 * Progress goes to standard error. The figures replace those of the same questions in bench/results/latest.json, from
 * which docs/bench.md and docs/bench.svg are made; a run with --quick or --cells only prints them.
 */

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { against } from "./against.ts";
import { run as amplification, OVER } from "./amplification.ts";
import { run as awaitLoop } from "./await-loop.ts";
import { run as batching } from "./batching.ts";
import { run as deferredChain } from "./deferred-chain.ts";
import { run as echo } from "./echo.ts";
import { run as fairness } from "./fairness.ts";
import { run as framing } from "./framing.ts";
import { run as growth } from "./growth.ts";
import { run as idleConnections } from "./idle-connections.ts";
import { run as millionTimers } from "./million-timers.ts";
import { run as reactors } from "./reactors.ts";
import type { Answer, Progress } from "./rig/answer.ts";
import { cellNamed, cells } from "./rig/cells.ts";
import { readGateFile } from "./rig/gate-file.ts";
import { describeMachine } from "./rig/machine.ts";
import { serverNodeVersion, useNode } from "./rig/node.ts";
import { page } from "./rig/page.ts";
import { echoPicture, reactorsPicture } from "./rig/pictures.ts";
import {
  echoOf,
  latest,
  merge,
  type Results,
  reactorsOf,
  readResults,
  type Taken,
  writeResults,
} from "./rig/results.ts";
import { root } from "./rig/root.ts";
import { run as tls } from "./tls.ts";
import { run as tlsClient } from "./tls-client.ts";
import { run as uringDesigns } from "./uring-designs.ts";

const usage = `npm run bench -- [options]
  --only A,B      questions, by the beginning of their names: echo, reactors, batching, framing, fairness,
                  idle-connections, million-timers, deferred-chain, uring-designs, growth, await-loop,
                  amplification, tls, tls-client
  --reactors A,B  only the question reactors, for these beside the default one; "all" for each that works here
  --cells A,B     cells of echo or reactors: ${cells.map((cell) => cell.name).join(", ")}
  --rounds N      rounds of echo (9), reactors, tls or --against (7)
  --seconds S     length of a sample of echo, reactors or tls (1) or --against (0.5)
  --quick         3 rounds of 0.4 seconds
  --json FILE     write the figures of this run to FILE
  --node VERSION  have the servers run under that Node, as in 24 or 24.21.0; the figures are only printed
  --against DIR   the servers of this checkout beside those of DIR, another built checkout, in the cells of the gate
                  (or --cells), in turns; fails when the median of a cell's ratios new over old is above --limit
  --limit RATIO   for --against (1.03)
  --report        only make docs/bench.md and docs/bench.svg again from bench/results/latest.json`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    reactors: { type: "string" },
    cells: { type: "string" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    node: { type: "string" },
    against: { type: "string" },
    limit: { type: "string", default: "1.03" },
    report: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const questions: Readonly<Record<string, (progress: Progress) => Promise<Answer>>> = {
  echo: (progress) =>
    echo(progress, {
      cells: values.cells?.split(",").map(cellNamed) ?? cells,
      rounds: Number(values.rounds ?? (values.quick ? 3 : 9)),
      seconds: Number(values.seconds ?? (values.quick ? 0.4 : 1)),
    }),
  reactors: (progress) =>
    reactors(progress, {
      names: values.reactors?.split(",") ?? ["all"],
      cells: values.cells?.split(",").map(cellNamed) ?? cells,
      rounds: Number(values.rounds ?? (values.quick ? 3 : 7)),
      seconds: Number(values.seconds ?? (values.quick ? 0.4 : 1)),
      ...(values.cells === undefined ? {} : { idle: 0 }),
    }),
  batching,
  framing,
  fairness,
  "idle-connections": idleConnections,
  "million-timers": millionTimers,
  "uring-designs": uringDesigns,
  "deferred-chain": deferredChain,
  growth,
  tls: (progress) => tls(progress, tlsTimes()),
  "tls-client": (progress) => tlsClient(progress, tlsTimes()),
  "await-loop": awaitLoop,
  amplification: (progress) => amplification(progress, { seconds: values.quick ? 0.4 : 1 }),
};

function tlsTimes() {
  return {
    rounds: Number(values.rounds ?? (values.quick ? 3 : 7)),
    seconds: Number(values.seconds ?? (values.quick ? 0.4 : 1)),
  };
}

function chosen(): string[] {
  const names = Object.keys(questions);
  const implied = values.reactors !== undefined ? ["reactors"] : values.cells !== undefined ? ["echo"] : names;
  const beginnings = values.only?.split(",") ?? implied;
  const found = beginnings.flatMap((beginning) => {
    const matches = names.filter((candidate) => candidate.startsWith(beginning));
    if (matches.length > 0) return matches;
    throw new Error(`There is no question ${beginning}; there are ${names.join(", ")}.`);
  });
  return [...new Set(found)];
}

async function answer(name: string): Promise<Taken<Answer>> {
  const progress = (line: string) => process.stderr.write(`${line}\n`);
  return { ...(await questions[name]!(progress)), date: new Date().toISOString().slice(0, 10) };
}

function writeDocuments(results: Results): void {
  const docs = join(root, "docs");
  mkdirSync(docs, { recursive: true });
  writeFileSync(join(docs, "bench.md"), page(results));
  const echoes = echoOf(results);
  if (echoes !== undefined) {
    writeFileSync(join(docs, "bench.svg"), echoPicture(echoes, results.machine, readGateFile()));
  }
  const compared = reactorsOf(results);
  if (compared !== undefined) {
    writeFileSync(join(docs, "reactors.svg"), reactorsPicture(compared, results.machine));
  }
}

async function compareWith(checkout: string): Promise<void> {
  const { rows, table } = await against(checkout, {
    cells: values.cells?.split(",").map(cellNamed),
    rounds: Number(values.rounds ?? 7),
    seconds: Number(values.seconds ?? 0.5),
    limit: Number(values.limit),
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  console.log(`Node ${serverNodeVersion()}\n${table}`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);
  if (rows.some(({ passed }) => !passed)) process.exitCode = 1;
}

async function main(): Promise<void> {
  if (values.help) {
    console.log(usage);
    return;
  }
  if (values.report) {
    const results = readResults(latest);
    if (results === undefined) throw new Error("There is no bench/results/latest.json: run npm run bench first.");
    writeDocuments(results);
    return;
  }
  if (!existsSync(join(root, "dist"))) throw new Error("There is no dist/ to measure: run npm run build first.");
  if (values.node !== undefined) await useNode(values.node);
  if (values.against !== undefined) return compareWith(values.against);
  const keep = !values.quick && values.cells === undefined && values.node === undefined;
  let results: Results = { machine: describeMachine(), answers: [] };
  for (const name of chosen()) {
    const answered = await answer(name);
    results = { ...results, answers: [...results.answers, answered] };
    if (answered.ratios.some(({ label, value }) => label === OVER && value > 0)) process.exitCode = 1;
    // After every question: a run takes long, and what it has found already should survive what comes later.
    if (values.json !== undefined) writeResults(values.json, results);
    if (keep) writeResults(latest, merge(readResults(latest), results));
  }
  // Of what stands in the file, whose figures are rounded: the same documents as --report makes.
  if (keep) writeDocuments(readResults(latest) ?? results);
  console.log(page(results));
}

await main();
