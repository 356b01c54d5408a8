/**
 * Servers compared in pairs. All servers of a cell live at the same time, and the load visits them in an order that
 * rotates from round to round, so whatever else the machine does falls on all of them. A ratio is the median of the
 * ratios within a round: rates of two runs cannot be compared on a shared host, ratios within a round can.
 */

import type { Progress } from "./answer.ts";
import type { Cell } from "./cells.ts";
import { runLoad, type Sample, tolerableForeignShare } from "./load.ts";
import type { Peer } from "./peers.ts";
import { Server } from "./server.ts";
import { median, type Spread, spread } from "./statistics.ts";

export interface Standing {
  readonly peer: string;
  readonly title: string;
  readonly msgsPerSecond: number;
  /** Server processor time, all threads, user and system. */
  readonly cpuMicrosPerMessage: number;
  /** That time over the floor's: the figure to compare. */
  readonly cpuOverFloor: Spread;
  readonly rateOverFloor: Spread;
  readonly p50Micros: number;
  readonly p99Micros: number;
  readonly p999Micros: number;
  /** Samples during which something else used the processor and that stayed so when taken again. */
  readonly disturbed: number;
}

export interface CellResult {
  readonly cell: Cell;
  readonly rounds: number;
  readonly standings: readonly Standing[];
}

export interface RoundsOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** How often a sample is taken again while something else uses the processor; the least disturbed one counts. */
  readonly retries: number;
  readonly progress: Progress;
}

/** `peers[0]` is the floor the others are divided by. */
export async function measureCell(cell: Cell, peers: readonly Peer[], options: RoundsOptions): Promise<CellResult> {
  const servers = await startAll(peers, cell, options.seconds);
  try {
    const samples: Sample[][] = peers.map(() => []);
    for (let round = 0; round < options.rounds; round++) {
      for (let turn = 0; turn < servers.length; turn++) {
        const i = (round + turn) % servers.length;
        samples[i]!.push(await sampleUndisturbed(servers[i]!, cell, options));
        options.progress(`${cell.name} ${peers[i]!.name} round ${round + 1}/${options.rounds}`);
      }
    }
    return {
      cell,
      rounds: options.rounds,
      standings: peers.map((peer, i) => standing(peer, samples[i]!, samples[0]!)),
    };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** Servers that have been warmed up: what a compiler does to a hot function belongs to no round. */
export async function startAll(peers: readonly Peer[], cell: Cell, seconds: number): Promise<Server[]> {
  const servers: Server[] = [];
  try {
    for (const peer of peers) servers.push(await Server.start(peer.name, peer.command(cell.writes)));
    for (const server of servers) await runLoad(server, cell, Math.min(0.5, seconds));
    return servers;
  } catch (error) {
    await Promise.all(servers.map((server) => server.stop()));
    throw error;
  }
}

/** A sample; taken again while something else used the processor. The least disturbed one counts. */
export async function sampleUndisturbed(
  server: Server,
  cell: Cell,
  { seconds, retries }: Pick<RoundsOptions, "seconds" | "retries">,
): Promise<Sample> {
  let best = await runLoad(server, cell, seconds);
  for (let i = 0; i < retries && best.foreign_cpu > tolerableForeignShare; i++) {
    const next = await runLoad(server, cell, seconds);
    if (next.foreign_cpu < best.foreign_cpu) best = next;
  }
  return best;
}

/** Server CPU per message. */
export function cpuMicros(sample: Sample): number {
  return (sample.server_cpu / sample.messages) * 1e6;
}

function standing(peer: Peer, samples: readonly Sample[], floor: readonly Sample[]): Standing {
  const over = (figure: (sample: Sample) => number) =>
    spread(samples.map((sample, round) => figure(sample) / figure(floor[round]!)));
  const rate = (sample: Sample) => sample.msgs_per_second;
  return {
    peer: peer.name,
    title: peer.title,
    msgsPerSecond: median(samples.map(rate)),
    cpuMicrosPerMessage: median(samples.map(cpuMicros)),
    cpuOverFloor: over(cpuMicros),
    rateOverFloor: over(rate),
    p50Micros: median(samples.map((sample) => sample.p50)),
    p99Micros: median(samples.map((sample) => sample.p99)),
    p999Micros: median(samples.map((sample) => sample["p99.9"])),
    disturbed: samples.filter((sample) => sample.foreign_cpu > tolerableForeignShare).length,
  };
}
