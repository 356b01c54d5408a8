/** Peers that reset the connection, in every state that it can be in: it is lost once, and nothing is left behind. */

import { expect, test } from "vitest";
import { ConnectionLost, ConnectionRefusedError } from "../../src/internet/error.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import type { TcpConnection } from "../../src/internet/stream/connection.ts";
import { noticeResets } from "../../src/internet/stream/resets.ts";
import { freePort } from "../helpers/freeport.ts";
import { turns, until } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Client, dial, HalfRecorder, Recorder, serve } from "../helpers/recorder.ts";
import { volume } from "../helpers/volume.ts";
import { loopback } from "../helpers/world.ts";

const ROUNDS = volume({ gate: 20, long: 100 });
const MIB = 1024 * 1024;
/** The buffers of both kernels, and what io_uring receives before it hears that the peer has paused, hold 8 MiB and more. */
const MORE_THAN_FITS = 16 * MIB;

/** The first write may leave before the reset is there. */
async function writeUntilLost(protocol: Recorder): Promise<void> {
  while (protocol.losses === 0) {
    protocol.transport.write("anybody there?");
    await turns(1);
  }
}

forEachReactor((make) => {
  /**
   * Connect `ROUNDS` peers, and let each bring its connection into a state, reset, and then give the connection its
   * chance to notice, where it has to be given one.
   */
  async function resetAll<P extends Recorder>(
    build: () => P,
    steps: {
      prepare?: (protocol: P, peer: Recorder) => unknown;
      afterwards?: (protocol: P) => unknown;
    },
    reactor: EngineReactor = make(),
  ): Promise<P[]> {
    const { factory, port, next } = serve(reactor, build);
    for (let i = 0; i < ROUNDS; i++) {
      const peer = new Recorder();
      peer.onMade = () => peer.transport.pauseProducing();
      await dial(reactor, port, peer);
      const protocol = await next();
      await steps.prepare?.(protocol, peer);
      peer.transport.abortConnection();
      await peer.lost.promise;
      await steps.afterwards?.(protocol);
    }
    const errors = await Promise.all(factory.built.map((protocol) => protocol.lossError()));
    for (const error of errors) expect(error).toBeInstanceOf(ConnectionLost);
    await turns(3);
    expect(factory.built.map(({ losses }) => losses)).toEqual(Array(ROUNDS).fill(1));
    return factory.built;
  }

  test("before it was accepted", async () => {
    const reactor = make({ run: false });
    const { factory, port } = serve(reactor, () => new Recorder(), { backlog: 2 * ROUNDS });
    const peers = await Promise.all(Array.from({ length: ROUNDS }, () => Peer.connect(port)));
    for (const peer of peers) peer.reset();
    await Promise.all(peers.map(({ closed }) => closed));
    const ended = reactor.run({ installSignalHandlers: false });
    const last = await dial(reactor, port, new Recorder());
    await until(() => factory.built.length === ROUNDS + 1);
    const reset = factory.built.slice(0, ROUNDS);
    for (const protocol of reset) expect(await protocol.lossError()).toMatchObject({ osError: "ECONNRESET" });
    expect(reset.map(({ calls }) => calls)).toEqual(Array(ROUNDS).fill(["connectionMade", "connectionLost"]));
    expect(last.losses).toBe(0);
    reactor.stop();
    await ended;
  });

  test("accepted, with unread bytes", async () => {
    const built = await resetAll(() => new Recorder(), {
      prepare: (_protocol, peer) => peer.transport.write("unread"),
    });
    expect(await Promise.all(built.map((protocol) => protocol.lossError()))).toContainEqual(
      expect.objectContaining({ osError: "ECONNRESET" }),
    );
  });

  test("while it is reading a stream", async () => {
    await resetAll(() => new Recorder(), {
      prepare: (protocol, peer) => {
        peer.transport.write(Buffer.alloc(MIB));
        return protocol.arrived.reaches(1);
      },
    });
  });

  test("idle", async () => {
    const built = await resetAll(() => new Recorder(), {});
    for (const protocol of built) expect(await protocol.lossError()).toMatchObject({ osError: "ECONNRESET" });
  });

  test("while it is paused, detected when it resumes reading", async () => {
    await resetAll(() => new Recorder(), {
      prepare: (protocol, peer) => {
        protocol.transport.pauseProducing();
        peer.transport.write("unread");
      },
      afterwards: async (protocol) => {
        await turns(2);
        protocol.transport.resumeProducing();
      },
    });
  });

  test("while it is paused, detected when it is probed, whatever is unread", async () => {
    await resetAll(() => new Recorder(), {
      prepare: (protocol, peer) => {
        protocol.transport.pauseProducing();
        noticeResets(protocol.transport);
        peer.transport.write("unread");
      },
      afterwards: async (protocol) => {
        while (protocol.losses === 0) {
          expect((protocol.transport as TcpConnection).probe()).toBe(true);
          await turns(1);
        }
        expect(protocol.calls).toEqual(["connectionMade", "connectionLost"]);
      },
    });
  });

  test("a probe of a connection that is not paused, or does not notice resets, asks nothing; of one that is open, it ends nothing", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    const transport = protocol.transport as TcpConnection;
    expect(transport.probe()).toBe(false);
    transport.pauseProducing();
    expect(transport.probe()).toBe(false);
    noticeResets(transport);
    expect(transport.probe()).toBe(true);
    peer.write("still here");
    await turns(3);
    expect(transport.probe()).toBe(true);
    transport.resumeProducing();
    expect(transport.probe()).toBe(false);
    await protocol.arrived.reaches(10);
    expect(protocol.text).toBe("still here");
  });

  test("while it is paused, detected when it writes", async () => {
    await resetAll(() => new Recorder(), {
      prepare: (protocol) => protocol.transport.pauseProducing(),
      afterwards: writeUntilLost,
    });
  });

  test("with its outbox full", async () => {
    await resetAll(() => new Recorder(), {
      prepare: (protocol) => protocol.transport.write(Buffer.alloc(MORE_THAN_FITS)),
    });
  });

  test("with its outbox full and paused", async () => {
    await resetAll(() => new Recorder(), {
      prepare: (protocol) => {
        protocol.transport.pauseProducing();
        protocol.transport.write(Buffer.alloc(MORE_THAN_FITS));
      },
    });
  });

  test("after it has half-closed", async () => {
    await resetAll(() => new HalfRecorder(), {
      prepare: (protocol) => {
        protocol.transport.loseWriteConnection();
        return protocol.writeEnded.promise;
      },
    });
  });

  test("after the peer has half-closed, detected when it writes", async () => {
    await resetAll(() => new HalfRecorder(), {
      prepare: (protocol, peer) => {
        peer.transport.loseWriteConnection();
        return protocol.readEnded.promise;
      },
      afterwards: writeUntilLost,
    });
  });

  test("after the peer has half-closed, detected without a write", async () => {
    await resetAll(() => new HalfRecorder(), {
      prepare: (protocol, peer) => {
        peer.transport.loseWriteConnection();
        return protocol.readEnded.promise;
      },
      afterwards: (protocol) => protocol.lost.promise,
    });
  });

  test("after the peer has half-closed, with the outbox full", async () => {
    await resetAll(() => new HalfRecorder(), {
      prepare: (protocol, peer) => {
        protocol.transport.write(Buffer.alloc(MORE_THAN_FITS));
        peer.transport.loseWriteConnection();
        return protocol.readEnded.promise;
      },
    });
  });

  test("while loseConnection() flushes", async () => {
    await resetAll(() => new Recorder(), {
      prepare: (protocol) => {
        protocol.transport.write(Buffer.alloc(MORE_THAN_FITS));
        protocol.transport.loseConnection();
      },
    });
  });

  test("while a pull producer delays the close", async () => {
    await resetAll(() => new Recorder(), {
      prepare: (protocol) => {
        const producer = {
          resumeProducing: () => protocol.transport.write(Buffer.alloc(MIB)),
          stopProducing: () => {},
        };
        protocol.transport.registerProducer(producer, false);
        protocol.transport.loseConnection();
      },
    });
  });

  test("just connected, by a port that closes before it has accepted", async () => {
    const reactor = make();
    const silent = make({ run: false });
    const { port } = serve(silent, () => new Recorder(), { backlog: 2 * ROUNDS });
    const clients = await Promise.all(Array.from({ length: ROUNDS }, () => dial(reactor, port, new Recorder())));
    silent.destroy();
    for (const client of clients) expect(await client.lossError()).toMatchObject({ osError: "ECONNRESET" });
    expect(clients.map(({ losses }) => losses)).toEqual(Array(ROUNDS).fill(1));
  });

  test("connecting: each attempt fails once", async () => {
    const reactor = make();
    const port = await freePort();
    const factories = Array.from({ length: ROUNDS }, () => new Client(() => new Recorder()));
    for (const factory of factories) reactor.connectTCP(loopback(), port, factory);
    for (const { failures } of factories) {
      expect((await failures.next()).value).toBeInstanceOf(ConnectionRefusedError);
    }
    await turns(3);
    const attempt = ["doStart", "startedConnecting", "clientConnectionFailed", "doStop"];
    expect(factories.map(({ calls }) => calls)).toEqual(Array(ROUNDS).fill(attempt));
  });

  test("while it is paused: loseWriteConnection() detects it, with ECONNRESET", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    await protocol.made.promise;
    protocol.transport.pauseProducing();
    await turns(2);
    peer.reset();
    await peer.closed;
    await turns(5);
    protocol.transport.loseWriteConnection();
    expect(await protocol.lossError()).toMatchObject({ osError: "ECONNRESET" });
  });

  // More is unread than node:net reads ahead, so that nobody hears of the reset before shutdown(2).
  test.each(["loseWriteConnection", "loseConnection"] as const)(
    "while it is paused and much is unread: %s() finds it, with ECONNRESET",
    async (end) => {
      const { port, next } = serve(make(), () => new Recorder());
      const peer = await Peer.connect(port);
      const protocol = await next();
      await protocol.made.promise;
      protocol.transport.pauseProducing();
      peer.write(Buffer.alloc(MIB));
      await turns(10);
      peer.reset();
      await peer.closed;
      await turns(5);
      protocol.transport[end]();
      expect(await protocol.lossError()).toMatchObject({ osError: "ECONNRESET" });
    },
  );
});
