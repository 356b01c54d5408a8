/**
 * What does TLS cost the server's processor and memory, beside node:tls and a plain C++ server? All servers of one run have
 * the same OpenSSL (that of their Node), certificate (ECDSA, P-256), cipher and group; the load tells what was negotiated.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, Figure, Progress } from "./rig/answer.ts";
import { type Cell, loop } from "./rig/cells.ts";
import { holdIdle, holdSilent, runLoad, type Sample } from "./rig/load.ts";
import { borrowing, net, owning, type Peer } from "./rig/peers.ts";
import { openFiles, openFilesLimit, resident, until } from "./rig/resident.ts";
import { cpuMicros, type RoundsOptions, sampleUndisturbed, startAll } from "./rig/rounds.ts";
import { Server } from "./rig/server.ts";
import { median } from "./rig/statistics.ts";
import { deviation, FLOOR, NET, tlsCells, tlsNotes, tlsServers, withCertificates } from "./rig/tls.ts";

export interface TlsOptions {
  readonly rounds?: number;
  readonly seconds?: number;
  /** See RoundsOptions. Default 3. */
  readonly retries?: number;
  /** All, unless it names some. */
  readonly cells?: readonly string[];
  readonly peers?: readonly string[];
  /** What connections cost that are open and do nothing. Default true. */
  readonly idle?: boolean;
}

const IDLE = 2000;
const SILENT = Math.min(9000, openFilesLimit() - 200);
/** Enough for what a runtime allocates once, at its first connections. */
const WARMUP = 50;

export async function run(progress: Progress, options: TlsOptions = {}): Promise<Answer> {
  const { rounds = 7, seconds = 1, retries = 3, idle: withIdle = true } = options;
  return await withCertificates(async (certificates) => {
    const asked = ({ name }: { name: string }, names: readonly string[] | undefined) => names?.includes(name) ?? true;
    const peers = tlsServers(certificates, progress).filter((peer) => asked(peer, options.peers));
    const rows: Figure[] = [];
    const ratios: Figure[] = [];
    for (const cell of tlsCells(certificates.authority).filter((cell) => asked(cell, options.cells))) {
      const samples = await measure(cell, peers, { rounds, seconds, retries, progress });
      const figures = new Map([...samples].map(([name, taken]) => [name, taken.map(cpuMicros)]));
      for (const [name, own] of figures) {
        rows.push({ label: `${cell.name} ${name}${deviation(cell, samples.get(name)!)}`, value: median(own) });
        ratios.push(...over(cell.name, name, figures));
      }
      if (cell.writes > 1) rows.push(...recordRows(cell, samples));
    }
    if (withIdle) {
      const idles = new Map<string, number[]>();
      for (const peer of peers) idles.set(peer.name, [await idle(peer, certificates.authority, progress)]);
      for (const [name, [value]] of idles) {
        rows.push({ label: `idle ${name}, bytes`, value: value! });
        ratios.push(...over("idle", name, idles));
      }
      await compareSilent(peers, { rows, ratios, progress });
    }
    const unit = "server CPU µs per message, or bytes per idle connection";
    return { name: "tls", unit, notes: tlsNotes(peers), rows, ratios };
  });
}

/** Ratios of `name` to those that others are compared with: the median of those within a round. */
export function over(
  subject: string,
  name: string,
  figures: ReadonlyMap<string, readonly number[]>,
): readonly Figure[] {
  const own = figures.get(name)!;
  return [NET, FLOOR].flatMap((other) => {
    const others = figures.get(other);
    if (others === undefined || name === other || name === FLOOR) return [];
    return [{ label: `${subject} ${name} over ${other}`, value: median(own.map((cost, i) => cost / others[i]!)) }];
  });
}

/** What was written in pieces between two flushes is one record. */
function recordRows(cell: Cell, samples: ReadonlyMap<string, readonly Sample[]>): Figure[] {
  return [...samples].map(([name, taken]) => ({
    label: `${cell.name} ${name}, records per message`,
    value: median(taken.map(({ records = Number.NaN }) => records)),
  }));
}

/** By server, a sample of each round. */
async function measure(
  cell: Cell,
  peers: readonly Peer[],
  { rounds, seconds, retries, progress }: RoundsOptions,
): Promise<Map<string, Sample[]>> {
  const servers = await startAll(peers, cell, seconds);
  const samples = new Map(peers.map(({ name }) => [name, [] as Sample[]]));
  try {
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < servers.length; turn++) {
        const server = servers[(round + turn) % servers.length]!;
        const sample = await sampleUndisturbed(server, cell, { seconds, retries });
        samples.get(server.name)!.push(sample);
        const negotiated = `${sample.cipher}, ${sample.group}, ${((sample.resumed ?? 0) * 100).toFixed(0)} % resumed`;
        progress(`tls ${cell.name} ${server.name} round ${round + 1}/${rounds}: ${negotiated}`);
      }
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
  return samples;
}

/** Bytes by which a connection that has echoed once makes the server grow. */
async function idle(peer: Peer, authority: string, progress: Progress): Promise<number> {
  const server = await Server.start(peer.name, peer.command(1));
  const tls = { authority, resumes: false };
  try {
    await runLoad(server, { ...loop(50, 64, 1), tls }, 0.3);
    const before = resident(server);
    let after = before;
    const settled = async () => {
      await sleep(500);
      after = resident(server);
    };
    await holdIdle(server, IDLE, settled, tls);
    progress(`tls idle ${peer.name}, ${IDLE} connections`);
    return (after - before) / IDLE;
  } finally {
    await server.stop();
  }
}

/** Connections whose clients have not said a byte yet: on a port of TLS and on a plain one. */
async function compareSilent(
  peers: readonly Peer[],
  { rows, ratios, progress }: { rows: Figure[]; ratios: Figure[]; progress: Progress },
): Promise<void> {
  const plain = new Map([borrowing, owning, net].map((peer) => [peer.name, peer]));
  for (const peer of peers) {
    const plainly = plain.get(peer.name);
    if (plainly === undefined) continue;
    const [secured, unsecured] = [await silent(peer), await silent(plainly)];
    rows.push({ label: `silent ${peer.name}, bytes`, value: secured });
    rows.push({ label: `silent ${peer.name} without TLS, bytes`, value: unsecured });
    ratios.push({ label: `silent ${peer.name} over one without TLS`, value: secured / unsecured });
    progress(`tls silent ${peer.name}, ${SILENT} connections`);
  }
}

async function silent(peer: Peer): Promise<number> {
  const server = await Server.start(peer.name, peer.command(1));
  const files = openFiles(server);
  const grow = async (count: number): Promise<number> => {
    const before = resident(server);
    let after = before;
    await holdSilent(server, count, async () => {
      await until(() => openFiles(server) >= files + count, `${server.name} has not accepted ${count} connections.`);
      await sleep(300);
      after = resident(server);
    });
    await until(() => openFiles(server) <= files + WARMUP, `${server.name} has not closed its connections.`);
    return (after - before) / count;
  };
  try {
    await grow(WARMUP);
    return await grow(SILENT);
  } finally {
    await server.stop();
  }
}
