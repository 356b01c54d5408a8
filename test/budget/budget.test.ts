/** What a message, an import and the addon may cost. */

import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { addonFile } from "../../src/addonfile.ts";
import { nextMessage, runNode, startNode } from "../process/child.ts";
import { buildFaults, preloaded } from "../torture/faults.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const dist = process.env.SKEIN_DIST ?? join(root, "dist");
const scratch = join(root, "build/test");

type Counts = Readonly<Record<string, number>>;

/** What server.mjs answers to "mark". */
interface Mark {
  readonly turns: number;
  readonly crossings: number;
  readonly blocksAllocated: number;
  readonly heapUsed: number;
  readonly engine: Counts;
  readonly other: Counts;
}

const CONNECTIONS = 50;
const ROUNDS = 2000;
const MESSAGES = CONNECTIONS * ROUNDS;

function start(script: string, args: readonly unknown[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return startNode(import.meta.url, script, args.map(String), {
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
}

/** The server's counters over ROUNDS rounds of 64 bytes on each connection, after a warm-up. */
async function measureEcho(): Promise<{ before: Mark; after: Mark }> {
  const faults = buildFaults();
  const server = start("server.mjs", [faults], { LD_PRELOAD: preloaded(faults) });
  const { port } = await nextMessage<{ port: number }>(server);
  const client = start("client.mjs", [server.pid, port, CONNECTIONS, 64]);
  await nextMessage(client);
  const work = async (rounds: number): Promise<Mark> => {
    client.send({ rounds });
    await nextMessage(client);
    server.send("mark");
    return nextMessage<Mark>(server);
  };
  await work(ROUNDS / 2);
  const before = await work(ROUNDS / 2);
  const after = await work(ROUNDS);
  const gone = Promise.all([once(server, "exit"), once(client, "exit")]);
  client.disconnect();
  server.disconnect();
  await gone;
  return { before, after };
}

const sum = (counts: Counts) => Object.values(counts).reduce((total, count) => total + count, 0);

describe.runIf(process.platform === "linux")("a 64-byte echo on each of 50 connections, borrowing, on epoll", () => {
  test("costs 2.2 system calls, libuv's included, one crossing per tick, no block, and no retained memory", async () => {
    const { before, after } = await measureEcho();
    const turns = after.turns - before.turns;
    expect(turns).toBeGreaterThan(0);
    // The counters begin anew at each mark.
    expect(after.engine.recv).toBeGreaterThanOrEqual(MESSAGES);
    expect(sum(after.engine) + sum(after.other)).toBeLessThanOrEqual(2.2 * MESSAGES);
    expect((after.crossings - before.crossings) / turns).toBeLessThanOrEqual(1.05);
    expect(after.blocksAllocated - before.blocksAllocated).toBe(0);
    expect((after.heapUsed - before.heapUsed) / MESSAGES).toBeLessThanOrEqual(1);
  });
});

// 15 ms where Node starts in 70: as a share, since a slower machine is slower at both. The least of each counts: what else
// runs only adds to them.
test("importing skein takes at most two fifths of the processor time of starting Node", async () => {
  const starts: number[] = [];
  const imports: number[] = [];
  for (let i = 0; i < 15; i++) {
    const { output, complaints } = await runNode(import.meta.url, "import-time.mjs", [join(dist, "entries/index.js")]);
    expect(complaints).toBe("");
    const { start, importing } = JSON.parse(output) as { start: number; importing: number };
    starts.push(start);
    imports.push(importing);
  }
  expect(Math.min(...imports) / Math.min(...starts)).toBeLessThanOrEqual(2 / 5);
});

test("the stripped addon has at most 1.5 MB", () => {
  mkdirSync(scratch, { recursive: true });
  const stripped = join(scratch, `stripped.${process.pid}.node`);
  execFileSync("strip", ["-o", stripped, addonFile(root)]);
  try {
    expect(statSync(stripped).size).toBeLessThanOrEqual(1.5 * 1024 * 1024);
  } finally {
    rmSync(stripped);
  }
});
