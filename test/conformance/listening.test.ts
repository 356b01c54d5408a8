/** Ports: where they listen, what they refuse, how they stop. */

import { expect, test } from "vitest";
import { BindError, CannotListenError, ConnectionDone, ConnectionRefusedError } from "../../src/internet/error.ts";
import type { ListenTCPOptions } from "../../src/internet/interfaces.ts";
import { turns, until } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { FAMILIES, forEachReactor, takeLog } from "../helpers/reactors.ts";
import { Client, dial, Echo, Recorder, Server, serve } from "../helpers/recorder.ts";
import { loopback, world } from "../helpers/world.ts";

/** Connect to a port that closes the connection at once, perhaps before connect() has told of it. */
async function refused(port: number): Promise<void> {
  const peer = await Peer.connect(port).catch(() => undefined);
  if (peer !== undefined) await Promise.race([peer.closed, peer.ended]);
}

forEachReactor((make) => {
  /** What listenTCP() throws. */
  function refusal(port: number, options: ListenTCPOptions = { interface: loopback() }): CannotListenError {
    const factory = new Server(() => new Recorder());
    try {
      make().listenTCP(port, factory, options);
    } catch (error) {
      expect(factory.calls).toEqual([]);
      return error as CannotListenError;
    }
    throw new Error(`Port ${port} was listened on.`);
  }

  test("a port in use is a CannotListenError with advice", () => {
    const { port } = serve(make(), () => new Recorder());
    const error = refusal(port);
    expect(error).toBeInstanceOf(CannotListenError);
    expect(error).toBeInstanceOf(BindError);
    expect(error).toMatchObject({ socketError: "EADDRINUSE", port, interface: loopback() });
    expect(error.message).toContain(`${loopback()}, port ${port}`);
    expect(error.message).toMatch(/port 0/);
  });

  test("an interface that this machine does not have is a CannotListenError", () => {
    const error = refusal(0, { interface: world().absent });
    expect(error).toBeInstanceOf(CannotListenError);
    expect(error).toMatchObject({ socketError: "EADDRNOTAVAIL", interface: world().absent });
  });

  test("an interface that is not a literal address is a CannotListenError that says so", () => {
    const error = refusal(0, { interface: "localhost" });
    expect(error).toBeInstanceOf(CannotListenError);
    expect(error.message).toMatch(/literal address/);
  });

  test.each([65536, -1, 1.5, Number.NaN])("port %s is a RangeError", (port) => {
    expect(refusal(port)).toBeInstanceOf(RangeError);
  });

  test("a port that is a string is a TypeError", () => {
    expect(refusal("80" as unknown as number)).toBeInstanceOf(TypeError);
  });

  test.each<Record<string, unknown>>([{ interface: [loopback()] }, { backlog: "50" }, { reusePort: 1 }])(
    "the options %j are a TypeError, and nothing listens",
    (options) => {
      expect(refusal(0, options as ListenTCPOptions)).toBeInstanceOf(TypeError);
    },
  );

  test("the interface '' takes IPv4 connections, and '::' those of both families", async () => {
    const reactor = make();
    const four = serve(reactor, () => new Recorder(), { interface: "" });
    expect((await Peer.connect(four.port, { host: "127.0.0.1" })).socket.remoteFamily).toBe("IPv4");
    const both = serve(reactor, () => new Recorder(), { interface: "::" });
    for (const host of ["127.0.0.1", "::1"]) await Peer.connect(both.port, { host });
    const hosts = [await both.next(), await both.next()].map(({ transport }) => transport.getPeer().host);
    expect(hosts.sort()).toEqual(["::1", "::ffff:127.0.0.1"]);
  });

  test("a factory that returns null for a connection closes only that one", async () => {
    const reactor = make();
    const factory = new Server<Recorder>(() => new Echo());
    const { port } = reactor.listenTCP(0, factory, { interface: loopback() }).getHost();
    const build = factory.buildProtocol.bind(factory);
    factory.buildProtocol = () => null as unknown as Recorder;
    await refused(port);
    factory.buildProtocol = build;
    const served = await Peer.connect(port);
    served.write("hello");
    expect(await served.take(5)).toBe("hello");
  });

  test("a factory that throws ends that connection only, and the error is logged", async () => {
    const reactor = make();
    let rounds = 0;
    const { port } = serve(reactor, () => {
      if (++rounds === 2) throw new Error("not today");
      return new Echo();
    });
    const before = await Peer.connect(port);
    before.write("1");
    expect(await before.take(1)).toBe("1");
    await refused(port);
    const after = await Peer.connect(port);
    for (const peer of [before, after]) {
      peer.write("2");
      expect(await peer.take(1)).toBe("2");
    }
    expect(takeLog()).toEqual([expect.stringMatching(/buildProtocol.*not today/)]);
  });

  test("stopListening() keeps connections open, fires its Deferred, and frees the port", async () => {
    const reactor = make();
    const { factory, listening, port, next } = serve(reactor, () => new Echo());
    const peer = await Peer.connect(port);
    const protocol = await next();
    await listening.stopListening();
    expect(factory.calls.at(-1)).toBe("doStop");
    peer.write("still there");
    expect(await peer.take(11)).toBe("still there");
    const failing = new Client(() => new Recorder());
    reactor.connectTCP(loopback(), port, failing);
    expect((await failing.failures.next()).value).toBeInstanceOf(ConnectionRefusedError);
    const again = reactor.listenTCP(port, new Server(() => new Echo()), { interface: loopback() });
    const second = await Peer.connect(port);
    second.write("again");
    expect(await second.take(5)).toBe("again");
    await again.stopListening();
    peer.end();
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
  });

  test("every stopListening() of a port fires, during the stop and after it", async () => {
    const { listening } = serve(make(), () => new Recorder());
    await Promise.all([listening.stopListening(), listening.stopListening()]);
    await listening.stopListening();
    await listening[Symbol.asyncDispose]();
  });

  test("a stopListening() that the program has fired itself keeps the end from no other", async () => {
    const { listening } = serve(make(), () => new Recorder());
    const [first, second] = [listening.stopListening(), listening.stopListening()];
    first.callback();
    await second;
    await listening.stopListening();
  });

  test("a factory whose doStart() starts its port again is started once, and leaves one port", async () => {
    const reactor = make();
    const { factory, listening } = serve(reactor, () => new Recorder());
    await listening.stopListening();
    let starts = 0;
    factory.doStart = () => {
      if (starts++ === 0) listening.startListening();
    };
    listening.startListening();
    expect([starts, reactor.stats().connections]).toEqual([1, 1]);
    await listening.stopListening();
    expect(reactor.stats().connections).toBe(0);
  });

  test("a stopped port can listen again", async () => {
    const { factory, listening } = serve(make(), () => new Echo());
    await listening.stopListening();
    listening.startListening();
    const peer = await Peer.connect(listening.getHost().port);
    peer.write("again");
    expect(await peer.take(5)).toBe("again");
    expect(factory.calls.filter((call) => !call.startsWith("build"))).toEqual(["doStart", "doStop", "doStart"]);
  });

  test("a port can be stopped by the first connection that it accepts", async () => {
    const reactor = make();
    const served = serve(reactor, () => {
      void served.listening.stopListening();
      return new Echo();
    });
    const client = await dial(reactor, served.port, new Recorder());
    client.transport.write("hello");
    await client.arrived.reaches(5);
    await until(() => served.factory.calls.at(-1) === "doStop");
    expect(served.factory.built).toHaveLength(1);
  });

  test("a port that is stopped by its first connection accepts none of the others in its backlog", async () => {
    const reactor = make({ run: false });
    const served = serve(reactor, () => {
      void served.listening.stopListening();
      return new Recorder();
    });
    const peers = await Promise.all(Array.from({ length: 8 }, () => Peer.connect(served.port)));
    const ended = reactor.run({ installSignalHandlers: false });
    await Promise.race(peers.map(({ closed }) => closed));
    await until(() => served.factory.calls.at(-1) === "doStop");
    const first = await served.next();
    await first.made.promise;
    first.transport.loseConnection();
    for (const peer of peers) peer.end();
    await Promise.all(peers.map(({ closed }) => closed));
    expect(served.factory.built).toHaveLength(1);
    reactor.stop();
    await ended;
  });

  test("a port that is closing is not listened on again before it is closed", async () => {
    const { listening } = serve(make(), () => new Echo());
    const stopped = listening.stopListening();
    expect(() => listening.startListening()).toThrow(/is closing: await stopListening\(\)/);
    await stopped;
    listening.startListening();
    const peer = await Peer.connect(listening.getHost().port);
    peer.write("anew");
    expect(await peer.take(4)).toBe("anew");
  });

  test("two ports may share a number with reusePort, and both get connections", async () => {
    const reactor = make();
    const first = serve(reactor, () => new Recorder(), { reusePort: true });
    const factory = new Server(() => new Recorder());
    reactor.listenTCP(first.port, factory, { interface: loopback(), reusePort: true });
    await Promise.all(Array.from({ length: 64 }, () => Peer.connect(first.port)));
    await until(() => first.factory.built.length + factory.built.length === 64);
    expect(Math.min(first.factory.built.length, factory.built.length)).toBeGreaterThan(0);
  });

  test("the backlog holds connections until they are accepted", async () => {
    const reactor = make({ run: false });
    const { port, factory } = serve(reactor, () => new Recorder(), { backlog: 300 });
    await Promise.all(Array.from({ length: 300 }, () => Peer.connect(port)));
    const ended = reactor.run({ installSignalHandlers: false });
    await until(() => factory.built.length === 300);
    await turns(2);
    expect(factory.built.map(({ calls }) => calls)).toEqual(Array(300).fill(["connectionMade"]));
    reactor.stop();
    await ended;
  });
}, FAMILIES);
