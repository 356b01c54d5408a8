/** How late is a 10 ms timer beside an async handler that awaits writes in a loop, to a peer that reads all of them? */

import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, Figure, Progress } from "./rig/answer.ts";
import { serverNode } from "./rig/node.ts";
import { root } from "./rig/root.ts";
import { Server } from "./rig/server.ts";
import { median, quantile } from "./rig/statistics.ts";

const peers = join(root, "bench", "peers");
const SIZES = [100, 65_536] as const;

export async function run(progress: Progress, { seconds = 2 }: { readonly seconds?: number } = {}): Promise<Answer> {
  const rows: Figure[] = [];
  for (const bytes of SIZES) {
    const late = await lateness(bytes, seconds);
    rows.push({ label: `writes of ${bytes} bytes: setTimeout median`, value: median(late) });
    rows.push({ label: `writes of ${bytes} bytes: setTimeout p99`, value: quantile(late, 0.99) });
    progress(`await-loop ${bytes}: ${median(late).toFixed(2)} ms`);
  }
  return { name: "await-loop", unit: "ms late", rows, ratios: [] };
}

async function lateness(bytes: number, seconds: number): Promise<readonly number[]> {
  const command = [serverNode(), "--import", join(peers, "beats.mjs"), join(peers, "awaiting.mjs"), String(bytes)];
  const server = await Server.start("await-loop", command, true);
  try {
    const reader = connect(server.port, "127.0.0.1").resume();
    reader.on("error", () => {});
    await sleep(500);
    await server.ask("beats");
    await sleep(seconds * 1000);
    const { timers } = (await server.ask("beats")) as { readonly timers: readonly number[] };
    reader.destroy();
    return timers;
  } finally {
    await server.stop();
  }
}
