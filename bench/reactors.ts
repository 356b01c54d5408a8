/**
 * What does a message cost on each reactor of this machine, and do silent connections make it dearer? The same protocol,
 * the same load, in one run.
 */

import type { Answer, Progress } from "./rig/answer.ts";
import { cells as allCells, type Cell, loop } from "./rig/cells.ts";
import { holdIdle } from "./rig/load.ts";
import { reactorPeer, reactorsHere } from "./rig/peers.ts";
import { type CellResult, cpuMicros, measureCell, sampleUndisturbed, startAll } from "./rig/rounds.ts";
import { type Spread, spread } from "./rig/statistics.ts";

export interface ReactorsOptions {
  /** Names, or "all". */
  readonly names?: readonly string[];
  readonly cells?: readonly Cell[];
  readonly rounds?: number;
  /** A sample's length. */
  readonly seconds?: number;
  /** Silent connections in the second part; 0 leaves it out. */
  readonly idle?: number;
}

export interface Growth {
  readonly peer: string;
  readonly title: string;
  /** CPU per message beside the silent connections over the same without them. */
  readonly ratio: Spread;
}

export interface ReactorsAnswer extends Answer {
  /** What the others are divided by. */
  readonly base: string;
  readonly cells: readonly CellResult[];
  readonly idle: number;
  readonly growth: readonly Growth[];
}

const active = loop(100, 64, 1);

/** @throws Error naming the reactors there are */
export async function run(progress: Progress, options: ReactorsOptions = {}): Promise<ReactorsAnswer> {
  const { names = ["all"], cells = allCells, rounds = 7, seconds = 1, idle = 10_000 } = options;
  const here = reactorsHere();
  const unknown = names.find((name) => name !== "all" && !here.includes(name));
  if (unknown !== undefined) throw new Error(`There is no reactor ${unknown} here; there are ${here.join(", ")}.`);
  const base = here[0]!;
  const chosen = names.includes("all") ? here : here.filter((name) => name === base || names.includes(name));
  const peers = chosen.map(reactorPeer);
  const results: CellResult[] = [];
  for (const cell of cells) results.push(await measureCell(cell, peers, { rounds, seconds, retries: 3, progress }));
  const growth: Growth[] = [];
  if (idle > 0) for (const name of chosen) growth.push(await growthOf(name, idle, { rounds, seconds, progress }));
  return { ...summary(base, results, growth), base, cells: results, idle, growth };
}

/** Two servers of the reactor take turns: one of them holds the silent connections. */
async function growthOf(
  name: string,
  idle: number,
  { rounds, seconds, progress }: { rounds: number; seconds: number; progress: Progress },
): Promise<Growth> {
  const peer = reactorPeer(name);
  const servers = await startAll([peer, peer], active, seconds);
  const [alone, crowded] = servers;
  const ratios: number[] = [];
  try {
    await holdIdle(crowded!, idle, async () => {
      for (let round = 0; round < rounds; round++) {
        const order = round % 2 === 0 ? [alone!, crowded!] : [crowded!, alone!];
        const cost = new Map<unknown, number>();
        for (const server of order) {
          cost.set(server, cpuMicros(await sampleUndisturbed(server, active, { seconds, retries: 3 })));
        }
        ratios.push(cost.get(crowded)! / cost.get(alone)!);
        progress(`${idle} idle, ${name} round ${round + 1}/${rounds}`);
      }
    });
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
  return { peer: peer.name, title: peer.title, ratio: spread(ratios) };
}

function summary(base: string, results: readonly CellResult[], growth: readonly Growth[]): Answer {
  const standings = results.flatMap(({ cell, standings }) =>
    standings.map((s) => ({ label: `${cell.name} ${s.peer}`, s })),
  );
  return {
    name: "reactors",
    unit: "server CPU µs per message",
    rows: standings.map(({ label, s }) => ({ label, value: s.cpuMicrosPerMessage })),
    ratios: [
      ...standings.map(({ label, s }) => ({ label: `${label} over ${base}`, value: s.cpuOverFloor.median })),
      ...growth.map(({ peer, ratio }) => ({ label: `idle ${peer}`, value: ratio.median })),
    ],
  };
}
