/**
 * What does TLS cost a client's processor and memory, beside node:tls and a plain C++ client? All clients talk to the same
 * C++ server, one after another in each round, verify its certificate, and tell what they negotiated.
 */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Answer, Figure, Progress } from "./rig/answer.ts";
import type { Cell } from "./rig/cells.ts";
import { pinned, pinning } from "./rig/machine.ts";
import { Server } from "./rig/server.ts";
import { median } from "./rig/statistics.ts";
import { deviation, type Negotiated, tlsCells, tlsClients, tlsNotes, tlsServers, withCertificates } from "./rig/tls.ts";
import { over } from "./tls.ts";

export interface TlsClientOptions {
  readonly rounds?: number;
  readonly seconds?: number;
}

/** What a client prints, see bench/peers/tls-clients.mjs. */
interface ClientSample extends Negotiated {
  readonly messages: number;
  readonly seconds: number;
  readonly cpu: number;
}

type Clients = ReadonlyMap<string, readonly string[]>;

const IDLE = 2000;
/** Seconds: what a compiler does to a hot function belongs to no sample, and each sample is a process of its own. */
const WARMUP = 0.8;

const execute = promisify(execFile);

export async function run(progress: Progress, { rounds = 7, seconds = 1 }: TlsClientOptions = {}): Promise<Answer> {
  return await withCertificates(async (certificates) => {
    const floor = tlsServers(certificates, () => {})[0]!;
    const clients = tlsClients(certificates);
    const rows: Figure[] = [];
    const ratios: Figure[] = [];
    for (const cell of tlsCells(certificates.authority)) {
      const server = await Server.start(floor.name, floor.command(1));
      try {
        const samples = await measure(cell, clients, server, { rounds, seconds, progress });
        const figures = new Map([...samples].map(([name, taken]) => [name, taken.map(cpuMicros)]));
        for (const [name, own] of figures) {
          rows.push({ label: `${cell.name} ${name}${deviation(cell, samples.get(name)!)}`, value: median(own) });
          ratios.push(...over(cell.name, name, figures));
        }
      } finally {
        await server.stop();
      }
    }
    await idle(clients, floor.command(1), { rows, ratios, progress });
    const unit = "client CPU µs per message, or bytes per idle connection";
    return { name: "tls-client", unit, notes: tlsNotes([]), rows, ratios };
  });
}

/** By client, a sample of each round. */
async function measure(
  cell: Cell,
  clients: Clients,
  server: Server,
  { rounds, seconds, progress }: { rounds: number; seconds: number; progress: Progress },
): Promise<Map<string, ClientSample[]>> {
  const shape = ["--connections", cell.connections, "--size", cell.bytes, "--writes", cell.writes];
  if (cell.churn) shape.push("--churn");
  if (cell.tls?.resumes) shape.push("--resume");
  const commands = [...clients];
  const samples = new Map(commands.map(([name]) => [name, [] as ClientSample[]]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < commands.length; turn++) {
      const [name, command] = commands[(round + turn) % commands.length]!;
      const timed = [...shape, "--warmup", WARMUP, "--seconds", seconds];
      const sample = await ask<ClientSample>(command, server, timed);
      samples.get(name)!.push(sample);
      const { cipher, group, resumed = 0 } = sample;
      const negotiated = `${cipher}, ${group}, ${(resumed * 100).toFixed(0)} % resumed`;
      progress(`tls-client ${cell.name} ${name} round ${round + 1}/${rounds}: ${negotiated}`);
    }
  }
  return samples;
}

/** Bytes by which a connection that has had one answer makes its client grow. */
async function idle(
  clients: Clients,
  floor: readonly string[],
  { rows, ratios, progress }: { rows: Figure[]; ratios: Figure[]; progress: Progress },
): Promise<void> {
  const server = await Server.start("floor", floor);
  try {
    const figures = new Map<string, number[]>();
    for (const [name, command] of clients) {
      const { bytes } = await ask<{ bytes: number }>(command, server, ["--idle", "--connections", IDLE]);
      figures.set(name, [bytes]);
      progress(`tls-client idle ${name}, ${IDLE} connections`);
    }
    for (const [name, [value]] of figures) {
      rows.push({ label: `idle ${name}, bytes`, value: value! });
      ratios.push(...over("idle", name, figures));
    }
  } finally {
    await server.stop();
  }
}

/** @throws Error with what the client complains about */
async function ask<Said>(
  command: readonly string[],
  server: Server,
  options: readonly (string | number)[],
): Promise<Said> {
  const [program = "", ...args] = pinned(pinning?.load, [...command, "--port", server.port, ...options].map(String));
  const { stdout } = await execute(program, args);
  return JSON.parse(stdout) as Said;
}

function cpuMicros({ cpu, messages }: ClientSample): number {
  return (cpu / messages) * 1e6;
}
