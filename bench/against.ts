/**
 * Has a change made messages dearer? This checkout's servers beside those of another built checkout, in one run.
 *
 * Each round starts a server of each build anew: where a process has its memory, and what its compiler makes of the
 * program, lets it be some percent cheaper or dearer as long as it lives. Within a round the load visits old, new, new,
 * old (and the next round the other way round), so that a drift of the machine falls on both. A round's ratio is the
 * server's processor time per message, new over old; a cell's is the median of its rounds'.
 */

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Progress } from "./rig/answer.ts";
import { type Cell, cellNamed } from "./rig/cells.ts";
import { readGateFile } from "./rig/gate-file.ts";
import { borrowing, elsewhere, owning, type Peer } from "./rig/peers.ts";
import { cpuMicros, sampleUndisturbed, startAll } from "./rig/rounds.ts";
import { median, type Spread, spread } from "./rig/statistics.ts";

/** How often a sample is taken again while something else uses the processor. */
const RETRIES = 2;

export interface AgainstOptions {
  /** The gate's, unless others are named. */
  readonly cells?: readonly Cell[] | undefined;
  readonly rounds: number;
  /** Of a sample; a round has four. */
  readonly seconds: number;
  /** The ratio that a cell's median must not be above. */
  readonly limit: number;
  readonly progress: Progress;
}

/** One cell and one kind of server. */
export interface Comparison {
  readonly cell: string;
  readonly peer: string;
  /** Microseconds of processor time per message. */
  readonly old: number;
  readonly new: number;
  /** New over old: of the rounds. */
  readonly ratio: Spread;
  readonly ratios: readonly number[];
  readonly passed: boolean;
}

/** @throws Error when `checkout` has no built server */
export async function against(
  checkout: string,
  { cells, rounds, seconds, limit, progress }: AgainstOptions,
): Promise<{ rows: Comparison[]; table: string }> {
  const folder = resolve(checkout);
  for (const file of ["bench/peers/skein.mjs", "dist", "build/Release/skein.node"]) {
    if (!existsSync(join(folder, file))) throw new Error(`${folder} has no ${file}: run npm run build there first.`);
  }
  const targets = readGateFile().cpuOverFloor;
  const wanted = cells ?? Object.keys(targets).map(cellNamed);
  const rows: Comparison[] = [];
  for (const cell of wanted) {
    // In a cell that the gate does not have, both.
    const peers = [borrowing, owning].filter(
      ({ name }) => targets[cell.name]?.[name] !== undefined || !(cell.name in targets),
    );
    for (const peer of peers) {
      const found: Round[] = [];
      for (let round = 0; round < rounds; round++) {
        found.push(await playRound(cell, [elsewhere(peer, folder), peer], seconds, round % 2 === 1));
        const { before, now } = found.at(-1)!;
        progress(`${cell.name} ${peer.name} round ${round + 1}/${rounds}: ${(now / before).toFixed(3)}`);
      }
      const ratios = found.map(({ before, now }) => now / before);
      rows.push({
        cell: cell.name,
        peer: peer.name,
        old: median(found.map(({ before }) => before)),
        new: median(found.map(({ now }) => now)),
        ratio: spread(ratios),
        ratios,
        passed: median(ratios) <= limit,
      });
    }
  }
  return { rows, table: tableOf(rows, limit) };
}

/** Microseconds of processor time per message. */
interface Round {
  readonly before: number;
  readonly now: number;
}

async function playRound(cell: Cell, peers: readonly [Peer, Peer], seconds: number, newFirst: boolean): Promise<Round> {
  const servers = await startAll(peers, cell, seconds);
  try {
    const order = newFirst ? [1, 0, 0, 1] : [0, 1, 1, 0];
    const costs: [number[], number[]] = [[], []];
    for (const i of order) {
      const sample = await sampleUndisturbed(servers[i]!, cell, { seconds, retries: RETRIES });
      costs[i]!.push(cpuMicros(sample));
    }
    const [before, now] = costs.map((list) => list.reduce((sum, cost) => sum + cost, 0) / list.length);
    return { before: before!, now: now! };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

function tableOf(rows: readonly Comparison[], limit: number): string {
  const lines = rows.map(({ cell, peer, old, new: now, ratio, ratios, passed }) => {
    const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
    const figures = [old.toFixed(2), now.toFixed(2), ratio.median.toFixed(3)];
    const spans = [
      [ratio.low, ratio.high],
      [least, most],
    ].map(([a, b]) => `${a!.toFixed(3)}–${b!.toFixed(3)}`);
    return `| ${[cell, peer, ...figures, ...spans, passed ? "ok" : "FAILED"].join(" | ")} |`;
  });
  return [
    `Limit of a median: ${limit}. Processor time per message in µs; rounds: ${rows[0]?.ratios.length ?? 0}.`,
    "",
    "| cell | server | old | new | new over old | quartiles | all rounds | verdict |",
    "|---|---|--:|--:|--:|--:|--:|---|",
    ...lines,
  ].join("\n");
}
