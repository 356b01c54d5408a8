import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { Cell } from "./cells.ts";
import { floorProgram } from "./floor.ts";
import { pinned, pinning } from "./machine.ts";
import type { Server } from "./server.ts";

/** One visit of the load to a server. Latencies in microseconds, processor times in seconds. */
export interface Sample {
  /** Messages from the first connection to the last answer, and those of the measured time. */
  readonly total: number;
  readonly messages: number;
  readonly seconds: number;
  readonly msgs_per_second: number;
  readonly p50: number;
  readonly p99: number;
  readonly "p99.9": number;
  readonly server_cpu: number;
  readonly load_cpu: number;
  /** Share of one core that neither the server nor the load used. */
  readonly foreign_cpu: number;
  /** Of TLS: what was negotiated, and the share of connections that resumed a session. */
  readonly group?: string;
  readonly cipher?: string;
  readonly resumed?: number;
  /** Records of TLS that brought the answer to a message. */
  readonly records?: number;
}

/** Above it a sample says more about what else ran than about the server. */
export const tolerableForeignShare = 0.1;

/** @throws Error when the server answered wrongly or not at all */
export async function runLoad(server: Server, cell: Cell, seconds: number): Promise<Sample> {
  const shape = ["--connections", cell.connections, "--size", cell.bytes, "--pipeline", cell.pipeline];
  if (cell.churn) shape.push("--churn");
  if (cell.framing !== undefined) shape.push("--framing", cell.framing);
  const child = startLoad(server, [...shape, "--seconds", seconds], cell.tls);
  child.stdin.end();
  const [output, complaint, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  if (code !== 0) throw new Error(`${server.name} under ${cell.name}: ${complaint.trim()}`);
  return JSON.parse(output) as Sample;
}

/**
 * Open `connections` to the server, echo once on each, and leave them idle while `during` runs.
 * @throws Error when the server did not answer all of them
 */
export async function holdIdle(
  server: Server,
  connections: number,
  during: () => Promise<void>,
  tls?: Cell["tls"],
): Promise<void> {
  await hold(server, connections, startLoad(server, ["--idle", connections], tls), during);
}

/** The same with connections that have sent nothing, so it does not matter whether the server expects TLS. */
export async function holdSilent(server: Server, connections: number, during: () => Promise<void>): Promise<void> {
  await hold(server, connections, startLoad(server, ["--idle", connections, "--silent"], undefined), during);
}

async function hold(
  server: Server,
  connections: number,
  child: ReturnType<typeof startLoad>,
  during: () => Promise<void>,
): Promise<void> {
  const complaint = text(child.stderr);
  const closed = once(child, "close");
  const [line] = await Promise.race([once(createInterface({ input: child.stdout }), "line"), closed]);
  if (line !== "READY") throw new Error(`${server.name} with ${connections} connections: ${(await complaint).trim()}`);
  await during();
  child.stdin.end();
  await closed;
}

function startLoad(server: Server, options: readonly (string | number)[], tls: Cell["tls"]) {
  const cores = pinning === undefined ? [] : ["--cores", `${pinning.server},${pinning.load}`];
  const target = ["--port", server.port, "--server-pid", server.pid];
  const secured = tls === undefined ? [] : ["--authority", tls.authority, ...(tls.resumes ? ["--resume"] : [])];
  const [program = "", ...args] = pinned(pinning?.load, [
    floorProgram(tls === undefined ? "load" : "tls_load"),
    ...[...target, ...cores, ...options, ...secured].map(String),
  ]);
  return spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
}
