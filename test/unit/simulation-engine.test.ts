import { expect, test } from "vitest";
import { CannotListenError, ConnectBindError, ConnectionDone, ConnectionLost } from "../../src/internet/error.ts";
import type { SimulatedEngine } from "../../src/testing/simulation/engine.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { Client, FlowRecorder, HalfRecorder, Recorder, Server } from "../helpers/recorder.ts";
import { dial, listen, PORT, pair, world } from "../sim/world.ts";

const KIB = 1024;

class Borrower extends Recorder {
  static override readonly borrows = true;
  protected override keep(data: Buffer): void {
    super.keep(Buffer.from(data));
  }
}

class LentFlow extends FlowRecorder {
  static override readonly borrows = true;
}

test("both sides have their own and each other's address", async () => {
  const w = world();
  const [client, server] = await pair(w, new Recorder(), new Recorder());
  expect(`${client.transport.getPeer()}`).toBe(`10.0.0.1:${PORT}`);
  expect(`${server.transport.getHost()}`).toBe(`10.0.0.1:${PORT}`);
  expect(`${server.transport.getPeer()}`).toBe(`${client.transport.getHost()}`);
  expect(`${client.transport.getHost()}`).toMatch(/^10\.0\.0\.2:\d+$/);
});

test("listening fails on a port in use, on an address of another host, and on an invalid address", () => {
  const { server } = world();
  const listenOn = (port: number, options = {}) =>
    server.reactor.listenTCP(port, new Server(() => new Recorder()), options);
  listenOn(PORT);
  for (const [port, options, error] of [
    [PORT, {}, "EADDRINUSE"],
    [PORT, { reusePort: true }, "EADDRINUSE"],
    [1, { interface: "10.9.9.9" }, "EADDRNOTAVAIL"],
    [1, { interface: "server" }, "EINVAL"],
  ] as const) {
    expect(() => listenOn(port, options)).toThrow(expect.objectContaining({ socketError: error }));
  }
  expect(() => listenOn(PORT)).toThrow(CannotListenError);
  const free = listenOn(0, { interface: "127.0.0.1" }).getHost();
  expect(free.host).toBe("127.0.0.1");
  expect(free.port).toBeGreaterThan(32_768);
  expect(listenOn(0).getHost().port).not.toBe(free.port);
});

test("several ports with reusePort share the connections", async () => {
  const w = world();
  const factories = [1, 2].map(() => new Server(() => new Recorder()));
  for (const factory of factories) w.server.reactor.listenTCP(PORT, factory, { reusePort: true });
  for (let i = 0; i < 40; i++) dial(w);
  await w.sim.run(1);
  for (const { built } of factories) expect(built.length).toBeGreaterThan(5);
  expect(factories[0]!.built.length + factories[1]!.built.length).toBe(40);
});

test("a port on one interface is not reachable on another, and a host reaches itself", async () => {
  const w = world();
  const factory = new Server(() => new Recorder());
  w.server.reactor.listenTCP(PORT, factory, { interface: "127.0.0.1" });
  expect((await w.sim.until(dial(w).failures.next())).value).toMatchObject({ osError: "ECONNREFUSED" });
  for (const name of ["localhost", "127.0.0.1", ""]) {
    const own = new Recorder();
    const client = new Client(() => own);
    w.server.reactor.connectTCP(name, PORT, client, { timeout: 5 });
    if (name === "") await w.sim.until(client.failures.next());
    else await w.sim.until(own.made.promise);
  }
  expect(factory.built).toHaveLength(2);
});

test("a connection can be bound to an address and a port of its own host only", async () => {
  const w = world();
  listen(w, () => new Recorder());
  const bound = new Recorder();
  dial(w, bound, { bindAddress: ["10.0.0.2", 7777] });
  await w.sim.until(bound.made.promise);
  expect(`${bound.transport.getHost()}`).toBe("10.0.0.2:7777");
  const failed = await w.sim.until(dial(w, new Recorder(), { bindAddress: ["10.0.0.1", 0] }).failures.next());
  expect(failed.value).toBeInstanceOf(ConnectBindError);
});

test("a stream of a megabyte arrives whole at an owning and at a borrowing protocol", async () => {
  const w = world({ fragment: 0.3, partialWrites: 0.3, coalesce: 0.3, jitter: 0.01 });
  const servers = [new FlowRecorder(), new LentFlow()];
  const waiting = [...servers];
  listen(w, () => waiting.shift()!);
  const clients = [new Recorder(), new Recorder()];
  for (const client of clients) dial(w, client);
  await w.sim.until(Promise.all(clients.map(({ made }) => made.promise)));
  for (const { transport } of clients) {
    for (let at = 0; at < 1024 * KIB; at += 10_000) transport.write(flow(Math.min(10_000, 1024 * KIB - at), at));
    transport.loseConnection();
  }
  await w.sim.until(Promise.all(servers.map(({ lost }) => lost.promise)));
  for (const { check } of servers) expect([check.at, check.firstWrong]).toEqual([1024 * KIB, -1]);
});

test("owned bytes never change, and borrowed bytes that were written are sent", async () => {
  const w = world({ window: 256 * KIB });
  const kept: Buffer[] = [];
  const echo = new Borrower();
  echo.onData = (data) => echo.transport.write(data);
  const client = new Recorder();
  client.onData = (data) => kept.push(data);
  await pair(w, client, echo);
  for (let at = 0; at < 512 * KIB; at += 7000) {
    client.transport.write(flow(Math.min(7000, 512 * KIB - at), at));
    await w.sim.run(0.01);
  }
  await w.sim.until(client.arrived.reaches(512 * KIB));
  const check = new FlowCheck();
  for (const piece of kept) check.take(piece);
  expect([check.at, check.firstWrong]).toEqual([512 * KIB, -1]);
});

test("a thousand connections with bytes at the same time are all served", async () => {
  const w = world();
  const factory = new Server(() => new HalfRecorder());
  w.server.reactor.listenTCP(PORT, factory, { backlog: 1000 });
  const clients = Array.from({ length: 1000 }, () => new Recorder());
  for (const client of clients) dial(w, client);
  await w.sim.until(Promise.all(clients.map(({ made }) => made.promise)));
  for (const [i, { transport }] of clients.entries()) transport.write(`${i} ${"x".repeat(200)}`);
  w.sim.after(1, () => {
    for (const { transport } of clients) transport.loseConnection();
  });
  await w.sim.run(2);
  const heard = factory.built.map(({ text }) => Number(text.split(" ")[0])).sort((a, b) => a - b);
  expect(heard).toEqual(clients.map((_, i) => i));
  expect(factory.built.every(({ calls }) => calls.includes("readConnectionLost"))).toBe(true);
  const { stale, turns, crossings } = w.server.reactor.stats();
  expect(stale).toBe(0);
  expect(crossings).toBeGreaterThan(turns / 2);
});

test("a thousand connections that end in one tick do not affect others that are read in it", async () => {
  const w = world();
  const factory = new Server(() => new Borrower());
  w.server.reactor.listenTCP(PORT, factory, { backlog: 1300 });
  const clients = Array.from({ length: 1300 }, () => new Recorder());
  for (const client of clients) dial(w, client);
  await w.sim.until(Promise.all(clients.map(({ made }) => made.promise)));
  await w.sim.run(1);
  let first = true;
  for (const protocol of factory.built) {
    protocol.onData = () => {
      if (first) for (const { transport } of factory.built.slice(300)) transport.abortConnection();
      first = false;
    };
  }
  const said = (i: number) => `${i} ${"x".repeat(i)}`;
  for (const [i, { transport }] of clients.entries()) transport.write(said(i));
  await w.sim.run(1);
  expect(factory.built.slice(0, 300).map(({ text }) => text)).toEqual(clients.slice(0, 300).map((_, i) => said(i)));
  expect(factory.built.slice(300).every(({ losses }) => losses === 1)).toBe(true);
});

test("a stale handle is ignored, also when its slot was reused", async () => {
  const w = world();
  const engine: SimulatedEngine = w.client.engine;
  listen(w, () => new Recorder());
  const first = new Recorder();
  dial(w, first);
  await w.sim.until(first.made.promise);
  const { handle } = first.transport as unknown as { handle: number };
  first.transport.abortConnection();
  await w.sim.run(1);
  const second = new Recorder();
  dial(w, second);
  await w.sim.until(second.made.promise);
  const other = (second.transport as unknown as { handle: number }).handle;
  expect([other & 0xfffff, other === handle]).toEqual([handle & 0xfffff, false]);
  expect(engine.write(handle, Buffer.from("lost"))).toBe(-1);
  expect([engine.localAddress(handle), engine.peerAddress(handle)].every((result) => Number(result) < 0)).toBe(true);
  expect([engine.getOption(handle, 1), engine.setOption(handle, 1, 1)].every((result) => result < 0)).toBe(true);
  for (const name of ["close", "abort", "shutdownWrite", "pauseReading", "resumeReading", "resumeAccept"] as const) {
    engine[name](handle);
  }
  engine.notifyDrain(handle, true);
  engine.flush();
  await w.sim.run(1);
  expect(second.losses).toBe(0);
});

test("the options of a connection can be set and read", async () => {
  const [client] = await pair(world(), new Recorder(), new Recorder());
  const { transport } = client;
  expect([transport.getTcpNoDelay(), transport.getTcpKeepAlive()]).toEqual([true, false]);
  transport.setTcpNoDelay(false);
  transport.setTcpKeepAlive(true);
  expect([transport.getTcpNoDelay(), transport.getTcpKeepAlive()]).toEqual([false, true]);
});

test("a closing port resets connections that it has not accepted", async () => {
  const w = world();
  const factory = new Server(() => new Recorder());
  const port = w.server.reactor.listenTCP(PORT, factory);
  w.server.freeze(10);
  const client = new Recorder();
  dial(w, client);
  await w.sim.until(client.made.promise);
  await w.sim.until(port.stopListening());
  expect((await w.sim.until(client.lost.promise)).value).toMatchObject({ osError: "ECONNRESET" });
  expect(factory.built).toEqual([]);
});

test("bytes to a closed connection are answered with a reset, once it no longer lingers", async () => {
  const w = world();
  const [client, server] = await pair(w, new HalfRecorder(), new Recorder());
  server.transport.loseConnection();
  await w.sim.run(1);
  expect(server.losses).toBe(1);
  client.transport.write("dropped");
  await w.sim.run(1);
  expect(client.losses).toBe(0);
  await w.sim.run(20);
  client.transport.write("refused");
  await w.sim.run(1);
  expect((await client.lost.promise).value).toMatchObject({ osError: "ECONNRESET" });
});

test("a paused protocol learns of a reset when it resumes, or writes", async () => {
  for (const notice of ["resumeProducing", "write"] as const) {
    const w = world();
    const [client, server] = await pair(w, new Recorder(), new Recorder());
    server.transport.pauseProducing();
    client.transport.write("unread");
    await w.sim.run(1);
    client.transport.abortConnection();
    await w.sim.run(1);
    expect(server.losses).toBe(0);
    if (notice === "write") server.transport.write("anybody there?");
    else server.transport.resumeProducing();
    await w.sim.run(1);
    expect((await server.lost.promise).value).toMatchObject({ osError: "ECONNRESET" });
    expect(server.text).toBe(notice === "write" ? "" : "unread");
  }
});

test("a connection that is reset while it flushes is lost", async () => {
  const w = world();
  const [client, server] = await pair(w, new Recorder(), new Recorder());
  server.transport.pauseProducing();
  client.transport.write(flow(500 * KIB));
  client.transport.loseConnection();
  await w.sim.run(1);
  expect(client.losses).toBe(0);
  server.transport.abortConnection();
  await w.sim.run(1);
  expect((await client.lost.promise).value).toMatchObject({ osError: "ECONNRESET" });
});

test("an attempt that is stopped while the SYN-ACK is in flight resets the connection", async () => {
  const w = world({ latency: 1 });
  const factory = listen(w, () => new Recorder());
  const attempt = new Client(() => new Recorder());
  attempt.onStarted = (connector) => w.sim.after(1.5, () => connector.stopConnecting());
  const connector = w.client.reactor.connectTCP("server", PORT, attempt);
  await w.sim.run(10);
  expect(connector.state).toBe("disconnected");
  expect(factory.built).toHaveLength(1);
  const { value } = await factory.built[0]!.lost.promise;
  expect(value).toBeInstanceOf(ConnectionLost);
  expect(value).toMatchObject({ osError: "ECONNRESET" });
});

test("a stopping reactor closes its ports, and its connections after their queued bytes", async () => {
  const w = world();
  const [client, server] = await pair(w, new Recorder(), new Recorder());
  server.transport.write("good bye");
  w.server.reactor.stop();
  await w.sim.run(5);
  expect(w.server.reactor.running).toBe(false);
  expect(client.text).toBe("good bye");
  expect((await client.lost.promise).value).toBeInstanceOf(ConnectionDone);
  expect(server.losses).toBe(1);
  const { connections, lingering } = w.server.reactor.stats();
  expect(connections - lingering).toBe(0);
  expect((await w.sim.until(dial(w).failures.next())).value).toMatchObject({ osError: "ECONNREFUSED" });
});

test("a pull producer is asked for more each time the queue is empty", async () => {
  const w = world({ partialWrites: 0.5 });
  const [client, server] = await pair(w, new Recorder(), new FlowRecorder());
  let at = 0;
  client.transport.registerProducer(
    {
      resumeProducing: () => {
        if (at === 200 * KIB) {
          client.transport.unregisterProducer();
          client.transport.loseConnection();
          return;
        }
        client.transport.write(flow(10 * KIB, at));
        at += 10 * KIB;
      },
      stopProducing: () => undefined,
    },
    false,
  );
  await w.sim.until(server.lost.promise);
  expect([server.check.at, server.check.firstWrong]).toEqual([200 * KIB, -1]);
});

test("a second program of a host shares its ports, and stops independently", async () => {
  const w = world();
  const second = w.server.spawn();
  void second.run();
  const factory = new Server(() => new Recorder());
  second.listenTCP(PORT, factory, { interface: "127.0.0.1" });
  expect(() => listen(w, () => new Recorder())).toThrow(CannotListenError);
  const near = new Recorder();
  w.server.reactor.connectTCP("127.0.0.1", PORT, new Client(() => near));
  await w.sim.until(near.made.promise);
  expect(`${near.transport.getHost()}`).toMatch(/^127\.0\.0\.1:\d+$/);
  second.destroy();
  expect((await w.sim.until(near.lost.promise)).value).toBeInstanceOf(ConnectionDone);
  expect(factory.built.map(({ losses }) => losses)).toEqual([0]);
  listen(w, () => new Recorder());
  const far = new Recorder();
  dial(w, far);
  await w.sim.until(far.made.promise);
});

test.each([undefined, null, 5, "text", [1]])("write(%j) is refused as the native engine refuses it", (wrong) => {
  const { engine } = world().client;
  expect(() => engine.write(0, wrong as unknown as Uint8Array)).toThrow(/Uint8Array/);
});
