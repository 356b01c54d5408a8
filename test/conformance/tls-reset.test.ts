/** Peers that reset a connection with TLS, in every state that it can be in: it is lost once, and nothing is left behind. */
import { expect, test } from "vitest";
import { ConnectionLost } from "../../src/internet/error.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import type { ContextFactory } from "../../src/internet/tls/seam.ts";
import { Gate, turns, until } from "../helpers/gate.ts";
import { Peer, PeerServer } from "../helpers/peer.ts";
import { takeLog } from "../helpers/reactors.ts";
import {
  clientTLS,
  dialTLS,
  forEachTLSReactor,
  Secure,
  SecureHalf,
  serverTLS,
  serveTLS,
  TLSPeer,
  Way,
} from "../helpers/secure.ts";
import { volume } from "../helpers/volume.ts";

const ROUNDS = volume({ gate: 10, long: 100 });
const MIB = 1024 * 1024;
const MORE_THAN_FITS = 16 * MIB;

type Prepare = (server: SecureHalf, client: TLSPeer) => unknown;

forEachTLSReactor((make) => {
  /** Connections whose handshake is done, through a way that resets its far end once `prepare` is done. */
  async function resetAll(prepare: Prepare, afterwards: (server: SecureHalf) => unknown = () => undefined) {
    const { factory, port } = serveTLS(make(), () => new SecureHalf());
    const way = await Way.to(port);
    for (let i = 0; i < ROUNDS; i++) {
      const client = TLSPeer.begin(way.port);
      const { near, far } = await way.next();
      // Closing records go on, and no FIN: a socket of Node's that has sent one cannot reset any more.
      near.socket.removeAllListeners("end");
      await client.secured;
      const server = factory.built[i]!;
      await server.secured.promise;
      await prepare(server, client);
      far.reset();
      await far.closed;
      await afterwards(server);
      await server.lost.promise;
    }
    for (const server of factory.built) {
      const error = await server.lossError();
      expect(error).toBeInstanceOf(ConnectionLost);
      expect(server.losses).toBe(1);
    }
    return factory.built;
  }

  async function writeUntilLost(server: Secure): Promise<void> {
    while (server.losses === 0) {
      server.transport.write("anybody there?");
      await turns(1);
    }
  }

  test("idle", async () => {
    for (const server of await resetAll(() => undefined)) {
      expect(await server.lossError()).toMatchObject({ osError: "ECONNRESET" });
    }
  });

  test("paused, detected when it resumes", async () => {
    await resetAll(
      async (server, client) => {
        server.transport.pauseProducing();
        client.write("unread");
        await turns(3);
      },
      async (server) => {
        await turns(2);
        server.transport.resumeProducing();
      },
    );
  });

  test("paused, detected when it writes", async () => {
    await resetAll((server) => server.transport.pauseProducing(), writeUntilLost);
  });

  test("with its outbox full", async () => {
    await resetAll((server, client) => {
      client.tls.pause();
      server.transport.write(Buffer.alloc(MORE_THAN_FITS));
    });
  });

  test("while it receives a stream", async () => {
    await resetAll(async (server, client) => {
      client.write(Buffer.alloc(MIB));
      await server.arrived.reaches(1);
    });
  });

  test("half-closed by itself", async () => {
    await resetAll(async (server) => {
      server.transport.loseWriteConnection();
      await server.writeEnded.promise;
    });
  });

  test("half-closed by its peer, detected when it writes", async () => {
    await resetAll(async (server, client) => {
      client.end();
      await server.readEnded.promise;
    }, writeUntilLost);
  });

  test("half-closed by its peer, detected without a write", async () => {
    await resetAll(async (server, client) => {
      client.end();
      await server.readEnded.promise;
    });
  });

  test("closing, with bytes unsent", async () => {
    await resetAll((server, client) => {
      client.tls.pause();
      server.transport.write(Buffer.alloc(MORE_THAN_FITS));
      server.transport.loseConnection();
    });
  });

  /** Servers in the middle of a handshake, whose clients reset. */
  async function resetEarly(
    prepare: (peer: Peer, server: Secure) => unknown,
    { reactor = make(), ofServer = serverTLS() }: { reactor?: EngineReactor; ofServer?: ContextFactory } = {},
  ): Promise<void> {
    const { factory, port, next } = serveTLS(reactor, () => new Secure(), ofServer);
    for (let i = 0; i < ROUNDS; i++) {
      const peer = await Peer.connect(port);
      const server = await next();
      await prepare(peer, server);
      peer.reset();
      await server.lost.promise;
    }
    for (const server of factory.built) {
      expect(await server.lossError()).toBeInstanceOf(ConnectionLost);
      expect(server.calls).toEqual(["connectionMade", "connectionLost"]);
    }
  }

  test("before its first byte", async () => {
    await resetEarly(() => turns(2));
  });

  test("with a part of its hello sent", async () => {
    const hello = await helloOf();
    for (const part of [1, 5, 6, 100, hello.length - 1]) {
      await resetEarly(async (peer) => {
        peer.write(hello.subarray(0, part));
        await turns(2);
      });
    }
  });

  test("in the middle of the handshake", async () => {
    const hello = await helloOf();
    await resetEarly(async (peer) => {
      peer.write(hello);
      await peer.arrived.reaches(100);
    });
  });

  test("while the program is asked, which answers later, or never", async () => {
    const hello = await helloOf();
    const answer = new Gate<object>();
    let asked = 0;
    const onClient = () => {
      asked++;
      return answer.promise;
    };
    let before = 0;
    await resetEarly(
      async (peer) => {
        peer.write(hello);
        await until(() => asked > before);
        before = asked;
      },
      { ofServer: serverTLS({ onClient }) },
    );
    answer.open({});
    await turns(5);
    expect(takeLog()).toEqual([]);
  });

  test("a client in the middle of the handshake", async () => {
    const reactor = make();
    const server = await PeerServer.listen();
    for (let i = 0; i < ROUNDS; i++) {
      const client = await dialTLS(reactor, server.port, new Secure(), clientTLS());
      const peer = await server.accepted();
      await peer.arrived.reaches(100);
      peer.reset();
      expect(await client.lossError()).toBeInstanceOf(ConnectionLost);
      expect(client.calls).toEqual(["connectionMade", "connectionLost"]);
    }
  });

  /** The first flight of a client. */
  async function helloOf(): Promise<Buffer> {
    const server = await PeerServer.listen();
    const client = TLSPeer.begin(server.port);
    const peer = await server.accepted();
    await peer.arrived.reaches(5);
    const hello = await peer.takeBytes(peer.arrived.count);
    await client.close();
    return hello;
  }
});
