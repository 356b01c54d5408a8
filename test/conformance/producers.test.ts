/** Producers that a transport pauses, resumes and stops. */

import { expect, test } from "vitest";
import { ConnectionDone } from "../../src/internet/error.ts";
import type { PullProducer, PushProducer, Transport } from "../../src/internet/interfaces.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { settled, turns } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Recorder, serve } from "../helpers/recorder.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const HIGH_WATER = 64 * KIB;

/** Writes the flow until it is paused, and on when it is resumed. */
class Push implements PushProducer {
  readonly calls: string[] = [];
  sent = 0;
  paused = false;
  readonly #transport: Transport;
  readonly #limit: number;
  readonly #piece: number;

  constructor(transport: Transport, { limit = Number.POSITIVE_INFINITY, piece = 16 * KIB } = {}) {
    this.#transport = transport;
    this.#limit = limit;
    this.#piece = piece;
  }

  produce(): void {
    while (!this.paused && this.sent < this.#limit) {
      const piece = flow(Math.min(this.#piece, this.#limit - this.sent), this.sent);
      this.sent += piece.length;
      this.#transport.write(piece);
    }
    if (this.sent < this.#limit) return;
    this.#transport.unregisterProducer();
    this.#transport.loseConnection();
  }
  pauseProducing(): void {
    this.calls.push("pause");
    this.paused = true;
  }
  resumeProducing(): void {
    this.calls.push("resume");
    this.paused = false;
    this.produce();
  }
  stopProducing(): void {
    this.calls.push("stop");
  }
}

/** Writes one piece of the flow each time it is asked. */
class Pull implements PullProducer {
  asked = 0;
  stopped = 0;
  sent = 0;
  readonly #transport: Transport;
  readonly #limit: number;
  readonly #piece: number;

  constructor(transport: Transport, { limit = Number.POSITIVE_INFINITY, piece = 64 * KIB } = {}) {
    this.#transport = transport;
    this.#limit = limit;
    this.#piece = piece;
  }

  resumeProducing(): void {
    this.asked++;
    this.#transport.write(flow(this.#piece, this.sent));
    this.sent += this.#piece;
    if (this.sent < this.#limit) return;
    this.#transport.unregisterProducer();
    this.#transport.loseConnection();
  }
  stopProducing(): void {
    this.stopped++;
  }
}

forEachReactor((make) => {
  async function connected(reading = true): Promise<[Recorder, Peer, FlowCheck]> {
    const { port, next } = serve(make(), () => new Recorder());
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { reading, check });
    return [await next(), peer, check];
  }

  test("a push producer is paused when the peer does not read, and resumed when the outbox has drained", async () => {
    const [{ transport }, peer, check] = await connected(false);
    const producer = new Push(transport, { limit: 32 * MIB });
    transport.registerProducer(producer, true);
    expect(producer.calls).toEqual([]);
    producer.produce();
    expect(producer.calls).toEqual(["pause"]);
    expect(producer.sent).toBeLessThan(32 * MIB);
    // A network of little memory may take all of that at first, and then more.
    await settled(() => producer.sent);
    expect(producer.calls.at(-1)).toBe("pause");
    expect(producer.sent).toBeLessThan(32 * MIB);
    peer.read();
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([32 * MIB, -1]);
    // By turns. What is written last may pause it, and it is unregistered then.
    expect(producer.calls).toEqual(producer.calls.map((_, at) => (at % 2 === 0 ? "pause" : "resume")));
  });

  test("a push producer is not paused up to 64 KiB, and is above", async () => {
    const [{ transport }, peer] = await connected(false);
    // Fill what the kernel takes: from then on everything written waits.
    const filler = new Push(transport);
    transport.registerProducer(filler, true);
    filler.produce();
    transport.unregisterProducer();
    peer.read();
    await peer.arrived.reaches(filler.sent);
    const producer = new Push(transport);
    transport.registerProducer(producer, true);
    // Small writes are gathered until the turn ends, so they wait whatever the kernel would take.
    for (let i = 0; i < 15; i++) transport.write(Buffer.alloc(4095));
    expect(producer.calls).toEqual([]);
    peer.socket.pause();
    while (producer.calls.length === 0) transport.write(Buffer.alloc(HIGH_WATER));
    expect(producer.calls).toEqual(["pause"]);
    transport.write(Buffer.alloc(HIGH_WATER));
    expect(producer.calls).toEqual(["pause"]);
    transport.unregisterProducer();
  });

  test("a pull producer is asked for each piece, and streams 16 MiB", async () => {
    const [protocol, peer, check] = await connected();
    const producer = new Pull(protocol.transport, { limit: 16 * MIB });
    protocol.transport.registerProducer(producer, false);
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([16 * MIB, -1]);
    expect(producer.asked).toBe(16 * 16);
    peer.end();
    await protocol.lost.promise;
    expect(producer.stopped).toBe(0);
  });

  test("a pull producer is not asked while its last piece is queued", async () => {
    const [{ transport }, peer, check] = await connected(false);
    const producer = new Pull(transport, { limit: 64 * MIB, piece: 8 * MIB });
    transport.registerProducer(producer, false);
    await turns(20);
    expect(producer.asked).toBeLessThanOrEqual(2);
    peer.read();
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([64 * MIB, -1]);
  });

  test("a pull producer may write asynchronously", async () => {
    const [{ transport }, peer] = await connected();
    let left = 5;
    const producer = {
      resumeProducing: () => {
        setImmediate(() => {
          if (left-- > 0) {
            transport.write("late");
            return;
          }
          transport.unregisterProducer();
          transport.loseConnection();
        });
      },
      stopProducing: () => {},
    };
    transport.registerProducer(producer, false);
    await peer.ended;
    expect(peer.arrived.count).toBe(20);
  });

  test("loseConnection() waits for a pull producer to be unregistered", async () => {
    const [protocol, peer, check] = await connected();
    const producer = new Pull(protocol.transport, { limit: 4 * MIB });
    protocol.transport.registerProducer(producer, false);
    protocol.transport.loseConnection();
    expect(protocol.transport.disconnecting).toBe(true);
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([4 * MIB, -1]);
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
    expect(producer.stopped).toBe(0);
  });

  test("loseConnection() waits for a push producer that is paused", async () => {
    const [protocol, peer, check] = await connected(false);
    const producer = new Push(protocol.transport, { limit: 32 * MIB });
    protocol.transport.registerProducer(producer, true);
    producer.produce();
    expect(producer.paused).toBe(true);
    protocol.transport.loseConnection();
    peer.read();
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([32 * MIB, -1]);
    peer.end();
    await protocol.lost.promise;
    expect(producer.calls).not.toContain("stop");
  });

  test("loseConnection() does not wait for a push producer that is not paused, and stops it", async () => {
    const [protocol, peer] = await connected();
    const producer = new Push(protocol.transport);
    protocol.transport.registerProducer(producer, true);
    protocol.transport.write("bye");
    protocol.transport.loseConnection();
    await peer.ended;
    expect(peer.arrived.count).toBe(3);
    peer.end();
    await protocol.lost.promise;
    expect(producer.calls).toEqual(["stop"]);
  });

  test("a producer is stopped once, before connectionLost(), when the connection is lost", async () => {
    for (const streaming of [true, false]) {
      const [protocol, peer] = await connected();
      const order = protocol.calls;
      const producer = {
        resumeProducing: () => {},
        pauseProducing: () => {},
        stopProducing: () => order.push("stopProducing"),
      };
      protocol.transport.registerProducer(producer, streaming as true);
      peer.reset();
      await protocol.lost.promise;
      await turns(2);
      expect(order).toEqual(["connectionMade", "stopProducing", "connectionLost"]);
    }
  });

  test("abortConnection() does not wait for producers", async () => {
    const [protocol] = await connected(false);
    const producer = new Pull(protocol.transport, { piece: 8 * MIB });
    protocol.transport.registerProducer(producer, false);
    protocol.transport.loseConnection();
    protocol.transport.abortConnection();
    await protocol.lost.promise;
    expect(producer.stopped).toBe(1);
  });

  test("a second producer is refused, until the first is unregistered", async () => {
    const [{ transport }] = await connected();
    const first = new Push(transport);
    transport.registerProducer(first, true);
    expect(() => transport.registerProducer(new Push(transport), true)).toThrow(/unregisterProducer/);
    expect(() => transport.registerProducer(first, true)).toThrow();
    transport.unregisterProducer();
    transport.unregisterProducer();
    transport.registerProducer(new Push(transport), true);
  });

  test.each([true, false])(
    "a producer that is registered after the loss is stopped (streaming: %s)",
    async (streaming) => {
      const [protocol, peer] = await connected();
      peer.end();
      await protocol.lost.promise;
      const producer = new Push(protocol.transport);
      protocol.transport.registerProducer(producer, streaming as true);
      expect(producer.calls).toEqual(["stop"]);
      protocol.transport.unregisterProducer();
    },
  );

  test("an unregistered producer is not resumed, and queued bytes are still sent", async () => {
    const [{ transport }, peer] = await connected(false);
    const producer = new Push(transport);
    transport.registerProducer(producer, true);
    producer.produce();
    transport.unregisterProducer();
    peer.read();
    await peer.arrived.reaches(producer.sent);
    await turns(3);
    expect(producer.calls).toEqual(["pause"]);
  });

  test("a relay between two connections applies back-pressure to the faster side", async () => {
    const reactor = make();
    const check = new FlowCheck();
    const out = serve(reactor, () => new Recorder());
    const reader = await Peer.connect(out.port, { reading: false, check });
    const target = await out.next();
    const source = serve(reactor, () => {
      const protocol = new Recorder();
      protocol.onMade = () => target.transport.registerProducer(protocol.transport, true);
      protocol.dataReceived = (data) => target.transport.write(data);
      protocol.onLost = () => {
        target.transport.unregisterProducer();
        target.transport.loseConnection();
      };
      return protocol;
    });
    const writer = await Peer.connect(source.port);
    writer.end(flow(64 * MIB));
    expect(await settled(() => writer.socket.writableLength)).toBeGreaterThan(32 * MIB);
    reader.read();
    await reader.ended;
    expect([check.at, check.firstWrong]).toEqual([64 * MIB, -1]);
  });
});
