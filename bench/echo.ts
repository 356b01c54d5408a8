/** What does a message cost the server's processor, under each shape of traffic, beside a plain C++ server and peers? */

import type { Answer, Progress } from "./rig/answer.ts";
import { cells as allCells, type Cell } from "./rig/cells.ts";
import { findPeers } from "./rig/peers.ts";
import { type CellResult, measureCell } from "./rig/rounds.ts";

export interface EchoOptions {
  readonly cells?: readonly Cell[];
  readonly rounds?: number;
  /** A sample's length. */
  readonly seconds?: number;
}

export interface EchoAnswer extends Answer {
  readonly cells: readonly CellResult[];
  /** Of the peers that do not come with Node. */
  readonly versions: readonly string[];
}

export async function run(progress: Progress, options: EchoOptions = {}): Promise<EchoAnswer> {
  const { cells = allCells, rounds = 9, seconds = 1 } = options;
  const { peers, versions, missing } = findPeers();
  for (const line of missing) progress(line);
  const plan = cells.map((cell) => ({ cell, peers: peers.filter((peer) => cell.writes > 1 || !peer.onlyInPieces) }));
  const total = plan.reduce((sum, part) => sum + part.peers.length * rounds, 0);
  let done = 0;
  const counted = (line: string) => progress(`[${++done}/${total}] ${line}`);
  const results: CellResult[] = [];
  for (const part of plan)
    results.push(await measureCell(part.cell, part.peers, { rounds, seconds, retries: 3, progress: counted }));
  return { ...summary(results), cells: results, versions };
}

function summary(results: readonly CellResult[]): Answer {
  const standings = results.flatMap(({ cell, standings }) =>
    standings.map((s) => ({ label: `${cell.name} ${s.peer}`, s })),
  );
  return {
    name: "echo",
    unit: "server CPU µs per message",
    rows: standings.map(({ label, s }) => ({ label, value: s.cpuMicrosPerMessage })),
    ratios: standings.map(({ label, s }) => ({ label: `${label} over the floor`, value: s.cpuOverFloor.median })),
  };
}
