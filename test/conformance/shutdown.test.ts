/** stop(): everybody is told, what was written leaves, and nothing is left. */

import { expect, test } from "vitest";
import { Deferred } from "../../src/internet/defer/deferred.ts";
import { ConnectError, ConnectionDone, ConnectionLost, ReactorNotRunning } from "../../src/internet/error.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { Gate, loopSeconds, turns, until } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor, type Make, openSockets } from "../helpers/reactors.ts";
import { Client, dial, Recorder, Server, serve } from "../helpers/recorder.ts";
import { volume } from "../helpers/volume.ts";
import { loopback } from "../helpers/world.ts";

const LIVE = 1000;
/** So many reactors, of so many connections each with both ends in the reactor, once ended in EMFILE. */
const STOPPED_IN_A_ROW = 8;
const EACH = volume({ gate: 50, long: 1500 });
const MIB = 1024 * 1024;

/** A reactor, and the end of its run. */
function running(make: Make): [EngineReactor, Promise<void>] {
  const reactor = make({ run: false });
  return [reactor, reactor.run({ installSignalHandlers: false })];
}

forEachReactor((make) => {
  test("1,000 live connections each get connectionLost() once, and bytes written just before are delivered", async () => {
    const [reactor, ended] = running(make);
    const { factory, port } = serve(reactor, () => new Recorder(), { backlog: LIVE });
    const elsewhere = make();
    const clients = await Promise.all(Array.from({ length: LIVE }, () => dial(elsewhere, port, new Recorder())));
    await until(() => factory.built.length === LIVE);
    await Promise.all(factory.built.map(({ made }) => made.promise));
    for (const [i, { transport }] of factory.built.entries()) transport.write(`goodbye ${i}`);
    reactor.stop();
    await ended;
    expect(factory.built.map(({ losses }) => losses)).toEqual(Array(LIVE).fill(1));
    const reasons = await Promise.all(factory.built.map((protocol) => protocol.lossError()));
    expect(reasons.every((reason) => reason instanceof ConnectionLost && /stopped/.test(reason.message))).toBe(true);
    expect(factory.calls.at(-1)).toBe("doStop");
    for (const client of clients) expect(await client.lossError()).toBeInstanceOf(ConnectionDone);
    expect(new Set(clients.map(({ text }) => text))).toEqual(new Set(clients.map((_, i) => `goodbye ${i}`)));
  });

  test("clients and their factories are notified", async () => {
    const [reactor, ended] = running(make);
    const elsewhere = serve(make(), () => new Recorder());
    const factory = new Client(() => new Recorder());
    reactor.connectTCP(loopback(), elsewhere.port, factory);
    const protocol = await factory.next();
    await protocol.made.promise;
    reactor.stop();
    await ended;
    expect(protocol.calls).toEqual(["connectionMade", "connectionLost"]);
    expect(factory.calls.slice(-2)).toEqual(["clientConnectionLost", "doStop"]);
    expect((await factory.losses.next()).value).toBeInstanceOf(ConnectionLost);
  });

  test("a pending connection attempt fails", async () => {
    const [reactor, ended] = running(make);
    // Once the backlog is full, the kernel leaves those who come unanswered.
    const { port } = serve(make({ run: false }), () => new Recorder(), { backlog: 1 });
    await Promise.all([Peer.connect(port), Peer.connect(port)]);
    const factory = new Client(() => new Recorder());
    const connector = reactor.connectTCP(loopback(), port, factory);
    await turns(3);
    expect(connector.state).toBe("connecting");
    reactor.stop();
    await ended;
    expect(factory.calls).toEqual(["doStart", "startedConnecting", "clientConnectionFailed", "doStop"]);
    expect((await factory.failures.next()).value).toBeInstanceOf(ConnectError);
    expect(connector.state).toBe("disconnected");
    expect(reactor.stats().connections).toBe(0);
  });

  test("a stop() during the startup closes the ports, and the reactor can be run again", async () => {
    const reactor = make({ run: false });
    const { factory } = serve(reactor, () => new Recorder());
    reactor.addSystemEventTrigger("before", "startup", () => new Deferred());
    const ended = reactor.run({ installSignalHandlers: false });
    reactor.stop();
    await ended;
    expect([factory.calls, reactor.stats().connections]).toEqual([["doStart", "doStop"], 0]);
    const again = reactor.run({ installSignalHandlers: false });
    const { port, next } = serve(reactor, () => new Recorder());
    const client = await dial(reactor, port, new Recorder());
    await next();
    reactor.stop();
    await again;
    expect(client.losses).toBe(1);
  });

  test("a crash() while everybody is told leaves nothing that acts on the next run", async () => {
    const [reactor, ended] = running(make);
    const { port } = serve(make({ run: false }), () => new Recorder(), { backlog: 1 });
    await dial(reactor, serve(make(), () => new Recorder()).port, new Recorder());
    const factory = new Client(() => new Recorder());
    factory.onFailed = () => reactor.crash();
    const connector = reactor.connectTCP(loopback(), port, factory);
    reactor.stop();
    await ended;
    expect([connector.state, reactor.ending, reactor.getDelayedCalls()]).toEqual(["disconnected", false, []]);
  });

  test("8 MiB to a peer that reads are delivered", async () => {
    const [reactor, ended] = running(make);
    const { port, next } = serve(reactor, () => new Recorder());
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { check });
    (await next()).transport.write(flow(8 * MIB));
    reactor.stop();
    await ended;
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([8 * MIB, -1]);
  });

  test("a peer that does not read is aborted after a second, and delays nothing for longer", async () => {
    const [reactor, ended] = running(make);
    const { port, next } = serve(reactor, () => new Recorder());
    await Peer.connect(port, { reading: false });
    const protocol = await next();
    protocol.transport.write(Buffer.alloc(32 * MIB));
    reactor.stop();
    expect(await Promise.race([ended.then(() => "ended"), loopSeconds(3)])).toBe("ended");
    expect(protocol.losses).toBe(1);
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionLost);
  });

  test("a connection that waits for its producer does not delay the stop", async () => {
    const [reactor, ended] = running(make);
    const { port, next } = serve(reactor, () => new Recorder());
    await Peer.connect(port);
    const protocol = await next();
    const stopped = new Gate();
    const producer = { resumeProducing: () => {}, stopProducing: () => stopped.open() };
    protocol.transport.registerProducer(producer, false);
    protocol.transport.loseConnection();
    reactor.stop();
    await ended;
    await stopped.promise;
    expect(protocol.losses).toBe(1);
  });

  test("paused and half-closed connections end", async () => {
    const [reactor, ended] = running(make);
    const { port, factory, next } = serve(reactor, () => {
      const protocol = new Recorder();
      return Object.assign(protocol, { readConnectionLost: () => protocol.calls.push("readConnectionLost") });
    });
    const peers = await Promise.all(Array.from({ length: 3 }, () => Peer.connect(port)));
    const [paused, shut, half] = [await next(), await next(), await next()];
    const peerOf = (protocol: Recorder) =>
      peers.find(({ socket }) => socket.localPort === protocol.transport.getPeer().port)!;
    paused.transport.pauseProducing();
    peerOf(paused).end("never read");
    shut.transport.loseWriteConnection();
    await peerOf(shut).ended;
    peerOf(half).end();
    await until(() => half.calls.includes("readConnectionLost"));
    reactor.stop();
    await ended;
    expect(factory.built.map(({ losses }) => losses)).toEqual([1, 1, 1]);
  });

  test("stop() may be called in any callback, and a second one throws", async () => {
    for (const place of ["onMade", "onData", "onLost"] as const) {
      const [reactor, ended] = running(make);
      const thrown: unknown[] = [];
      const { port, next } = serve(reactor, () => {
        const protocol = new Recorder();
        protocol[place] = () => {
          try {
            reactor.stop();
            reactor.stop();
          } catch (error) {
            thrown.push(error);
          }
        };
        return protocol;
      });
      const peer = await Peer.connect(port);
      peer.end("x");
      await ended;
      expect(thrown[0]).toBeInstanceOf(ReactorNotRunning);
      expect((await next()).losses).toBe(1);
    }
  });

  test("a client that reconnects on each loss or failure does not delay the stop", async () => {
    const [reactor, ended] = running(make);
    const { port } = serve(make(), () => new Recorder());
    const factory = new Client(() => new Recorder());
    factory.onLost = (connector) => connector.connect();
    factory.onFailed = (connector) => connector.connect();
    reactor.connectTCP(loopback(), port, factory);
    await (await factory.next()).made.promise;
    reactor.stop();
    await ended;
    expect(factory.built.map(({ losses }) => losses)).toEqual([1]);
    factory.onFailed = () => {};
  });

  test("ports that are opened during the stop are closed", async () => {
    const [reactor, ended] = running(make);
    const { port, next, factory } = serve(reactor, () => new Recorder());
    await Peer.connect(port);
    const open = () => void reactor.listenTCP(0, new Server(() => new Recorder()), { interface: loopback() });
    (await next()).onLost = open;
    factory.stopFactory = open;
    reactor.stop();
    await ended;
    expect(reactor.ports.size).toBe(0);
  });

  test("connections that were accepted in the tick of the stop get connectionLost()", async () => {
    const [reactor, ended] = running(make);
    const { factory, port } = serve(reactor, () => {
      const protocol = new Recorder();
      protocol.onMade = () => {
        if (reactor.running) reactor.fireSystemEvent("shutdown");
      };
      return protocol;
    });
    await Promise.allSettled(Array.from({ length: 20 }, () => Peer.connect(port)));
    await ended;
    expect(factory.built.length).toBeGreaterThan(0);
    for (const protocol of factory.built) {
      expect(protocol.losses).toBe(1);
      expect(await protocol.lossError()).toMatchObject({ message: expect.stringContaining("stopped") });
    }
  });

  test("peers that close on our FIN are waited for: nothing lingers once run() has ended", async () => {
    const [reactor, ended] = running(make);
    const { port, factory } = serve(reactor, () => new Recorder());
    const elsewhere = make();
    const clients = await Promise.all(Array.from({ length: 50 }, () => dial(elsewhere, port, new Recorder())));
    await until(() => factory.built.length === clients.length);
    reactor.stop();
    await ended;
    expect(reactor.stats()).toMatchObject({ connections: 0, lingering: 0 });
    await Promise.all(clients.map(({ lost }) => lost.promise));
  });

  test("reactors stopped one after the other, with many connections each, leave no descriptor open", async () => {
    const before = openSockets();
    for (let round = 0; round < STOPPED_IN_A_ROW; round++) {
      const [reactor, ended] = running(make);
      const { port, factory } = serve(reactor, () => new Recorder(), { backlog: EACH });
      await Promise.all(Array.from({ length: EACH }, () => dial(reactor, port, new Recorder())));
      await until(() => factory.built.length === EACH);
      reactor.stop();
      await ended;
      expect(reactor.stats()).toMatchObject({ connections: 0, lingering: 0 });
      expect(openSockets() - before, `sockets that are open after round ${round}`).toBeLessThanOrEqual(0);
    }
  });

  test("a peer that never closes is waited for for a second, and then nothing lingers", async () => {
    const [reactor, ended] = running(make);
    const { port, next } = serve(reactor, () => new Recorder());
    const peer = await Peer.connect(port);
    await (await next()).made.promise;
    const before = reactor.seconds();
    reactor.stop();
    await ended;
    expect(reactor.seconds() - before).toBeGreaterThanOrEqual(1);
    expect(reactor.stats()).toMatchObject({ connections: 0, lingering: 0 });
    await peer.ended;
  });

  test("a stop that crash() interrupts does not affect the connections of the next run", async () => {
    const [reactor, first] = running(make);
    const { port, next } = serve(reactor, () => new Recorder());
    const peer = await Peer.connect(port, { reading: false });
    const old = await next();
    await old.made.promise;
    old.transport.write(Buffer.alloc(16 * MIB));
    reactor.stop();
    await until(() => !reactor.running);
    reactor.crash();
    await first;
    const second = reactor.run({ installSignalHandlers: false });
    const served = serve(reactor, () => new Recorder());
    const visitor = await Peer.connect(served.port);
    const live = await served.next();
    const later = new Promise((resolve) => reactor.callLater(1.5, () => resolve(undefined)));
    await later;
    expect(live.losses).toBe(0);
    peer.read();
    visitor.end();
    await live.lost.promise;
    reactor.stop();
    await second;
  });
});
