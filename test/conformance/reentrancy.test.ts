/** Every method of a transport, called from every method that the reactor calls. */

import { expect, test } from "vitest";
import { ConnectionLost } from "../../src/internet/error.ts";
import type { PushProducer, Transport } from "../../src/internet/interfaces.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { freePort } from "../helpers/freeport.ts";
import { Gate, turns } from "../helpers/gate.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Client, dial, Echo, HalfRecorder, pair, Recorder, Server, serve } from "../helpers/recorder.ts";
import type { TransportMember } from "../helpers/transportmembers.ts";
import { loopback } from "../helpers/world.ts";

const MIB = Buffer.alloc(1024 * 1024);

/** The connection that a method is called on, and what stands around it. */
class Scene {
  readonly reactor: EngineReactor;
  /** The protocol of the connection: another one after switchProtocol(). */
  subject = new HalfRecorder();
  readonly peer = new HalfRecorder();
  readonly other = new HalfRecorder();
  readonly othersPeer = new HalfRecorder();
  /** Opened by a method: to be waited for and closed. */
  readonly opened: (() => Promise<unknown>)[] = [];
  /** The method was called. */
  readonly done = new Gate();
  /** What it threw. */
  thrown: unknown;
  readonly #method: Call;
  #called = false;

  constructor(reactor: EngineReactor, method: Call) {
    this.reactor = reactor;
    this.#method = method;
  }

  get transport(): Transport {
    return this.subject.transport;
  }

  /** Call the method, the first time. */
  readonly act = (): void => {
    if (this.#called) return;
    this.#called = true;
    try {
      this.#method(this);
    } catch (error) {
      this.thrown = error;
    }
    this.done.open();
  };

  /** Connect the subject to its peer. */
  connect(): Promise<unknown> {
    return pair(this.reactor, this.subject, this.peer);
  }
}

const noop = () => {};
const producer = (overrides: Partial<PushProducer> = {}): PushProducer => ({
  pauseProducing: noop,
  resumeProducing: noop,
  stopProducing: noop,
  ...overrides,
});

/** Ways to have `act` called by the reactor. */
const CALLBACKS: Record<string, (scene: Scene) => unknown> = {
  "connectionMade() of a client": (scene) => {
    scene.subject.onMade = scene.act;
    return scene.connect();
  },
  "connectionMade() of a server": async ({ reactor, subject, peer, act }) => {
    subject.onMade = act;
    const { port, listening } = serve(reactor, () => subject);
    const factory = new Client(() => peer);
    reactor.connectTCP(loopback(), port, factory);
    // A reset may come before the client has noticed that it is connected.
    await Promise.race([peer.made.promise, factory.failures.next()]);
    await listening.stopListening();
  },
  "dataReceived()": async (scene) => {
    scene.subject.onData = scene.act;
    await scene.connect();
    scene.peer.transport.write("x");
  },
  "connectionLost() after a reset": async (scene) => {
    scene.subject.onLost = scene.act;
    await scene.connect();
    scene.peer.transport.abortConnection();
  },
  "connectionLost() after loseConnection()": async (scene) => {
    scene.subject.onLost = scene.act;
    await scene.connect();
    scene.transport.loseConnection();
  },
  "readConnectionLost()": async (scene) => {
    scene.subject.onReadEnd = scene.act;
    await scene.connect();
    scene.peer.transport.loseWriteConnection();
  },
  "writeConnectionLost()": async (scene) => {
    scene.subject.onWriteEnd = scene.act;
    await scene.connect();
    scene.transport.loseWriteConnection();
  },
  "resumeProducing() of a pull producer": async (scene) => {
    await scene.connect();
    let asked = 0;
    const resumeProducing = () => {
      if (++asked === 1) scene.transport.write("piece");
      else scene.act();
    };
    scene.transport.registerProducer(producer({ resumeProducing }), false as true);
  },
  "pauseProducing() of a push producer": async (scene) => {
    await scene.connect();
    await fill(scene, producer({ pauseProducing: scene.act }));
  },
  "resumeProducing() of a push producer": async (scene) => {
    await scene.connect();
    await fill(scene, producer({ resumeProducing: scene.act }));
    scene.peer.transport.resumeProducing();
  },
  "stopProducing() of a producer": async (scene) => {
    await scene.connect();
    const stopProducing = () => {
      scene.subject.calls.push("stopProducing");
      scene.act();
    };
    scene.transport.registerProducer(producer({ stopProducing }), true);
    scene.peer.transport.abortConnection();
  },
  "buildProtocol() of another connection": async (scene) => {
    await scene.connect();
    const { port } = serve(scene.reactor, () => {
      scene.act();
      return new Recorder();
    });
    await dial(scene.reactor, port, new Recorder());
  },
  "startedConnecting() of another connection": async (scene) => {
    await scene.connect();
    const factory = new Client(() => new Recorder());
    factory.onStarted = scene.act;
    scene.reactor.connectTCP(loopback(), await freePort(), factory);
  },
  "clientConnectionFailed() of another connection": async (scene) => {
    await scene.connect();
    const factory = new Client(() => new Recorder());
    factory.onFailed = scene.act;
    scene.reactor.connectTCP(loopback(), await freePort(), factory);
  },
  "clientConnectionLost() of another connection": async (scene) => {
    await scene.connect();
    const factory = new Client(() => new Recorder());
    factory.onLost = scene.act;
    const { port } = serve(scene.reactor, () => new Recorder());
    scene.reactor.connectTCP(loopback(), port, factory);
    (await factory.next()).transport.loseConnection();
  },
  "a delayed call": async (scene) => {
    await scene.connect();
    scene.reactor.callLater(0, scene.act);
  },
  "a promise": async (scene) => {
    await scene.connect();
    await Promise.resolve().then(scene.act);
  },
};

/** Write for a peer that does not read until the producer is paused. */
async function fill({ peer, transport }: Scene, full: PushProducer): Promise<void> {
  peer.transport.pauseProducing();
  let paused = false;
  const { pauseProducing } = full;
  full.pauseProducing = () => {
    paused = true;
    pauseProducing();
  };
  transport.registerProducer(full, true);
  while (!paused) transport.write(MIB);
}

type Call = (scene: Scene) => void;

/** Every member of a transport, with what it promises at any time. */
const METHODS: Readonly<Record<TransportMember, Call>> = {
  "write()": ({ transport }) => expect(transport.write("x")).toBeUndefined(),
  "writeSequence()": ({ transport }) => transport.writeSequence(["a", Buffer.from("b"), "", MIB]),
  "loseConnection()": ({ transport }) => {
    transport.loseConnection();
    transport.loseConnection();
  },
  "abortConnection()": ({ transport }) => {
    transport.abortConnection();
    transport.abortConnection();
  },
  "loseWriteConnection()": ({ transport }) => {
    transport.loseWriteConnection();
    transport.loseWriteConnection();
  },
  "pauseProducing()": ({ transport }) => transport.pauseProducing(),
  "resumeProducing()": ({ transport }) => transport.resumeProducing(),
  "stopProducing()": ({ transport }) => transport.stopProducing(),
  "registerProducer()": ({ transport, subject }) => {
    const lost = subject.calls.includes("connectionLost") || subject.calls.includes("stopProducing");
    let stopped = 0;
    transport.unregisterProducer();
    transport.registerProducer(producer({ stopProducing: () => stopped++ }), true);
    expect(stopped).toBe(lost ? 1 : 0);
  },
  "unregisterProducer()": ({ transport }) => {
    transport.unregisterProducer();
    transport.unregisterProducer();
  },
  "setTcpNoDelay()": ({ transport, subject }) => {
    transport.setTcpNoDelay(false);
    if (subject.losses === 0) expect(transport.getTcpNoDelay()).toBe(false);
    transport.setTcpNoDelay(true);
  },
  "getTcpNoDelay()": ({ transport }) => expect(transport.getTcpNoDelay()).toBeTypeOf("boolean"),
  "setTcpKeepAlive()": ({ transport }) => transport.setTcpKeepAlive(true),
  "getTcpKeepAlive()": ({ transport }) => expect(transport.getTcpKeepAlive()).toBeTypeOf("boolean"),
  "getPeer()": ({ transport }) => expect(transport.getPeer()).toMatchObject({ type: "TCP", host: loopback() }),
  "getHost()": ({ transport }) => expect(transport.getHost()).toMatchObject({ type: "TCP" }),
  disconnecting: ({ transport }) => expect(transport.disconnecting).toBeTypeOf("boolean"),
  "switchProtocol()": (scene) => {
    const next = new HalfRecorder();
    scene.transport.switchProtocol(next);
    // A no-op once the connection is lost.
    if (next.connected) scene.subject = next;
  },
};

/** Arguments and sequences that differ from those above, and what may happen to others meanwhile. */
const MORE: Readonly<Record<string, Call>> = {
  "write() of nothing": ({ transport }) => expect(transport.write("")).toBeUndefined(),
  "write() of 1 MiB": ({ transport }) => transport.write(MIB),
  "write() and loseWriteConnection()": ({ transport }) => {
    transport.write(MIB);
    transport.loseWriteConnection();
  },
  "loseConnection(), then all the others": ({ transport }) => {
    transport.loseConnection();
    transport.write("late");
    transport.loseWriteConnection();
    transport.pauseProducing();
    transport.resumeProducing();
    transport.setTcpNoDelay(true);
    transport.abortConnection();
    transport.write("later");
    transport.getHost();
  },
  "pauseProducing() and resumeProducing()": ({ transport }) => {
    transport.pauseProducing();
    transport.resumeProducing();
  },
  "registerProducer() of a pull producer": ({ transport }) => {
    let asked = 0;
    transport.unregisterProducer();
    transport.registerProducer(
      producer({ resumeProducing: () => asked++, stopProducing: () => asked++ }),
      false as true,
    );
    expect(asked).toBe(1);
    transport.unregisterProducer();
  },
  "abortConnection() of another": ({ other }) => other.transport.abortConnection(),
  "loseConnection() of another": ({ other }) => other.transport.loseConnection(),
  "write() to another and its end": ({ other }) => {
    other.transport.write(MIB);
    other.transport.loseWriteConnection();
  },
  "abortConnection() of both ends": ({ peer, transport }) => {
    peer.transport?.abortConnection();
    transport.abortConnection();
  },
  "listenTCP()": ({ reactor, opened }) => {
    const { listening } = serve(reactor, () => new Recorder());
    expect(listening.getHost().port).toBeGreaterThan(0);
    opened.push(async () => {
      await dial(reactor, listening.getHost().port, new Recorder());
      await listening.stopListening();
    });
  },
  "connectTCP()": ({ reactor, opened }) => {
    const { port, listening } = serve(reactor, () => new Echo());
    const factory = new Client(() => new Recorder());
    expect(reactor.connectTCP(loopback(), port, factory).state).toBe("connecting");
    opened.push(async () => {
      const protocol = await factory.next();
      await protocol.made.promise;
      protocol.transport.loseConnection();
      await protocol.lost.promise;
      await listening.stopListening();
    });
  },
  "connectTCP() that is stopped": ({ reactor }) => {
    const factory = new Client(() => new Recorder());
    const connector = reactor.connectTCP(loopback(), 9, factory);
    connector.stopConnecting();
    expect(connector.state).toBe("disconnected");
  },
};

forEachReactor((make) => {
  test.each(Object.keys(CALLBACKS))(
    "in %s every method works as documented, and the connection continues",
    async (callback) => {
      const reactor = make();
      for (const [name, method] of Object.entries({ ...METHODS, ...MORE })) {
        const scene = new Scene(reactor, method);
        const { peer, other, othersPeer } = scene;
        await pair(reactor, other, othersPeer);
        await CALLBACKS[callback]!(scene);
        await scene.done.promise;
        expect(scene.thrown, `thrown by ${name}`).toBeUndefined();
        for (const open of scene.opened) await open();
        await turns(2);
        const all = [scene.subject, peer, other, othersPeer].filter(({ connected }) => connected);
        for (const { transport } of all) transport.abortConnection();
        await Promise.all(all.map(({ lost }) => lost.promise));
        await turns(1);
        expect(
          all.map(({ losses, calls }) => [losses, calls[0], calls.at(-1)]),
          `after ${name}`,
        ).toEqual(Array(all.length).fill([1, "connectionMade", "connectionLost"]));
      }
      const { port } = serve(reactor, () => new Echo());
      const last = await dial(reactor, port, new Recorder());
      last.transport.write("all is well");
      await last.arrived.reaches(11);
    },
  );

  test.each(Object.keys(CALLBACKS))("in %s the reactor can be stopped", async (callback) => {
    const reactor = make({ run: false });
    const ended = reactor.run({ installSignalHandlers: false });
    const scene = new Scene(reactor, () => reactor.stop());
    const { subject, peer, other, othersPeer } = scene;
    await pair(reactor, other, othersPeer);
    // What the callback's way would do after the stop may fail, or never come to an end.
    Promise.resolve(CALLBACKS[callback]!(scene)).catch(() => {});
    await scene.done.promise;
    expect(scene.thrown).toBeUndefined();
    await ended;
    expect([other.losses, othersPeer.losses]).toEqual([1, 1]);
    expect(await other.lossError()).toBeInstanceOf(ConnectionLost);
    for (const { losses, calls } of [subject, peer]) expect(losses).toBe(calls.length > 0 ? 1 : 0);
    expect(reactor.ports.size).toBe(0);
    expect(() => reactor.listenTCP(0, new Server(() => new Recorder())).stopListening()).not.toThrow();
  });
});
