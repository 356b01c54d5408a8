/** What is thrown by a method that the reactor calls ends that connection, and nothing else. */

import { describe, expect, test } from "vitest";
import type { PushProducer } from "../../src/internet/interfaces.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { freePort } from "../helpers/freeport.ts";
import { turns } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor, takeLog } from "../helpers/reactors.ts";
import { Client, dial, Echo, HalfRecorder, Recorder, serve } from "../helpers/recorder.ts";
import { loopback } from "../helpers/world.ts";

const BOOM = new Error("boom");
const boom = (): never => {
  throw BOOM;
};
const reject = (): Promise<never> => Promise.reject(BOOM);

/** A producer of which one method throws. */
function producer(overrides: Partial<PushProducer>): PushProducer {
  return { resumeProducing: () => {}, pauseProducing: () => {}, stopProducing: () => {}, ...overrides };
}

/** A way to have a method called that throws: what the protocol is like, and what brings it there. */
interface Case {
  readonly prepare: (protocol: HalfRecorder) => void;
  readonly provoke?: (peer: Peer, protocol: HalfRecorder) => void;
}

/** The error is the reason that the connection is lost for. */
const TOLD: Record<string, Case> = {
  "makeConnection() throws": {
    prepare: (protocol) => {
      protocol.makeConnection = (transport) => {
        protocol.transport = transport;
        boom();
      };
    },
  },
  "connectionMade() throws": {
    prepare: (protocol) => {
      protocol.onMade = boom;
    },
  },
  "an async connectionMade() rejects": {
    prepare: (protocol) => {
      protocol.connectionMade = reject as () => never;
      protocol.makeConnection = (transport) => {
        protocol.transport = transport;
        return protocol.connectionMade();
      };
    },
  },
  "dataReceived() throws": {
    prepare: (protocol) => {
      protocol.onData = boom;
    },
    provoke: (peer) => peer.write("x"),
  },
  "an async dataReceived() rejects": {
    prepare: (protocol) => {
      protocol.dataReceived = async () => {
        await turns(2);
        boom();
      };
    },
    provoke: (peer) => peer.write("x"),
  },
  "dataReceived() throws after loseConnection()": {
    prepare: (protocol) => {
      protocol.onData = () => {
        protocol.transport.loseConnection();
        boom();
      };
    },
    provoke: (peer) => peer.write("x"),
  },
  "dataReceived() throws with much to send": {
    prepare: (protocol) => {
      protocol.onData = () => {
        protocol.transport.write(Buffer.alloc(8 * 1024 * 1024));
        boom();
      };
    },
    provoke: (peer) => peer.write("x"),
  },
  "readConnectionLost() throws": {
    prepare: (protocol) => {
      protocol.onReadEnd = boom;
    },
    provoke: (peer) => peer.end(),
  },
  "an async readConnectionLost() rejects": {
    prepare: (protocol) => {
      protocol.readConnectionLost = reject as () => never;
    },
    provoke: (peer) => peer.end(),
  },
  "writeConnectionLost() throws": {
    prepare: (protocol) => {
      protocol.onWriteEnd = boom;
    },
    provoke: (_peer, protocol) => protocol.transport.loseWriteConnection(),
  },
  "an async writeConnectionLost() rejects": {
    prepare: (protocol) => {
      protocol.writeConnectionLost = reject as () => never;
    },
    provoke: (_peer, protocol) => protocol.transport.loseWriteConnection(),
  },
  "pauseProducing() of a producer throws in a write of dataReceived()": {
    prepare: (protocol) => {
      protocol.onData = () => {
        protocol.transport.registerProducer(producer({ pauseProducing: boom }), true);
        protocol.transport.write(Buffer.alloc(32 * 1024 * 1024));
      };
    },
    provoke: (peer) => peer.write("x"),
  },
  "resumeProducing() of a push producer throws": {
    prepare: (protocol) => {
      protocol.onData = () => {
        protocol.transport.registerProducer(producer({ resumeProducing: boom }), true);
        protocol.transport.write(Buffer.alloc(32 * 1024 * 1024));
      };
    },
    provoke: (peer) => peer.write("x"),
  },
  "resumeProducing() of a pull producer throws when it is registered": {
    prepare: (protocol) => {
      protocol.onData = () => {
        protocol.transport.registerProducer(producer({ resumeProducing: boom }), false as true);
      };
    },
    provoke: (peer) => peer.write("x"),
  },
  "resumeProducing() of a pull producer throws when it is asked for more": {
    prepare: (protocol) => {
      protocol.onData = () => {
        let asked = 0;
        const resumeProducing = () => {
          if (++asked === 3) boom();
          protocol.transport.write("piece");
        };
        protocol.transport.registerProducer(producer({ resumeProducing }), false as true);
      };
    },
    provoke: (peer) => peer.write("x"),
  },
};

/** The connection is lost already, or about to be: the error is logged. */
const LOGGED: Record<string, Case> = {
  "connectionLost() throws": {
    prepare: (protocol) => {
      protocol.onLost = boom;
    },
    provoke: (peer) => peer.reset(),
  },
  "an async connectionLost() rejects": {
    prepare: (protocol) => {
      const { connectionLost } = protocol;
      protocol.connectionLost = ((reason) => {
        connectionLost.call(protocol, reason);
        return reject();
      }) as typeof connectionLost;
    },
    provoke: (peer) => peer.reset(),
  },
  "stopProducing() of a producer throws": {
    prepare: (protocol) => {
      protocol.onMade = () => protocol.transport.registerProducer(producer({ stopProducing: boom }), true);
    },
    provoke: (peer) => peer.reset(),
  },
};

forEachReactor((make) => {
  /** Run `provoke` beside a neighbour on the same port, which must notice nothing; one error may be logged. */
  async function run({ prepare, provoke }: Case): Promise<HalfRecorder> {
    const protocol = new HalfRecorder();
    prepare(protocol);
    let count = 0;
    const { port, next } = serve<Recorder>(make(), () => (count++ === 1 ? protocol : new Echo()));
    const neighbour = await Peer.connect(port);
    await next();
    const peer = await Peer.connect(port).catch(() => undefined);
    await next();
    await turns(1);
    if (provoke !== undefined) provoke(peer!, protocol);
    await protocol.lost.promise;
    neighbour.write("are you well?");
    expect(await neighbour.take(13)).toBe("are you well?");
    const newcomer = await Peer.connect(port);
    newcomer.write("and you?");
    expect(await newcomer.take(8)).toBe("and you?");
    expect(protocol.losses).toBe(1);
    return protocol;
  }

  test.each(Object.entries(TOLD))("when %s, its connection is lost for that reason", async (_name, how) => {
    const protocol = await run(how);
    expect(await protocol.lossError()).toBe(BOOM);
    expect(takeLog()).toEqual([expect.stringMatching(/HalfRecorder threw.*Error: boom$/)]);
  });

  test.each(Object.entries(LOGGED))("when %s, the error is logged", async (_name, how) => {
    const protocol = await run(how);
    expect(await protocol.lossError()).toMatchObject({ osError: "ECONNRESET" });
    expect(takeLog()).toEqual([expect.stringContaining("boom")]);
  });

  test.each([["text"], [0], [null], [undefined], [false], [{ code: 7 }]])(
    "when what is thrown is %j, that is the reason",
    async (thrown) => {
      const protocol = await run({
        prepare: (protocol) => {
          protocol.onData = () => {
            throw thrown;
          };
        },
        provoke: (peer) => peer.write("x"),
      });
      expect(await protocol.lossError()).toBe(thrown);
      expect(takeLog()).toHaveLength(1);
    },
  );

  test("when stopFactory() throws, each stopListening() fails with the error", async () => {
    const reactor = make();
    const { factory, listening, port } = serve(reactor, () => new Recorder());
    factory.stopFactory = boom;
    const outcomes = await Promise.allSettled([listening.stopListening(), listening.stopListening()]);
    expect(outcomes).toEqual([
      { status: "rejected", reason: BOOM },
      { status: "rejected", reason: BOOM },
    ]);
    await expect(Peer.connect(port)).rejects.toThrow("ECONNREFUSED");
    await listening.stopListening();
  });

  test("when stopFactory() throws while the reactor stops, the error is logged, and the reactor stops", async () => {
    const reactor = make();
    const { factory } = serve(reactor, () => new Recorder());
    factory.stopFactory = boom;
    await reactor[Symbol.asyncDispose]();
    expect(takeLog()).toEqual([expect.stringContaining("boom")]);
  });

  describe("of a client", () => {
    /** A neighbour of the same reactor goes on. */
    async function neighbourGoesOn(reactor: EngineReactor): Promise<void> {
      const { port } = serve(reactor, () => new Echo());
      const neighbour = await dial(reactor, port, new Recorder());
      neighbour.transport.write("hello");
      await neighbour.arrived.reaches(5);
    }

    test("when buildProtocol() throws, the connection is lost for that reason", async () => {
      const reactor = make();
      const { port, next } = serve(reactor, () => new Recorder());
      const factory = new Client<Recorder>(boom);
      reactor.connectTCP(loopback(), port, factory);
      expect((await factory.losses.next()).value).toBe(BOOM);
      await (await next()).lost.promise;
      await turns(1);
      expect(factory.calls.slice(-2)).toEqual(["clientConnectionLost", "doStop"]);
      await neighbourGoesOn(reactor);
      expect(takeLog()).toEqual([expect.stringMatching(/buildProtocol.*boom/)]);
    });

    test("when clientConnectionLost() throws, the error is logged and the factory stopped", async () => {
      const reactor = make();
      const { port } = serve(reactor, () => new Recorder());
      const factory = new Client(() => new Recorder());
      factory.onLost = boom;
      const connector = reactor.connectTCP(loopback(), port, factory);
      (await factory.next()).transport.loseConnection();
      await factory.losses.next();
      await turns(1);
      expect(factory.calls.slice(-2)).toEqual(["clientConnectionLost", "doStop"]);
      expect(connector.state).toBe("disconnected");
      await neighbourGoesOn(reactor);
      expect(takeLog()).toEqual([expect.stringContaining("boom")]);
    });

    test("when clientConnectionFailed() throws, the error is logged and the factory stopped", async () => {
      const reactor = make();
      const factory = new Client(() => new Recorder());
      factory.onFailed = boom;
      const connector = reactor.connectTCP(loopback(), await freePort(), factory);
      await factory.failures.next();
      await turns(1);
      expect(factory.calls).toEqual(["doStart", "startedConnecting", "clientConnectionFailed", "doStop"]);
      expect(connector.state).toBe("disconnected");
      await neighbourGoesOn(reactor);
      expect(takeLog()).toEqual([expect.stringContaining("boom")]);
    });

    test("when startedConnecting() throws, the attempt fails for that reason", async () => {
      const reactor = make();
      const { port, factory: server } = serve(reactor, () => new Recorder());
      const factory = new Client(() => new Recorder());
      factory.onStarted = boom;
      const connector = reactor.connectTCP(loopback(), port, factory);
      expect((await factory.failures.next()).value).toBe(BOOM);
      await turns(3);
      expect(connector.state).toBe("disconnected");
      expect(factory.calls).toEqual(["doStart", "startedConnecting", "clientConnectionFailed", "doStop"]);
      expect(server.built.every(({ calls }) => calls.length > 0)).toBe(true);
      await neighbourGoesOn(reactor);
      expect(takeLog()).toEqual([expect.stringContaining("boom")]);
    });

    test("when doStart() throws, connectTCP() and listenTCP() throw it, and nothing is left open", async () => {
      const reactor = make();
      const factory = new Client(() => new Recorder());
      factory.doStart = boom;
      const port = await freePort();
      expect(() => reactor.connectTCP(loopback(), port, factory)).toThrow(BOOM);
      expect(() => reactor.listenTCP(port, factory, { interface: loopback() })).toThrow(BOOM);
      expect(reactor.getDelayedCalls()).toEqual([]);
      await expect(Peer.connect(port)).rejects.toThrow("ECONNREFUSED");
      await neighbourGoesOn(reactor);
    });

    test("when doStop() throws, the error is logged", async () => {
      const reactor = make();
      const factory = new Client(() => new Recorder());
      factory.doStop = boom;
      reactor.connectTCP(loopback(), await freePort(), factory);
      await factory.failures.next();
      await neighbourGoesOn(reactor);
      expect(takeLog()).toEqual([expect.stringContaining("boom")]);
    });
  });
});
