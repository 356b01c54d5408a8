/** How long does a saturated reactor keep the timers and the file reads of its own process waiting? */

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, Figure, Progress } from "./rig/answer.ts";
import type { Cell } from "./rig/cells.ts";
import { runLoad, tolerableForeignShare } from "./rig/load.ts";
import { borrowing, net, owning, type Peer } from "./rig/peers.ts";
import { root } from "./rig/root.ts";
import { Server } from "./rig/server.ts";
import { median, quantile } from "./rig/statistics.ts";

export interface FairnessOptions {
  readonly peers?: readonly Peer[];
  /** Under load. */
  readonly seconds?: number;
}

/** More than any of the servers can answer on one core. */
const saturation: Cell = {
  name: "fairness",
  title: "saturated",
  connections: 500,
  bytes: 64,
  pipeline: 4,
  writes: 1,
  churn: false,
};

const beats = join(root, "bench", "peers", "beats.mjs");

export async function run(progress: Progress, options: FairnessOptions = {}): Promise<Answer> {
  const { peers = [borrowing, owning, net], seconds = 3 } = options;
  const rows: Figure[] = [];
  for (const peer of peers) {
    rows.push(...(await lateness(peer, seconds)));
    progress(`fairness ${peer.name}`);
  }
  return { name: "fairness", unit: "ms late", rows, ratios: [] };
}

async function lateness(peer: Peer, seconds: number): Promise<Figure[]> {
  const [node = "", ...script] = peer.command(1);
  const server = await Server.start(peer.name, [node, "--import", beats, ...script], true);
  try {
    await sleep(1000);
    // An idle machine's read; the quicker ones, in case it is not quite idle.
    const reading = quantile((await heard(server)).reads, 0.1);
    const loaded = await heardUnderLoad(server, seconds);
    const late = loaded.reads.map((duration) => duration - reading);
    return [
      { label: `${peer.name} setTimeout median`, value: median(loaded.timers) },
      { label: `${peer.name} setTimeout p99`, value: quantile(loaded.timers, 0.99) },
      { label: `${peer.name} readFile median`, value: median(late) },
      { label: `${peer.name} readFile p99`, value: quantile(late, 0.99) },
    ];
  } finally {
    await server.stop();
  }
}

/** A load that something else slows down saturates nothing: the least disturbed of a few attempts counts. */
async function heardUnderLoad(server: Server, seconds: number): Promise<Heard> {
  let best: Heard = { timers: [], reads: [] };
  let disturbance = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3 && disturbance > tolerableForeignShare; attempt++) {
    await heard(server);
    const { foreign_cpu } = await runLoad(server, saturation, seconds);
    const next = await heard(server);
    if (foreign_cpu >= disturbance) continue;
    disturbance = foreign_cpu;
    best = next;
  }
  return best;
}

interface Heard {
  readonly timers: readonly number[];
  readonly reads: readonly number[];
}

async function heard(server: Server): Promise<Heard> {
  return (await server.ask("beats")) as Heard;
}
