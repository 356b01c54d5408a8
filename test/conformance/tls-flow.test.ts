/** Streams over TLS: whole and in order at any pace, with producers at either end, and with pauses at any time. */
import { expect, test } from "vitest";
import { ConnectionDone } from "../../src/internet/error.ts";
import type { Transport } from "../../src/internet/interfaces.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { settled, turns } from "../helpers/gate.ts";
import {
  chachaTLS,
  clientTLS,
  dialTLS,
  forEachTLSReactor,
  pairTLS,
  Secure,
  serverTLS,
  serveTLS,
  TLSPeer,
  VERSIONS,
} from "../helpers/secure.ts";
import { volume } from "../helpers/volume.ts";

const MIB = 1024 * 1024;
/** What a stream has that is to arrive; to encrypt and decrypt it takes an emulated machine fifty times as long. */
const STREAM = volume({ gate: 8, long: 32 }) * MIB;
/** More than the network and a peer that reads nothing take: Linux lets a send buffer grow to 4 MiB. */
const SIZE = 6 * MIB;
/** And what node:tls takes of itself. */
const MUCH = 16 * MIB;
/** What is written piece by piece. */
const PIECES = volume({ gate: 100_000, long: 2_000_000 });

/** Compares what it receives with the flow. */
class Checking extends Secure {
  readonly check = new FlowCheck();

  protected override keep(data: Buffer): void {
    this.check.take(data);
  }
}

/** Reads slowly: after each piece it pauses for a turn. */
class Slow extends Checking {
  override onData = () => {
    this.transport.pauseProducing();
    setImmediate(() => this.transport.resumeProducing());
  };
}

/** Writes the flow when it is asked. */
class Source {
  at = 0;
  paused = false;
  pauses = 0;
  readonly #transport: Transport;
  readonly #size: number;

  constructor(transport: Transport, size = SIZE) {
    this.#transport = transport;
    this.#size = size;
  }

  push(): this {
    this.#transport.registerProducer(
      {
        pauseProducing: () => {
          this.paused = true;
          this.pauses++;
        },
        resumeProducing: () => {
          this.paused = false;
          this.#run();
        },
        stopProducing: () => undefined,
      },
      true,
    );
    this.#run();
    return this;
  }

  pull(): this {
    this.#transport.registerProducer({ resumeProducing: () => this.#one(), stopProducing: () => undefined }, false);
    return this;
  }

  #run(): void {
    while (!this.paused && this.at < this.#size) this.#one();
  }

  #one(): void {
    const piece = flow(Math.min(50_000, this.#size - this.at), this.at);
    this.at += piece.length;
    this.#transport.write(piece);
    if (this.at === this.#size) this.#transport.unregisterProducer();
  }
}

forEachTLSReactor((make) => {
  for (const version of VERSIONS) {
    const limits = { raiseMinimumTo: version, lowerMaximumSecurityTo: version } as const;

    test(`${version}: megabytes each way at the same time between slow readers arrive whole and in order`, async () => {
      const ends = await pairTLS(make(), new Slow(), new Slow(), { ofServer: serverTLS(limits) });
      for (const { transport } of ends) for (let at = 0; at < STREAM; at += MIB) transport.write(flow(MIB, at));
      await Promise.all(ends.map(({ arrived }) => arrived.reaches(STREAM)));
      expect(ends.map(({ check }) => [check.at, check.firstWrong])).toEqual(Array(2).fill([STREAM, -1]));
      ends[0].transport.loseConnection();
      for (const end of ends) expect(await end.lossError()).toBeInstanceOf(ConnectionDone);
    });
  }

  for (const size of [1, 16_383, 16_384, 16_385, 100_000]) {
    test(`writes of ${size} bytes are what arrives`, async () => {
      const [client, server] = await pairTLS(make(), new Checking(), new Checking());
      const count = Math.max(3, Math.ceil(PIECES / size));
      for (let i = 0; i < count; i++) {
        client.transport.write(flow(size, i * size));
        if (i % 7 === 0) await turns(1);
      }
      client.transport.loseConnection();
      expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
      expect([server.check.at, server.check.firstWrong]).toEqual([count * size, -1]);
    });
  }

  test("a push producer is paused by a reader that stands still, and resumed by one that reads", async () => {
    const [client, server] = await pairTLS(make(), new Checking(), new Checking(), { ofServer: chachaTLS() });
    server.transport.pauseProducing();
    const source = new Source(client.transport).push();
    const stuck = await settled(() => source.at);
    expect(source.paused).toBe(true);
    expect(stuck).toBeLessThan(SIZE);
    server.transport.resumeProducing();
    await server.arrived.reaches(SIZE);
    expect([server.check.at, server.check.firstWrong]).toEqual([SIZE, -1]);
    client.transport.loseConnection();
    await server.lost.promise;
  });

  test("a pull producer is asked only when what it wrote was sent, and the close waits for it", async () => {
    const [client, server] = await pairTLS(make(), new Checking(), new Checking(), { ofServer: chachaTLS() });
    server.transport.pauseProducing();
    const source = new Source(client.transport).pull();
    client.transport.loseConnection();
    const stuck = await settled(() => source.at);
    expect(stuck).toBeLessThan(SIZE);
    server.transport.resumeProducing();
    expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
    expect([server.check.at, server.check.firstWrong]).toEqual([SIZE, -1]);
    expect(await client.lossError()).toBeInstanceOf(ConnectionDone);
  });

  test("producers that are registered before the handshake begin, and are held up by it", async () => {
    const reactor = make();
    for (const kind of ["push", "pull"] as const) {
      const { port, next } = serveTLS(reactor, () => new Checking());
      const client = new Secure();
      client.onMade = () => void new Source(client.transport, STREAM)[kind]();
      await dialTLS(reactor, port, client);
      const server = await next();
      await server.arrived.reaches(STREAM);
      expect([server.check.at, server.check.firstWrong]).toEqual([STREAM, -1]);
      expect(server.calls.slice(0, 2)).toEqual(["connectionMade", "handshakeCompleted"]);
      client.transport.loseConnection();
      await server.lost.promise;
    }
  });

  test("megabytes each way with node:tls as a slow reader", async () => {
    const { port, next } = serveTLS(make(), () => new Slow());
    const check = new FlowCheck();
    const peer = await TLSPeer.secure(port, { reading: false, check });
    const server = await next();
    await server.secured.promise;
    for (let at = 0; at < STREAM; at += MIB) {
      server.transport.write(flow(MIB, at));
      peer.write(flow(MIB, at));
    }
    await turns(20);
    peer.read();
    await Promise.all([peer.arrived.reaches(STREAM), server.arrived.reaches(STREAM)]);
    expect([check.firstWrong, server.check.firstWrong]).toEqual([-1, -1]);
    peer.end();
    expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
  });

  test("the peer of a paused connection cannot send without limit", async () => {
    const { port, next } = serveTLS(make(), () => new Checking(), chachaTLS());
    const peer = await TLSPeer.secure(port);
    const server = await next();
    await server.secured.promise;
    server.transport.pauseProducing();
    peer.end(flow(MUCH));
    expect(await settled(() => peer.tls.writableLength)).toBeGreaterThan(MUCH / 2);
    server.transport.resumeProducing();
    expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
    expect([server.check.at, server.check.firstWrong]).toEqual([MUCH, -1]);
  });

  test("a pause before the handshake lets it be done, and holds what comes behind it", async () => {
    const server = new Secure();
    server.onMade = () => server.transport.pauseProducing();
    const client = new Secure();
    client.onMade = () => client.transport.write("early");
    await pairTLS(make(), client, server);
    await turns(10);
    expect(server.calls).toEqual(["connectionMade", "handshakeCompleted"]);
    server.transport.resumeProducing();
    await server.arrived.reaches(5);
    expect(server.text).toBe("early");
    client.transport.loseConnection();
    await server.lost.promise;
  });

  test("a pause in handshakeCompleted() holds what came with it", async () => {
    const server = new Secure();
    server.onSecured = () => server.transport.pauseProducing();
    const client = new Secure();
    client.onMade = () => {
      client.transport.write("early");
      client.transport.loseConnection();
    };
    const reactor = make();
    const { port } = serveTLS(reactor, () => server);
    await dialTLS(reactor, port, client);
    await server.secured.promise;
    await turns(10);
    expect(server.calls).toEqual(["connectionMade", "handshakeCompleted"]);
    server.transport.resumeProducing();
    expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
    expect(server.text).toBe("early");
  });

  test("bytes that are decrypted and not delivered come on resumption, before anything else", async () => {
    const reactor = make();
    for (const size of [1000, 40_000, 400_000]) {
      const { port, next } = serveTLS(reactor, () => new Checking());
      const peer = await TLSPeer.secure(port);
      const server = await next();
      let disturbed = 0;
      let paused = false;
      server.onData = () => {
        if (paused) disturbed++;
        paused = true;
        server.transport.pauseProducing();
        void turns(2).then(() => {
          paused = false;
          server.transport.resumeProducing();
        });
      };
      for (let at = 0; at < size; at += 100) peer.write(flow(100, at));
      await server.arrived.reaches(size);
      expect([server.check.at, server.check.firstWrong, disturbed]).toEqual([size, -1, 0]);
      peer.end();
      await server.lost.promise;
    }
  });

  test("the peer's end behind bytes that are held is told behind them", async () => {
    const { port, next } = serveTLS(make(), () => new Checking());
    const peer = await TLSPeer.secure(port);
    const server = await next();
    await server.secured.promise;
    server.transport.pauseProducing();
    peer.end(flow(100_000));
    await turns(20);
    expect(server.calls).toEqual(["connectionMade", "handshakeCompleted"]);
    server.transport.resumeProducing();
    expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
    expect([server.check.at, server.check.firstWrong]).toEqual([100_000, -1]);
  });

  test("dataReceived() is never called from inside itself", async () => {
    const server = new Checking();
    let depth = 0;
    let deepest = 0;
    server.onData = () => {
      deepest = Math.max(deepest, ++depth);
      server.transport.pauseProducing();
      server.transport.resumeProducing();
      depth--;
    };
    const [client] = await pairTLS(make(), new Secure(), server, { ofClient: clientTLS() });
    client.transport.write(flow(STREAM));
    client.transport.loseConnection();
    await server.lost.promise;
    expect([server.check.at, server.check.firstWrong, deepest]).toEqual([STREAM, -1, 1]);
  });
});
