/** The chat server, its thousand clients, and an hour of a network that fails them. */

import { expect, test } from "vitest";
import { slowness } from "../../bench/rig/slowness.ts";
import { ROUGH_NETWORK, simulate } from "../../src/testing/simulation/simulation.ts";
import { seed, volume } from "../helpers/volume.ts";
import { Room } from "./chatters.ts";

const CLIENTS = 1000;
const HOUR = 3600;
/** So much of the hour is played again: that two runs are the same shows in any part of them. */
const AGAIN = 600;
/** Whole hours; the gate plays one. */
const HOURS = volume({ gate: 1, long: 3 });
/** Long enough for whoever is lost to notice it, and to come back. */
const CALM = 300;

interface Played {
  /** Of the trace, at the end of the part that is played again and at the very end. */
  readonly hashes: readonly string[];
  /** Of the processor. */
  readonly seconds: number;
}

async function play({ whole }: { whole: boolean }): Promise<Played> {
  const before = process.cpuUsage();
  const hashes: string[] = [];
  await simulate({ ...ROUGH_NETWORK, seed: seed() }, async (sim) => {
    const room = new Room(sim, CLIENTS, 20);
    const faults = sim.faults({
      resetEvery: 30,
      dropSilentlyEvery: 60,
      partitionEvery: 300,
      partitionFor: 30,
      freezeEvery: 120,
      freezeFor: 2,
      crashEvery: 1200,
      crashFor: 20,
      hosts: room.hosts,
      restarted: room.restarted,
    });
    await sim.run(AGAIN);
    hashes.push(sim.traceHash);
    if (!whole) return;
    await sim.run(HOUR - AGAIN);
    expect(room.losses).toBeGreaterThan(100);
    expect(room.failures).toBeGreaterThan(10);
    expect(room.said).toBeGreaterThan(CLIENTS);
    expect(room.heard).toBeGreaterThan(CLIENTS * CLIENTS);
    faults.stop();
    room.rollCall(); // who is cut off without knowing learns it now
    await sim.run(CALM);
    expect(room.here).toBe(CLIENTS);
    expect(room.server.connections.size).toBe(CLIENTS);
    hashes.push(sim.traceHash);
  });
  const { user, system } = process.cpuUsage(before);
  return { hashes, seconds: (user + system) / 1e6 };
}

test("a thousand chat users receive every message in order through an hour of faults, in 30 s, twice identically", async () => {
  const hours: Played[] = [];
  let before = slowness();
  for (let i = 0; i < HOURS; i++) {
    const hour = await play({ whole: true });
    const after = slowness();
    expect(hour.seconds / ((before + after) / 2)).toBeLessThan(30);
    before = after;
    hours.push(hour);
  }
  const [early, end] = hours[0]!.hashes;
  for (const { hashes } of hours) expect(hashes).toEqual([early, end]);
  expect((await play({ whole: false })).hashes).toEqual([early]);
}, 600_000);
