/**
 * What does it cost to cut a stream into messages?
 *
 * Every server sends back each message that it received, of 64 bytes with what frames it. Beside a receiver of Skein
 * stand Skein without framing, which sends back the bytes as they come, and programs over Node's `net` that do the same
 * work. The load keeps 1, 4, 16 or 1024 messages under way on each connection, and writes as many at a time as came back,
 * so as many stand in a chunk. (Of 64 KiB, Skein reads half at a time.) What a chunk costs is the same with and without
 * framing: the fewer messages share it, the less the framing shows.
 */
import { join } from "node:path";
import type { Answer, Figure, Progress } from "./rig/answer.ts";
import { type Cell, loop } from "./rig/cells.ts";
import { serverNode } from "./rig/node.ts";
import type { Peer } from "./rig/peers.ts";
import { root } from "./rig/root.ts";
import { measureCell } from "./rig/rounds.ts";

export interface FramingOptions {
  /** Messages in a chunk. */
  readonly chunks?: readonly number[];
  readonly rounds?: number;
  /** A sample's length. */
  readonly seconds?: number;
}

type Framing = NonNullable<Cell["framing"]>;

const titles = { lines: "lines", int32: "Int32 strings" };

/** The receiver first. How often it does what another does is the other's cost divided by its own. */
const peersOf: Readonly<Record<Framing, readonly Peer[]>> = {
  lines: [
    peer("LineReceiver", "framing.mjs", "lines"),
    peer("raw echo", "framing.mjs", "raw"),
    peer("readline over net", "net-framing.mjs", "lines"),
    peer("readline over net, corked", "net-framing.mjs", "lines", "--cork"),
  ],
  int32: [
    peer("Int32StringReceiver", "framing.mjs", "int32"),
    peer("raw echo", "framing.mjs", "raw"),
    peer("a loop over net", "net-framing.mjs", "int32"),
    peer("a loop over net, corked", "net-framing.mjs", "int32", "--cork"),
  ],
};

export async function run(progress: Progress, options: FramingOptions = {}): Promise<Answer> {
  const { chunks = [1, 4, 16, 1024], rounds = 7, seconds = 0.5 } = options;
  const rows: Figure[] = [];
  const ratios: Figure[] = [];
  for (const framing of ["lines", "int32"] as const) {
    for (const messages of chunks) {
      const what = `${titles[framing]}, ${messages} a chunk:`;
      const cell: Cell = { ...loop(messages > 64 ? 8 : 50, 64, messages), framing };
      const { standings } = await measureCell(cell, peersOf[framing], { rounds, seconds, retries: 1, progress });
      for (const { peer, cpuMicrosPerMessage } of standings) {
        rows.push({ label: `${what} ${peer}`, value: 1 / cpuMicrosPerMessage });
      }
      const [receiver, ...others] = standings;
      for (const { peer, cpuOverFloor } of others) {
        ratios.push({ label: `${what} ${receiver!.peer} over ${peer}`, value: cpuOverFloor.median });
      }
    }
  }
  return { name: "framing", unit: "million messages per second of server CPU", rows, ratios };
}

function peer(name: string, file: string, protocol: string, ...more: string[]): Peer {
  const command = [serverNode(), join(root, "bench", "peers", file), "--protocol", protocol, ...more];
  return { name, title: name, onlyInPieces: false, command: () => command };
}
