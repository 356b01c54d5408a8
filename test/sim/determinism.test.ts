/** The same seed gives the same run, byte for byte. */

import { setImmediate as turnOfNode } from "node:timers/promises";
import { expect, test } from "vitest";
import { Deferred } from "../../src/entries/defer.ts";
import { ClientFactory, Protocol, ServerFactory } from "../../src/internet/protocol.ts";
import { ROUGH_NETWORK, type Simulation, simulate } from "../../src/testing/simulation/simulation.ts";
import { Recorder } from "../helpers/recorder.ts";
import { dial, listen, pair, world } from "./world.ts";

/** Answers after a detour through promises, ticks and timers. */
class Thoughtful extends Protocol {
  override async dataReceived(data: Buffer): Promise<void> {
    const answer = data.toString().toUpperCase();
    for (let i = 0; i < 10; i++) await null;
    await new Promise<void>((resolve) => process.nextTick(resolve));
    this.transport.write(answer);
  }
}

async function talk(sim: Simulation, lines: string[]): Promise<void> {
  sim.host("server").reactor.listenTCP(1000, ServerFactory.forProtocol(Thoughtful));
  for (let i = 0; i < 20; i++) {
    const client = new Recorder();
    client.onMade = () => client.transport.write(`hello ${sim.random()}`);
    client.onData = (data) => {
      lines.push(`${sim.seconds()} ${i} ${data}`);
      if (sim.random() < 0.5) client.transport.write(`again ${sim.random()}`);
    };
    const factory = new ClientFactory<Recorder>();
    factory.buildProtocol = () => client;
    sim.host(`client ${i % 3}`).reactor.connectTCP("server", 1000, factory);
  }
  sim.faults({ resetEvery: 5, partitionEvery: 5, freezeEvery: 5 });
  await sim.run(60);
}

test("runs with the same seed have the same trace, and runs with different seeds differ", async () => {
  const traces: string[][] = [];
  const hashes: string[] = [];
  for (const seed of [5, 5, 6, 2 ** 32 + 5]) {
    const lines: string[] = [];
    const trace: string[] = [];
    const options = { ...ROUGH_NETWORK, seed, onTrace: (line: string) => trace.push(line) };
    const [result] = await simulate(options, (sim) => talk(sim, lines));
    traces.push([...trace, ...lines]);
    hashes.push(result!.traceHash);
  }
  expect(traces[0]!.length).toBeGreaterThan(100);
  expect(traces[1]).toEqual(traces[0]);
  expect(hashes[1]).toBe(hashes[0]);
  expect(new Set(hashes).size).toBe(3);
});

test("the trace's hash depends on every bit", async () => {
  const hashes: string[] = [];
  for (const letter of ["a", "a", "b"]) {
    const w = world();
    const [client] = await pair(w, new Recorder(), new Recorder());
    client.transport.write(letter);
    await w.sim.run(1);
    hashes.push(w.sim.traceHash);
    expect(w.sim.traceHash).toBe(hashes.at(-1));
  }
  expect(hashes[1]).toBe(hashes[0]);
  expect(hashes[2]).not.toBe(hashes[0]);
});

test("promises and ticks take no virtual time", async () => {
  const w = world({ latency: 0.25 });
  listen(w, () => {
    const server = new Recorder();
    server.onData = (data) => {
      void (async () => {
        for (let i = 0; i < 100; i++) await null;
        queueMicrotask(() => process.nextTick(() => Promise.resolve().then(() => server.transport.write(data))));
      })();
    };
    return server;
  });
  const client = new Recorder();
  dial(w, client);
  await w.sim.until(client.made.promise);
  w.sim.after(0.500001, () => undefined); // something else happens right behind the answer
  client.transport.write("ping");
  await w.sim.until(client.arrived.reaches(4));
  expect(w.sim.seconds()).toBe(1);
});

test("iterations of Node's own event loop do not affect a run", async () => {
  const hashes: string[] = [];
  for (const busy of [false, true]) {
    let over = false;
    const noise = (async () => {
      while (busy && !over) await turnOfNode();
    })();
    const [result] = await simulate({ ...ROUGH_NETWORK }, (sim) => talk(sim, []));
    over = true;
    await noise;
    hashes.push(result!.traceHash);
  }
  expect(hashes[1]).toBe(hashes[0]);
});

test("until() accepts a Deferred of the program", async () => {
  const w = world();
  const later = new Deferred<string>();
  w.client.reactor.callLater(30, () => later.callback("there"));
  expect(await w.sim.until(later)).toBe("there");
  expect(w.sim.seconds()).toBe(30);
});
