/**
 * Short connections: what would each way to use io_uring cost a server that is nothing but a C++ loop, beside the same
 * over epoll? It bounds what the io_uring reactor can gain on churn. See floor/uring.cc for the designs.
 */

import type { Answer, Progress } from "./rig/answer.ts";
import { cellNamed } from "./rig/cells.ts";
import { floorProgram } from "./rig/floor.ts";
import { floor, type Peer, reactorsHere } from "./rig/peers.ts";
import { measureCell } from "./rig/rounds.ts";

const designs = ["inline", "addresses", "requests", "direct", "poll"];

export async function run(progress: Progress): Promise<Answer> {
  const name = "uring-designs";
  const unit = "server CPU µs per connection";
  if (!reactorsHere().includes("io_uring")) {
    progress(`${name}: io_uring is not available here`);
    return { name, unit, rows: [], ratios: [] };
  }
  const peers = [floor, ...designs.flatMap((design) => [peer(design), peer(design, "--cooperative")])];
  const { standings } = await measureCell(cellNamed("churn"), peers, { rounds: 9, seconds: 1, retries: 3, progress });
  return {
    name,
    unit,
    rows: standings.map((s) => ({ label: s.title, value: s.cpuMicrosPerMessage })),
    ratios: standings.slice(1).map((s) => ({ label: `${s.title} over epoll`, value: s.cpuOverFloor.median })),
  };
}

function peer(...args: string[]): Peer {
  const name = args.join(" ").replace("--", "");
  return {
    name,
    title: `io_uring ${name}`,
    onlyInPieces: false,
    command: () => [floorProgram("uring"), ...args],
  };
}
