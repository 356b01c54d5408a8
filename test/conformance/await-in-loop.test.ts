/**
 * A program that awaits in a loop lets others run: no more than the budget of a tick passes before the loop goes on, and
 * a loop of writes ends when the peer goes.
 */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ReadableStream } from "node:stream/web";
import { expect, test } from "vitest";
import {
  type Connection,
  chunks,
  connectionOver,
  duplexFactory,
  handle,
  lines,
  type SocketDuplex,
  strings,
  toDuplex,
  toWeb,
  write,
} from "../../src/entries/streams.ts";
import { ConnectionClosed, ConnectionLost } from "../../src/internet/error.ts";
import type { Transport } from "../../src/internet/interfaces.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { loopOf } from "../../src/internet/reactor/loop.ts";
import { BYTES_A_TICK, OPERATIONS_A_TICK } from "../../src/streams/tickbudget.ts";
import { FlowCheck } from "../helpers/flow.ts";
import { Gate } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Recorder, serve } from "../helpers/recorder.ts";
import { TickCounter } from "../helpers/tickcounter.ts";
import { loopback } from "../helpers/world.ts";

/** What has not let go by then never does. */
const STUCK = 20 * OPERATIONS_A_TICK;
/** So many ticks are looked at. */
const TICKS = 20;
const LINE = Buffer.alloc(100, "x");
const MEDIUM = Buffer.alloc(1024, "x");
const LARGE = Buffer.alloc(64 * 1024, "x");

/** Skein's words, Node's codes, and what a stream says that was destroyed between two writes. */
const GONE = /lost|gone|ECONNRESET|EPIPE|ECANCELED|destroyed/;

/** A transport whose peer reads all that comes, without keeping it. */
async function open(reactor: EngineReactor): Promise<{ peer: Peer; transport: Transport }> {
  const { port, next } = serve(reactor, () => new Recorder());
  const peer = await Peer.connect(port, { check: new FlowCheck() });
  const protocol = await next();
  await protocol.made.promise;
  return { peer, transport: protocol.transport };
}

type Send = (data: Buffer) => Promise<unknown>;

/** Each way to write that can be awaited. */
const WAYS: readonly (readonly [string, (transport: Transport) => Send])[] = [
  ["write()", (transport) => (data) => write(transport, data)],
  [
    "Connection.write()",
    (transport) => {
      const connection = connectionOver(transport);
      return (data) => connection.write(data);
    },
  ],
  [
    "the writer of toWeb()",
    (transport) => {
      const writer = toWeb(transport).writable.getWriter();
      writer.closed.catch(() => undefined);
      return (data) => writer.write(data);
    },
  ],
  [
    "toDuplex()'s write with a callback",
    (transport) => {
      const duplex = toDuplex(transport);
      duplex.on("error", () => undefined);
      return (data) =>
        new Promise<void>((resolve, reject) => {
          duplex.write(data, (error) => (error ? reject(error) : resolve()));
        });
    },
  ],
];

/** A source without an end, which counts what it gives. */
function* endless(counter: TickCounter): Generator<Buffer> {
  for (;;) {
    counter.count(MEDIUM.length);
    yield MEDIUM;
  }
}

forEachReactor((make) => {
  for (const [name, sender] of WAYS) {
    test(`${name} awaited in a loop lets a bounded number of writes and bytes pass in a tick`, async () => {
      const { transport } = await open(make());
      const send = sender(transport);
      for (const data of [LINE, LARGE]) {
        const counter = new TickCounter(transport, STUCK);
        while (counter.ticks < TICKS) {
          await send(data);
          counter.count(data.length);
        }
        counter.stop();
        expect(counter.most.operations).toBeLessThanOrEqual(OPERATIONS_A_TICK);
        expect(counter.most.bytes).toBeLessThanOrEqual(BYTES_A_TICK + data.length);
      }
      transport.abortConnection();
    });

    test(`${name} awaited in a loop by many connections at once keeps to the same bound`, async () => {
      const reactor = make();
      const opened = await Promise.all(Array.from({ length: 20 }, () => open(reactor)));
      const counter = new TickCounter(opened[0]!.transport, STUCK);
      await Promise.all(
        opened.map(async ({ transport }) => {
          const send = sender(transport);
          while (counter.ticks < TICKS) {
            await send(LINE);
            counter.count(LINE.length);
          }
          transport.abortConnection();
        }),
      );
      counter.stop();
      expect(counter.most.operations).toBeLessThanOrEqual(OPERATIONS_A_TICK);
    });

    test(`${name} awaited in a loop is rejected when the peer goes`, async () => {
      const { peer, transport } = await open(make());
      const send = sender(transport);
      const counter = new TickCounter(transport, STUCK);
      const loop = (async () => {
        for (;;) {
          await send(LINE);
          counter.count(LINE.length);
        }
      })();
      await peer.arrived.reaches(1000 * LINE.length);
      peer.reset();
      await expect(loop).rejects.toThrow(GONE);
      counter.stop();
    });
  }

  test("pipeTo() and pipeline() from an endless source keep to the bound, and end when the peer disconnects", async () => {
    const reactor = make();
    const ways: ((transport: Transport, source: Iterable<Buffer>) => Promise<unknown>)[] = [
      (transport, source) => ReadableStream.from(source).pipeTo(toWeb(transport).writable),
      (transport, source) => pipeline(source, toDuplex(transport)),
      (transport, source) => pipeline(Readable.from(source), toDuplex(transport)),
    ];
    for (const pipe of ways) {
      const { peer, transport } = await open(reactor);
      const counter = new TickCounter(transport, STUCK);
      const done = pipe(transport, endless(counter));
      const ended = expect(done).rejects.toThrow(GONE);
      await peer.arrived.reaches(1000 * MEDIUM.length);
      peer.reset();
      await ended;
      counter.stop();
      // Streams read ahead of what they write by their own high-water mark.
      expect(counter.most.operations).toBeLessThanOrEqual(2 * OPERATIONS_A_TICK);
    }
  });

  test("reads of buffered bytes are bounded per tick, for each way to read", async () => {
    const { transport } = await open(make());
    const connection = connectionOver(transport);
    const [newlines, ones] = [Buffer.alloc(10_000, "\n"), Buffer.alloc(10_000, "\0")];
    const count = 4 * OPERATIONS_A_TICK;
    const ways: [Buffer, (connection: Connection) => AsyncIterable<unknown>][] = [
      [newlines, () => lines(connection, { delimiter: "\n" })],
      [newlines, () => lines(connection, { delimiter: "\n", encoding: "utf8" })],
      [ones, () => strings(connection, "int8")],
      [newlines, () => rereading(chunks(connection))],
      [newlines, () => rereading(connection)],
    ];
    async function* rereading(loop: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const data of loop) {
        connection.unread(data);
        yield data;
      }
    }
    for (const [data, read] of ways) {
      connection.unread(data);
      const counter = new TickCounter(transport, STUCK);
      let seen = 0;
      for await (const _ of read(connection)) {
        counter.count(0);
        if (++seen === count) break;
      }
      counter.stop();
      expect(counter.most.operations).toBeLessThanOrEqual(OPERATIONS_A_TICK);
      expect(counter.ticks).toBeGreaterThanOrEqual(3);
      expect((await connection.read())?.length).toBeGreaterThan(0);
    }
    const counter = new TickCounter(transport, STUCK);
    connection.unread(LARGE);
    while (counter.ticks < TICKS) {
      const data = await connection.read();
      counter.count(data!.length);
      connection.unread(data!);
    }
    counter.stop();
    expect(counter.most.bytes).toBeLessThanOrEqual(BYTES_A_TICK + LARGE.length);
    transport.abortConnection();
  });

  test("reads after the end, and rejected writes, do not starve others", async () => {
    const { peer, transport } = await open(make());
    const connection = connectionOver(transport);
    peer.end();
    expect(await connection.read()).toBeNull();
    let counter = new TickCounter(transport, STUCK);
    while (counter.ticks < TICKS) {
      expect(await connection.read()).toBeNull();
      counter.count(0);
    }
    expect(counter.most.operations).toBeLessThanOrEqual(OPERATIONS_A_TICK);
    counter.stop();
    await connection.abort();
    counter = new TickCounter(transport, STUCK);
    while (counter.ticks < TICKS) {
      await expect(connection.write("late")).rejects.toBeInstanceOf(ConnectionLost);
      await expect(write(transport, "late")).rejects.toBeInstanceOf(ConnectionClosed);
      counter.count(0);
    }
    counter.stop();
    expect(counter.most.operations).toBeLessThanOrEqual(OPERATIONS_A_TICK);
  });

  test("a loop that tries again after each error does not starve others, nor one that goes on after the end", async () => {
    const { peer, transport } = await open(make());
    const connection = connectionOver(transport);
    const left = lines(connection);
    await left.return();
    const reading = connection.read();
    const producer = { pauseProducing() {}, resumeProducing() {}, stopProducing() {} };
    transport.registerProducer(producer, true);
    const ways: Readonly<Record<string, () => Promise<unknown>>> = {
      "a read while another is pending": () => connection.read(),
      "a read with an aborted signal": () => connection.read({ signal: AbortSignal.abort() }),
      "a write while there is another producer": () => connection.write("x"),
      "a write of what cannot be written": () => write(transport, 7 as never),
      "a write with an unknown encoding": () => write(transport, "x", "utf-7" as never),
      "next() of a loop that was left": () => left.next(),
    };
    for (const [name, attempt] of Object.entries(ways)) {
      const counter = new TickCounter(transport, STUCK);
      while (counter.ticks < TICKS) {
        await attempt().catch(() => undefined);
        counter.count(0);
      }
      counter.stop();
      expect(counter.most.operations, name).toBeLessThanOrEqual(OPERATIONS_A_TICK);
    }
    peer.end();
    expect(await reading).toBeNull();
    transport.abortConnection();
  });

  test("a write settles at once within the budget, whether it is sent or rejected", async () => {
    const { transport } = await open(make());
    const connection = connectionOver(transport);
    await nextTick(transport);
    const counter = new TickCounter(transport, STUCK);
    await connection.write("one");
    expect(counter.ticks).toBe(0);
    counter.stop();
    await connection.abort();
    await nextTick(transport);
    const late = new TickCounter(transport, STUCK);
    await expect(connection.write("late")).rejects.toBeInstanceOf(ConnectionLost);
    expect(late.ticks).toBe(0);
    late.stop();
  });

  test("a loop of writes delays neither a timer nor another connection", async () => {
    const reactor = make();
    const { peer, transport } = await open(reactor);
    const fired = new Gate();
    let over = false;
    const loop = (async () => {
      while (!over) await write(transport, LINE);
    })();
    await peer.arrived.reaches(LINE.length);
    reactor.callLater(0.001, () => fired.open());
    await fired.promise;
    const listening = reactor.listenTCP(
      0,
      handle(async (connection) => {
        for await (const data of connection) await connection.write(data);
      }),
      { interface: loopback() },
    );
    const other = await Peer.connect(listening.getHost().port);
    other.write("hello");
    expect(await other.take(5)).toBe("hello");
    over = true;
    await loop;
    transport.abortConnection();
  });

  test("writes that are not awaited wait for one tick together, and do not delay later ones", async () => {
    const { peer, transport } = await open(make());
    const pending = Array.from({ length: 10 * OPERATIONS_A_TICK }, () => write(transport, "x"));
    const counter = new TickCounter(transport, STUCK);
    await Promise.all(pending);
    await write(transport, "y");
    expect(counter.ticks).toBeLessThanOrEqual(2);
    counter.stop();
    await peer.arrived.reaches(pending.length + 1);
    transport.abortConnection();
  });

  test("a Duplex whose writes wait for the next tick can be destroyed", async () => {
    const reactor = make();
    const accepted = new Gate<SocketDuplex>();
    const listening = reactor.listenTCP(0, duplexFactory(accepted.open), { interface: loopback() });
    const peer = await Peer.connect(listening.getHost().port);
    const duplex = await accepted.promise;
    duplex.on("error", () => undefined);
    let waits = 0;
    while (!duplex.writableNeedDrain && waits < STUCK) {
      waits++;
      duplex.write(LINE);
    }
    expect(waits, "it is held back").toBeLessThan(STUCK);
    duplex.destroy();
    await peer.ended;
  });
});

function nextTick(transport: Transport): Promise<void> {
  return new Promise((resolve) => loopOf(transport).nextTick(resolve));
}
