/** Each thing that a network may do to a program, one by one. */

import { expect, test } from "vitest";
import {
  ConnectionDone,
  ConnectionLost,
  ConnectionRefusedError,
  ConnectTimeoutError,
  DNSLookupError,
  NoRouteError,
  TCPTimedOutError,
} from "../../src/internet/error.ts";
import type { ReactorTime } from "../../src/internet/time.ts";
import { flow } from "../helpers/flow.ts";
import { Client, FlowRecorder, HalfRecorder, Recorder } from "../helpers/recorder.ts";
import { dial, listen, PORT, pair, world } from "./world.ts";

const KIB = 1024;

/** Notes when its bytes come, and how many. */
class Stopwatch extends Recorder {
  readonly pieces: { at: number; bytes: number }[] = [];

  constructor(seconds: () => number) {
    super();
    this.onData = (data) => this.pieces.push({ at: seconds(), bytes: data.length });
  }
}

test("latency: a connect takes one round trip, bytes take one way", async () => {
  const w = world({ latency: 0.5 });
  const [client, server] = await pair(w, new Recorder(), new Stopwatch(() => w.sim.seconds()));
  expect(w.sim.seconds()).toBe(1);
  client.transport.write("hello");
  await w.sim.run(5);
  expect(server.pieces).toEqual([{ at: 1.5, bytes: 5 }]);
});

test("jitter: segments take a random additional time, and stay in order", async () => {
  const w = world({ latency: 0.1, jitter: 0.5 });
  const [client, server] = await pair(w, new Recorder(), new Stopwatch(() => w.sim.seconds()));
  const began = w.sim.seconds();
  const digits = "0123456789";
  for (const [i, digit] of [...digits].entries()) w.sim.after(i * 0.05, () => client.transport.write(digit));
  await w.sim.run(5);
  expect(server.text).toBe(digits);
  const times = server.pieces.map(({ at }) => at - began);
  expect(Math.min(...times)).toBeGreaterThanOrEqual(0.1);
  expect(Math.max(...times)).toBeLessThanOrEqual(0.1 + 0.5 + 0.45);
  expect(new Set(times).size).toBeGreaterThan(2);
});

test("bandwidth: is shared by all connections of a link", async () => {
  const w = world({ bandwidth: 100_000, window: 1_000_000 });
  const { built } = listen(w, () => new FlowRecorder());
  const clients = [new Recorder(), new Recorder()];
  for (const client of clients) dial(w, client);
  await w.sim.until(Promise.all(clients.map(({ made }) => made.promise)));
  const began = w.sim.seconds();
  for (const { transport } of clients) transport.write(flow(500_000));
  await w.sim.run(5);
  expect(built[0]!.arrived.count + built[1]!.arrived.count).toBeCloseTo(500_000, -5);
  await w.sim.until(Promise.all(built.map(({ arrived }) => arrived.reaches(500_000))));
  expect(w.sim.seconds() - began).toBeCloseTo(10, 1);
  expect(built.map(({ check }) => check.firstWrong)).toEqual([-1, -1]);
});

test("loss: a lost segment is retransmitted, and delays everything after it", async () => {
  const w = world({ loss: 0.3 });
  const [client, server] = await pair(w, new Recorder(), new FlowRecorder());
  const began = w.sim.seconds();
  client.transport.write(flow(512 * KIB));
  await w.sim.until(server.arrived.reaches(512 * KIB));
  expect(server.check.firstWrong).toBe(-1);
  expect(w.sim.seconds() - began).toBeGreaterThan(1);
});

test("fragmentation: a message is split at every position over time", async () => {
  const w = world({ fragment: 0.5 });
  const [client, server] = await pair(w, new Recorder(), new Stopwatch(() => w.sim.seconds()));
  const cuts = new Set<number>();
  for (let i = 0; i < 200; i++) {
    server.pieces.length = 0;
    client.transport.write("message!");
    await w.sim.run(1);
    let at = 0;
    for (const { bytes } of server.pieces) {
      at += bytes;
      cuts.add(at);
    }
    expect(at).toBe(8);
  }
  expect([...cuts].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test("coalescing: segments sent at different times arrive together", async () => {
  const w = world({ coalesce: 1, latency: 0.5 });
  const [client, server] = await pair(w, new Recorder(), new Stopwatch(() => w.sim.seconds()));
  const began = w.sim.seconds();
  for (const [i, word] of ["one ", "two ", "three"].entries()) {
    w.sim.after(i * 0.1, () => client.transport.write(word));
  }
  await w.sim.run(5);
  expect(server.text).toBe("one two three");
  expect(server.pieces.map(({ bytes }) => bytes)).toEqual([13]);
  expect(server.pieces[0]!.at - began).toBeCloseTo(0.7);
});

test("partial writes: a send takes a part, the rest stays queued, and nothing is lost", async () => {
  const w = world({ partialWrites: 0.9 });
  const [client, server] = await pair(w, new Recorder(), new FlowRecorder());
  client.transport.write(flow(48 * KIB));
  client.transport.loseConnection();
  const reason = await w.sim.until(client.lost.promise);
  expect(reason.value).toBeInstanceOf(ConnectionDone);
  await w.sim.until(server.lost.promise);
  expect([server.check.at, server.check.firstWrong]).toEqual([48 * KIB, -1]);
  const pieces = w.sim.latest(1000).filter((line) => line.includes(" data "));
  expect(pieces.length).toBeGreaterThan(2);
});

test("a reset: both sides lose the connection, and bytes in flight are lost", async () => {
  const w = world({ latency: 1 });
  const [client, server] = await pair(w, new Recorder(), new Recorder());
  client.transport.write("never seen");
  await w.sim.run(0.5);
  w.sim.connections()[0]!.reset();
  await w.sim.run(10);
  expect((await client.lost.promise).value).toMatchObject({ osError: "ECONNRESET" });
  expect((await server.lost.promise).value).toMatchObject({ osError: "ECONNRESET" });
  expect(server.text).toBe("");
  expect(w.sim.connections()).toEqual([]);
});

test("a half-open peer: the other side learns nothing until it sends", async () => {
  const w = world();
  const [client, server] = await pair(w, new Recorder(), new Recorder());
  w.sim.connections()[0]!.dropSilently("client");
  await w.sim.run(3000);
  expect((await client.lost.promise).value).toMatchObject({ osError: "ETIMEDOUT" });
  expect(server.losses).toBe(0);
  server.transport.write("anybody there?");
  await w.sim.run(1);
  expect((await server.lost.promise).value).toMatchObject({ osError: "ECONNRESET" });
});

test("a partition: nothing gets through until it heals, then everything does", async () => {
  const w = world();
  const [client, server] = await pair(w, new Recorder(), new Recorder());
  w.sim.partition(w.client, w.server);
  client.transport.write("ping");
  server.transport.write("pong");
  await w.sim.run(60);
  expect([client.text, server.text]).toEqual(["", ""]);
  w.sim.heal();
  await w.sim.run(2);
  expect([client.text, server.text]).toEqual(["pong", "ping"]);
  expect([client.losses, server.losses]).toEqual([0, 0]);
});

test("a long partition: a side with unacknowledged data fails with ETIMEDOUT", async () => {
  const w = world({ giveUp: 90 });
  const [client, server] = await pair(w, new Recorder(), new Recorder());
  w.sim.partition(w.client, w.server);
  client.transport.write("ping");
  await w.sim.run(89);
  expect(client.losses).toBe(0);
  await w.sim.run(2);
  expect((await client.lost.promise).value).toMatchObject({ osError: "ETIMEDOUT" });
  w.sim.heal();
  await w.sim.run(600);
  expect(server.losses).toBe(0);
});

test("a one-way partition: bytes arrive, acknowledgements do not", async () => {
  const w = world({ giveUp: 90 });
  const [client, server] = await pair(w, new Recorder(), new Recorder());
  w.sim.partition(w.server, w.client, { oneWay: true });
  client.transport.write("ping");
  server.transport.write("pong");
  await w.sim.run(1);
  expect([client.text, server.text]).toEqual(["", "ping"]);
  await w.sim.run(100);
  expect((await client.lost.promise).value).toMatchObject({ osError: "ETIMEDOUT" });
  expect((await server.lost.promise).value).toMatchObject({ osError: "ETIMEDOUT" });
});

test("a one-way partition that heals has no lasting effect, also for a sender whose window was full", async () => {
  const w = world();
  const [client, server] = await pair(w, new Recorder(), new FlowRecorder());
  w.sim.partition(w.server, w.client, { oneWay: true });
  client.transport.write(flow(200 * KIB));
  await w.sim.run(30);
  expect(server.arrived.count).toBe(64 * KIB);
  w.sim.heal();
  await w.sim.run(200);
  expect([server.check.at, server.check.firstWrong]).toEqual([200 * KIB, -1]);
  expect([client.losses, server.losses]).toEqual([0, 0]);
});

test("a connect is refused where no port listens, and with the probability `refuse`", async () => {
  const closed = world();
  const failed = await closed.sim.until(dial(closed).failures.next());
  expect(failed.value).toBeInstanceOf(ConnectionRefusedError);

  const moody = world({ refuse: 1 });
  listen(moody, () => new Recorder());
  const refused = await moody.sim.until(dial(moody).failures.next());
  expect(refused.value).toBeInstanceOf(ConnectionRefusedError);
});

test("a lost connect ends with the connector's timeout, or the network's", async () => {
  const w = world({ loseConnect: 1, giveUp: 60 });
  listen(w, () => new Recorder());
  const short = await w.sim.until(dial(w, new Recorder(), { timeout: 10 }).failures.next());
  expect(short.value).toBeInstanceOf(ConnectTimeoutError);
  expect(w.sim.seconds()).toBeCloseTo(10);
  const long = await w.sim.until(dial(w, new Recorder(), { timeout: 1000 }).failures.next());
  expect(long.value).toBeInstanceOf(TCPTimedOutError);
});

test("a connect through a partition waits for the network to heal", async () => {
  const w = world();
  listen(w, () => new Recorder());
  w.sim.partition(w.client, w.server);
  const protocol = new Recorder();
  dial(w, protocol);
  w.sim.after(20, () => w.sim.heal());
  await w.sim.until(protocol.made.promise);
  expect(w.sim.seconds()).toBeGreaterThan(20);
  expect(w.sim.seconds()).toBeLessThan(22);
});

test("a connect whose SYN-ACK cannot return fails with a timeout", async () => {
  const w = world({ giveUp: 60 });
  w.sim.partition(w.server, w.client, { oneWay: true });
  const refused = await w.sim.until(dial(w, new Recorder(), { timeout: 1000 }).failures.next());
  expect(refused.value).toBeInstanceOf(TCPTimedOutError);
});

test("an address without a host is unreachable, and a name without a host cannot be resolved", async () => {
  const w = world();
  for (const [host, error] of [
    ["192.0.2.1", NoRouteError],
    ["nowhere.example", DNSLookupError],
  ] as const) {
    const factory = new Client(() => new Recorder());
    w.client.reactor.connectTCP(host, PORT, factory);
    expect((await w.sim.until(factory.failures.next())).value).toBeInstanceOf(error);
  }
});

test("a slow reader: the sender is paused, memory is bounded, and everything arrives", async () => {
  const w = world();
  const [client, server] = await pair(w, new FlowRecorder(), new Recorder());
  client.transport.pauseProducing();
  let at = 0;
  let paused = false;
  const send = () => {
    while (!paused && at < 1024 * KIB) {
      server.transport.write(flow(4 * KIB, at));
      at += 4 * KIB;
    }
  };
  server.transport.registerProducer(
    {
      pauseProducing: () => {
        paused = true;
      },
      resumeProducing: () => {
        paused = false;
        send();
      },
      stopProducing: () => {},
    },
    true,
  );
  for (let i = 0; i < 100; i++) {
    w.server.reactor.callLater(i, send);
  }
  await w.sim.run(200);
  expect(paused).toBe(true);
  expect(at).toBeLessThan(64 * KIB + 64 * KIB + 16 * KIB);
  expect(client.arrived.count).toBe(0);
  client.transport.resumeProducing();
  await w.sim.until(client.arrived.reaches(1024 * KIB));
  expect(client.check.firstWrong).toBe(-1);
});

test("a frozen host runs nothing, and catches up afterwards", async () => {
  const w = world();
  const [client, server] = await pair(w, new Recorder(), new Stopwatch(() => w.sim.seconds()));
  const began = w.sim.seconds();
  const called: number[] = [];
  w.server.reactor.callLater(1, () => called.push(w.sim.seconds() - began));
  w.server.freeze(10);
  for (const i of [1, 2, 3]) w.sim.after(i, () => client.transport.write("."));
  await w.sim.run(20);
  // The I/O comes first, and a tenth of a second is for it.
  expect(called.map((at) => at.toFixed(3))).toEqual(["10.100"]);
  expect(server.pieces.map(({ at, bytes }) => [at - began, bytes])).toEqual([[10, 3]]);
});

test("a crashed host notifies nobody; its peers learn of it when it is up again", async () => {
  const w = world();
  const [client, server] = await pair(w, new Recorder(), new Recorder());
  const called: string[] = [];
  const { reactor } = w.server;
  reactor.callLater(1, () => called.push("never"));
  w.server.crash();
  w.server.crash();
  expect(w.server.up).toBe(false);
  client.transport.write("hello?");
  await w.sim.run(30);
  expect([client.losses, server.losses]).toEqual([0, 0]);
  w.server.restart();
  expect(w.server.reactor).not.toBe(reactor);
  expect(() => w.server.restart()).toThrow(/is up/);
  await w.sim.run(3);
  expect((await client.lost.promise).value).toMatchObject({ osError: "ECONNRESET" });
  expect([called, server.losses]).toEqual([[], 0]);

  const anew = new Recorder();
  listen(w, () => new Recorder());
  dial(w, anew);
  await w.sim.until(anew.made.promise);
});

test("a full backlog delays connects", async () => {
  const w = world();
  const factory = listen(w, () => new Recorder());
  w.server.freeze(5);
  const clients = Array.from({ length: 60 }, () => new Recorder());
  for (const client of clients) dial(w, client);
  await w.sim.run(3);
  // As in Linux, one more than the backlog of 50.
  expect(clients.filter(({ connected }) => connected)).toHaveLength(51);
  expect(factory.built).toHaveLength(0);
  await w.sim.run(5);
  expect(factory.built).toHaveLength(60);
});

test("a half-close arrives as a half-close", async () => {
  const w = world();
  const [client, server] = await pair(w, new HalfRecorder(), new HalfRecorder());
  client.transport.write("question");
  client.transport.loseWriteConnection();
  await w.sim.until(server.readEnded.promise);
  server.transport.write("answer");
  server.transport.loseWriteConnection();
  await w.sim.run(1);
  expect([server.text, client.text]).toEqual(["question", "answer"]);
  expect([client.losses, server.losses]).toEqual([1, 1]);
});

test("an abort arrives as a reset, after the bytes sent before", async () => {
  const w = world({ latency: 0.5 });
  const [client, server] = await pair(w, new Recorder(), new Recorder());
  client.transport.write("last words");
  await w.sim.run(0.1);
  client.transport.abortConnection();
  await w.sim.run(2);
  expect(server.text).toBe("last words");
  const { value } = await server.lost.promise;
  expect(value).toBeInstanceOf(ConnectionLost);
  expect(value).toMatchObject({ osError: "ECONNRESET" });
});

/** Sends something every second. */
class Ticker extends Recorder {
  constructor(clock: ReactorTime) {
    super();
    const tick = () => {
      if (this.losses > 0) return;
      this.transport.write("tick");
      clock.callLater(1, tick);
    };
    this.onMade = tick;
  }
}

test("Faults injects each kind of fault at about its configured rate, until it is stopped", async () => {
  const counts = new Map<string, number>();
  const w = world({
    onTrace: (line) => {
      const [, kind, what] = line.split(" ");
      if (kind === "fault") counts.set(what!, (counts.get(what!) ?? 0) + 1);
    },
  });
  const factory = listen(w, () => new Recorder());
  const connect = () => {
    const attempt = dial(w, new Ticker(w.client.reactor));
    attempt.onFailed = () => w.sim.after(1, connect);
    attempt.onLost = () => w.sim.after(1, connect);
  };
  for (let i = 0; i < 10; i++) connect();
  const faults = w.sim.faults({
    resetEvery: 20,
    dropSilentlyEvery: 20,
    partitionEvery: 100,
    partitionFor: 5,
    freezeEvery: 100,
    crashEvery: 200,
    crashFor: 5,
    hosts: [w.server],
    restarted: (host) => host.reactor.listenTCP(PORT, factory),
  });
  await w.sim.run(4000);
  const counted = (kind: string) => counts.get(kind) ?? 0;
  for (const [kind, expected] of [
    ["reset", 200],
    ["drop", 200],
    ["partition", 40],
    ["freeze", 40],
    ["crash", 20],
  ] as const) {
    expect(counted(kind), kind).toBeGreaterThan(expected / 2);
    expect(counted(kind), kind).toBeLessThan(expected * 2);
  }
  expect(counted("crash") - counted("restart")).toBeLessThanOrEqual(1);
  expect(counted("partition") - counted("heal")).toBeLessThanOrEqual(2);
  faults.stop();
  await w.sim.run(60);
  expect(counted("crash")).toBe(counted("restart"));
  expect(counted("partition")).toBe(counted("heal"));
  counts.clear();
  await w.sim.run(600);
  expect(counts.size).toBe(0);
});
