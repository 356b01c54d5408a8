/** What the questions about TLS share: a certificate, servers that have it, clients that trust it, and what was negotiated. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Progress } from "./answer.ts";
import { type Cell, loop } from "./cells.ts";
import { floorAddon } from "./floor.ts";
import { serverNode } from "./node.ts";
import { findBun, noBun, output, type Peer } from "./peers.ts";
import { root } from "./root.ts";

/** The names of the peers to compare with: node:tls, and C++. */
export const NET = "net";
export const FLOOR = "floor";

/** What all of them are asked to use. */
const CIPHER = "TLS_AES_128_GCM_SHA256";
const GROUP = "X25519";

/** Files of PEM. */
export interface Certificates {
  readonly authority: string;
  readonly key: string;
  readonly certificate: string;
}

/** What a sample tells of its connections. */
export interface Negotiated {
  readonly group?: string;
  readonly cipher?: string;
  /** Share of 1. */
  readonly resumed?: number;
}

/** Certificates for as long as `use` takes. */
export async function withCertificates<T>(use: (certificates: Certificates) => Promise<T>): Promise<T> {
  const entry = pathToFileURL(join(root, "dist", "entries", "ssl.js")).href;
  const { KeyPair } = (await import(entry)) as typeof import("../../src/entries/ssl.ts");
  const authority = KeyPair.generate("ec").selfSignedCert({ commonName: "Bench authority" }, { isAuthority: true });
  const key = KeyPair.generate("ec");
  const certificate = authority.signRequestObject(key.requestObject({ commonName: "localhost" }), {
    subjectAltNames: ["localhost"],
    uses: ["server"],
  });
  const folder = mkdtempSync(join(tmpdir(), "skein-bench-"));
  try {
    const written = (name: string, content: string | Uint8Array) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    return await use({
      authority: written("ca.pem", authority.dumpPEM()),
      key: written("key.pem", key.dump("PEM")),
      certificate: written("cert.pem", certificate.dumpPEM()),
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The shapes of traffic; a handshake is a whole connection with a message of 64 bytes. */
export function tlsCells(authority: string): Cell[] {
  const full = { authority, resumes: false };
  const churn = { ...loop(20, 64, 1), churn: true };
  return [
    { ...loop(50, 64, 1), tls: full },
    { ...loop(50, 16384, 1), tls: full },
    { ...loop(50, 64, 1), name: "50x64x1-four-writes", writes: 4, tls: full },
    { ...churn, name: "full-handshake", tls: full },
    { ...churn, name: "resumed-handshake", tls: { authority, resumes: true } },
  ];
}

/** The floor first. */
export function tlsServers({ key, certificate }: Certificates, progress: Progress): Peer[] {
  const secured = ["--key", key, "--cert", certificate];
  const server = (name: string, title: string, program: string, file: string, ...more: string[]): Peer => ({
    name,
    title,
    onlyInPieces: false,
    command: (writes) => [
      ...[program, join(root, "bench", "peers", file), ...secured, ...more],
      ...(writes === 1 || name === FLOOR ? [] : ["--writes", String(writes)]),
    ],
  });
  const node = serverNode();
  const bun = findBun();
  if (bun === undefined) progress(noBun);
  return [
    server(FLOOR, "C++ epoll", node, "tls-floor.mjs", "--addon", floorAddon("tls_echo")),
    server("skein-borrowing", "Skein, borrowing", node, "tls-skein.mjs", "--mode", "borrowing"),
    server("skein-owning", "Skein, owning", node, "tls-skein.mjs"),
    ...(bun === undefined ? [] : [server("bun", "Bun.listen", bun, "tls-bun.mjs")]),
    server(NET, "node:tls", node, "tls-net.mjs"),
  ];
}

/** The command of a client, by its name; it still needs the options of bench/peers/tls-clients.mjs. */
export function tlsClients({ authority }: Certificates): ReadonlyMap<string, readonly string[]> {
  const client = (file: string, ...more: string[]) => [
    ...[serverNode(), join(root, "bench", "peers", file), "--authority", authority, ...more],
  ];
  return new Map([
    [FLOOR, client("tls-client-floor.mjs", "--addon", floorAddon("tls_client"))],
    ["skein-borrowing", client("tls-client-skein.mjs", "--mode", "borrowing")],
    ["skein-owning", client("tls-client-skein.mjs")],
    [NET, client("tls-client-net.mjs")],
  ]);
}

/** What figures were taken with. */
export function tlsNotes(peers: readonly Peer[]): string[] {
  const openssl = output(serverNode(), "-p", "process.versions.openssl");
  if (!openssl.startsWith("3.")) throw new Error(`The floor's addons are for OpenSSL 3, and Node has ${openssl}.`);
  const bun = peers.some(({ name }) => name === "bun")
    ? ` Bun ${output(findBun()!, "--version")} has its BoringSSL.`
    : "";
  return [
    `TLS 1.3, ${CIPHER}, ${GROUP} and a certificate with a key of P-256, unless a row says otherwise;`,
    `all but Bun use the OpenSSL ${openssl} of Node.${bun}`,
    "A handshake is a connection with a message of 64 bytes that is closed afterwards.",
  ];
}

/** What a row adds to its label: nothing when all connections had what the cell asks for. */
export function deviation(cell: Cell, samples: readonly Negotiated[]): string {
  const notes = new Set<string>();
  for (const { group, cipher } of samples) {
    if (cipher !== CIPHER || group?.toUpperCase() !== GROUP) notes.add(`${cipher}, ${group}`);
  }
  const shares = samples.map(({ resumed = 0 }) => resumed);
  const worst = cell.tls?.resumes ? Math.min(...shares) : Math.max(...shares);
  // Now and then one has no session to resume.
  if (cell.tls?.resumes ? worst < 0.95 : worst > 0) notes.add(`${(worst * 100).toFixed(0)} % resumed`);
  return notes.size === 0 ? "" : ` (${[...notes].join(", ")})`;
}
