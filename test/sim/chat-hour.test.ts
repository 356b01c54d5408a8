/** The chat server, its thousand clients, and an hour of a network that fails them. */

import { expect, test } from "vitest";
import { slowness } from "../../bench/rig/slowness.ts";
import { ROUGH_NETWORK, simulate } from "../../src/testing/simulation/simulation.ts";
import { Room } from "./chatters.ts";

const CLIENTS = 1000;
const HOUR = 3600;
/** Long enough for whoever is lost to notice it, and to come back. */
const CALM = 300;

/** Returns the trace's hash and the processor's seconds. */
async function hour(): Promise<{ hash: string | undefined; seconds: number }> {
  const before = process.cpuUsage();
  const [result] = await simulate({ ...ROUGH_NETWORK }, async (sim) => {
    const room = new Room(sim, CLIENTS, 20);
    const faults = sim.faults({
      resetEvery: 30,
      vanishEvery: 60,
      partitionEvery: 300,
      partitionFor: 30,
      freezeEvery: 120,
      freezeFor: 2,
      crashEvery: 1200,
      crashFor: 20,
      hosts: room.hosts,
      restarted: room.restarted,
    });
    await sim.run(HOUR);
    expect(room.losses).toBeGreaterThan(100);
    expect(room.failures).toBeGreaterThan(10);
    expect(room.said).toBeGreaterThan(CLIENTS);
    expect(room.heard).toBeGreaterThan(CLIENTS * CLIENTS);
    faults.stop();
    room.rollCall(); // who is cut off without knowing learns it now
    await sim.run(CALM);
    expect(room.here).toBe(CLIENTS);
    expect(room.server.connections.size).toBe(CLIENTS);
  });
  const { user, system } = process.cpuUsage(before);
  return { hash: result?.traceHash, seconds: (user + system) / 1e6 };
}

test("a thousand people hear each other whole and in order through an hour of faults, three times the same, in 30 s each", async () => {
  const hashes = new Set<string | undefined>();
  let before = slowness();
  for (let i = 0; i < 3; i++) {
    const { hash, seconds } = await hour();
    const after = slowness();
    hashes.add(hash);
    expect(seconds / ((before + after) / 2)).toBeLessThan(30);
    before = after;
  }
  expect(hashes.size).toBe(1);
}, 600_000);
