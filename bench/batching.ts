/** How many messages share one call from the engine into JavaScript? As many as arrive in a turn, or batching is broken. */

import type { Answer, Figure, Progress } from "./rig/answer.ts";
import { type Cell, cellNamed } from "./rig/cells.ts";
import { runLoad } from "./rig/load.ts";
import { borrowing, owning, type Peer } from "./rig/peers.ts";
import { Server } from "./rig/server.ts";

export interface BatchingOptions {
  readonly peers?: readonly Peer[];
  readonly cells?: readonly Cell[];
  readonly seconds?: number;
}

const everyCell = ["1x64x1", "50x64x1", "500x64x1"].map(cellNamed);

export async function run(progress: Progress, options: BatchingOptions = {}): Promise<Answer> {
  const { peers = [borrowing, owning], cells = everyCell, seconds = 1 } = options;
  const rows: Figure[] = [];
  for (const peer of peers) {
    for (const cell of cells) {
      rows.push({ label: `${peer.name} ${cell.name}`, value: await messagesPerCall(peer, cell, seconds) });
      progress(`batching ${peer.name} ${cell.name}`);
    }
  }
  return { name: "batching", unit: "messages per call into JavaScript", rows, ratios: [] };
}

async function messagesPerCall(peer: Peer, cell: Cell, seconds: number): Promise<number> {
  const server = await Server.start(peer.name, peer.command(1), true);
  try {
    const before = await crossings(server);
    const { total } = await runLoad(server, cell, seconds);
    return total / ((await crossings(server)) - before);
  } finally {
    await server.stop();
  }
}

async function crossings(server: Server): Promise<number> {
  const stats = (await server.ask("stats")) as { readonly crossings: number };
  return stats.crossings;
}
