/**
 * What does TLS cost the server's processor and memory, beside node:tls and a plain C++ server? All servers of one run have
 * the same OpenSSL (that of their Node), certificate (ECDSA, P-256), cipher and group; the load tells what was negotiated.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Answer, Figure, Progress } from "./rig/answer.ts";
import { type Cell, loop } from "./rig/cells.ts";
import { floorAddon } from "./rig/floor.ts";
import { holdIdle, runLoad } from "./rig/load.ts";
import { statusField } from "./rig/machine.ts";
import { serverNode } from "./rig/node.ts";
import type { Peer } from "./rig/peers.ts";
import { root } from "./rig/root.ts";
import { cpuMicros, sampleUndisturbed, startAll } from "./rig/rounds.ts";
import { Server } from "./rig/server.ts";
import { median } from "./rig/statistics.ts";

export interface TlsOptions {
  readonly rounds?: number;
  readonly seconds?: number;
}

/** The figures to compare with: node:tls. */
const NET = "net";
const FLOOR = "floor";
const IDLE = 2000;

interface Certificates {
  readonly folder: string;
  readonly arguments: readonly string[];
  readonly authority: string;
}

export async function run(progress: Progress, { rounds = 7, seconds = 1 }: TlsOptions = {}): Promise<Answer> {
  const certificates = await makeCertificates();
  try {
    const peers = peersWith(certificates);
    const rows: Figure[] = [];
    const ratios: Figure[] = [];
    for (const cell of cellsWith(certificates.authority)) {
      const figures = await costs(cell, peers, { rounds, seconds, progress });
      for (const { name } of peers) {
        const own = figures.get(name)!;
        rows.push({ label: `${cell.name} ${name}`, value: median(own) });
        for (const other of [NET, FLOOR]) {
          if (name === other || name === FLOOR) continue;
          const value = median(own.map((cost, round) => cost / figures.get(other)![round]!));
          ratios.push({ label: `${cell.name} ${name} over ${other}`, value });
        }
      }
    }
    for (const peer of peers) rows.push(await idle(peer, certificates, progress));
    return { name: "tls", unit: "server CPU \u00b5s per message, or bytes per idle connection", rows, ratios };
  } finally {
    rmSync(certificates.folder, { recursive: true });
  }
}

function cellsWith(authority: string): Cell[] {
  const [full, resumed] = [
    { authority, resumes: false },
    { authority, resumes: true },
  ];
  const churn = { ...loop(20, 64, 1), churn: true };
  return [
    { ...loop(50, 64, 1), tls: full },
    { ...loop(50, 16384, 1), tls: full },
    { ...loop(50, 64, 1), name: "50x64x1-four-writes", writes: 4, tls: full },
    { ...churn, name: "full-handshake", tls: full },
    { ...churn, name: "resumed-handshake", tls: resumed },
  ];
}

function peersWith(certificates: Certificates): Peer[] {
  const script = (file: string) => [serverNode(), join(root, "bench", "peers", file), ...certificates.arguments];
  const pieces = (writes: number) => (writes === 1 ? [] : ["--writes", String(writes)]);
  const peer = (name: string, title: string, command: Peer["command"]): Peer => ({
    name,
    title,
    onlyInPieces: false,
    command,
  });
  const addon = floorAddon("tls_echo", join(dirname(dirname(process.execPath)), "include", "node"));
  return [
    peer(FLOOR, "C++ epoll", () => [...script("tls-floor.mjs"), "--addon", addon]),
    peer("skein-borrowing", "Skein, borrowing", (writes) => [
      ...script("tls-skein.mjs"),
      "--mode",
      "borrowing",
      ...pieces(writes),
    ]),
    peer("skein-owning", "Skein, owning", (writes) => [...script("tls-skein.mjs"), ...pieces(writes)]),
    peer(NET, "node:tls", (writes) => [...script("tls-net.mjs"), ...pieces(writes)]),
  ];
}

/** Microseconds of each server's processor a message, by round. */
async function costs(
  cell: Cell,
  peers: readonly Peer[],
  { rounds, seconds, progress }: Required<TlsOptions> & { progress: Progress },
): Promise<Map<string, number[]>> {
  const servers = await startAll(peers, cell, seconds);
  const figures = new Map(peers.map(({ name }) => [name, [] as number[]]));
  try {
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < servers.length; turn++) {
        const server = servers[(round + turn) % servers.length]!;
        const sample = await sampleUndisturbed(server, cell, { seconds, retries: 3 });
        figures.get(server.name)!.push(cpuMicros(sample));
        const negotiated = `${sample.cipher}, ${sample.group}, ${((sample.resumed ?? 0) * 100).toFixed(0)} % resumed`;
        progress(`tls ${cell.name} ${server.name} round ${round + 1}/${rounds}: ${negotiated}`);
      }
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
  return figures;
}

async function idle(peer: Peer, { authority }: Certificates, progress: Progress): Promise<Figure> {
  const server = await Server.start(peer.name, peer.command(1));
  const tls = { authority, resumes: false };
  try {
    await runLoad(server, { ...loop(50, 64, 1), tls }, 0.3);
    const before = resident(server);
    let after = before;
    await holdIdle(
      server,
      IDLE,
      async () => {
        await sleep(500);
        after = resident(server);
      },
      tls,
    );
    progress(`tls idle ${peer.name}, ${IDLE} connections`);
    return { label: `idle ${peer.name}, bytes`, value: (after - before) / IDLE };
  } finally {
    await server.stop();
  }
}

function resident(server: Server): number {
  return Number.parseInt(statusField(server.pid, "VmRSS"), 10) * 1024;
}

async function makeCertificates(): Promise<Certificates> {
  const entry = pathToFileURL(join(root, "dist", "entries", "ssl.js")).href;
  const { KeyPair } = (await import(entry)) as typeof import("../src/entries/ssl.ts");
  const folder = mkdtempSync(join(tmpdir(), "skein-bench-"));
  const file = (name: string) => join(folder, name);
  const authority = KeyPair.generate("ec").selfSignedCert({ commonName: "Bench authority" }, { isAuthority: true });
  const key = KeyPair.generate("ec");
  const certificate = authority.signRequestObject(key.requestObject({ commonName: "localhost" }), {
    subjectAltNames: ["localhost"],
    uses: ["server"],
  });
  writeFileSync(file("ca.pem"), authority.dumpPEM());
  writeFileSync(file("key.pem"), key.dump("PEM"));
  writeFileSync(file("cert.pem"), certificate.dumpPEM());
  return { folder, arguments: ["--key", file("key.pem"), "--cert", file("cert.pem")], authority: file("ca.pem") };
}
