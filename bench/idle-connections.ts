/**
 * What does a connection that is open and silent cost in memory? The growth of the server's resident set over 9,000
 * connections that echoed 64 bytes each; and the growth over as many again after all of those were closed, which shows
 * what is reused. Garbage that is not collected yet counts; what the kernel keeps for a socket does not.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, Figure, Progress } from "./rig/answer.ts";
import { holdIdle } from "./rig/load.ts";
import { findPeers, type Peer } from "./rig/peers.ts";
import { openFiles, openFilesLimit, resident, until } from "./rig/resident.ts";
import { Server } from "./rig/server.ts";

/** Fewer where the limit of open files is lower. */
const wanted = 9000;
/** Enough for what a runtime allocates once, at its first connections. */
const warmup = 50;

export async function run(progress: Progress): Promise<Answer> {
  const connections = Math.min(wanted, openFilesLimit() - 200);
  const peers = findPeers().peers.filter((peer) => !peer.onlyInPieces);
  const rows: Figure[] = [];
  for (const peer of peers) {
    rows.push(...(await growth(peer, connections)));
    progress(`idle-connections ${peer.name}, ${connections} connections`);
  }
  return { name: "idle-connections", unit: "resident bytes per connection", rows, ratios: [] };
}

async function growth(peer: Peer, connections: number): Promise<Figure[]> {
  const server = await Server.start(peer.name, peer.command(1));
  try {
    const files = openFiles(server);
    const grow = async (count: number): Promise<number> => {
      const before = resident(server);
      let after = before;
      await holdIdle(server, count, async () => {
        await sleep(300);
        after = resident(server);
      });
      const closed = () => openFiles(server) <= files + warmup;
      await until(closed, `${server.name} has not closed its connections 10 s after its peers did.`);
      return (after - before) / count;
    };
    await grow(warmup);
    const first = await grow(connections);
    const again = await grow(connections);
    return [
      { label: `${peer.name} first`, value: first },
      { label: `${peer.name} again`, value: again },
    ];
  } finally {
    await server.stop();
  }
}
