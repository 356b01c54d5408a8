/** Connections as async iterables, on a transport of the test's own. */
import { describe, expect, expectTypeOf, it, vi } from "vitest";
import { WrappingFactory } from "../../src/entries/protocols/policies.ts";
import {
  type Connection,
  chunks,
  connect,
  connectionOver,
  FramingError,
  handle,
  type Loop,
  lines,
  strings,
  write,
} from "../../src/entries/streams.ts";
import { TCP4ClientEndpoint } from "../../src/internet/endpoints/tcp.ts";
import { ConnectionClosed, ConnectionDone, ConnectionLost, SkeinError } from "../../src/internet/error.ts";
import type { Failure } from "../../src/internet/failure.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { monotonicClock } from "../../src/internet/time.ts";
import { setObserver } from "../../src/logger/log.ts";
import { REFUSALS_SECONDS } from "../../src/logger/refusals.ts";
import { FakeReactor } from "../helpers/fake-transport.ts";
import { turns } from "../helpers/gate.ts";
import { OwningTransport } from "../helpers/owning-transport.ts";
import { between, fragments, seeded } from "../helpers/random.ts";
import { keepers, PEER } from "../helpers/wrapped.ts";

const KIB = 1024;

function opened(): { transport: OwningTransport; connection: Connection } {
  const transport = OwningTransport.idle();
  return { transport, connection: connectionOver(transport) };
}

async function all<T>(source: AsyncIterable<T>): Promise<string[]> {
  const seen: string[] = [];
  for await (const item of source) seen.push(String(item));
  return seen;
}

describe("a Connection", () => {
  it("reads all buffered bytes at once, and null at the peer's FIN", async () => {
    const { transport, connection } = opened();
    const first = connection.read();
    transport.receive("one");
    expect(String(await first)).toBe("one");
    transport.receive("two");
    transport.receive("three");
    transport.end();
    expect(String(await connection.read())).toBe("twothree");
    expect([await connection.read(), await connection.read(), connection.lost]).toEqual([null, null, false]);
  });

  it("throws the reason of the loss, after the bytes before it", async () => {
    const { transport, connection } = opened();
    transport.receive("last words");
    const reason = new ConnectionLost("gone", "ECONNRESET");
    transport.lose(reason);
    expect(String(await connection.read())).toBe("last words");
    await expect(connection.read()).rejects.toBe(reason);
    await expect(connection.read()).rejects.toBe(reason);
    expect([connection.lost, await connection.closed]).toEqual([true, reason]);
  });

  it("ends a pending read when it is lost, cleanly or not", async () => {
    const clean = opened();
    const reading = clean.connection.read();
    clean.transport.lose(new ConnectionDone());
    expect(await reading).toBe(null);
    expect(await clean.connection.closed).toBe(undefined);
    const lost = opened();
    const failing = lost.connection.read();
    lost.transport.lose(new ConnectionLost());
    await expect(failing).rejects.toBeInstanceOf(ConnectionLost);
  });

  it("pauses reading at 64 KiB, and resumes when they are read", async () => {
    const { transport, connection } = opened();
    for (let i = 0; i < 63; i++) transport.receive(Buffer.alloc(KIB));
    expect(transport.paused).toBe(false);
    transport.receive(Buffer.alloc(KIB));
    expect(transport.paused).toBe(true);
    transport.receive(Buffer.alloc(KIB));
    expect(transport.pauses).toBe(1);
    expect((await connection.read())?.length).toBe(65 * KIB);
    expect(transport.paused).toBe(false);
  });

  it("resumes a transport that was paused, and replaces its producer", async () => {
    const transport = OwningTransport.idle();
    transport.pauseProducing();
    transport.registerProducer({ stopProducing() {}, resumeProducing() {} }, false);
    connectionOver(transport);
    expect([transport.paused, transport.producer]).toEqual([false, null]);
  });

  it("merges small pieces, in order", async () => {
    const { transport, connection } = opened();
    const bytes = Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251));
    for (const byte of bytes) transport.receive(Buffer.of(byte));
    expect((await connection.read())?.equals(bytes)).toBe(true);
  });

  it("throws for a transport that is already lost", async () => {
    const transport = OwningTransport.idle();
    transport.lose();
    const connection = connectionOver(transport);
    expect(connection.lost).toBe(true);
    await expect(connection.read()).rejects.toBeInstanceOf(ConnectionLost);
    await connection.close();
    expect(await connection.closed).toBeInstanceOf(ConnectionLost);
  });

  it("returns unread() bytes first", async () => {
    const { transport, connection } = opened();
    connection.unread(Buffer.alloc(0));
    transport.receive("world");
    connection.unread(Buffer.from("hello "));
    expect(String(await connection.read())).toBe("hello world");
  });

  it("has one reader at a time", async () => {
    const { transport, connection } = opened();
    const reading = connection.read();
    await expect(connection.read()).rejects.toBeInstanceOf(SkeinError);
    transport.receive("for the first");
    expect(String(await reading)).toBe("for the first");
  });

  it("rejects a read whose signal aborts with its reason, and loses no bytes", async () => {
    const { transport, connection } = opened();
    const controller = new AbortController();
    const { signal } = controller;
    const first = connection.read({ signal });
    transport.receive("in time");
    expect(String(await first)).toBe("in time");
    const second = connection.read({ signal });
    controller.abort(new Error("too late"));
    await expect(second).rejects.toThrow("too late");
    await expect(connection.read({ signal })).rejects.toThrow("too late");
    transport.receive("still there");
    expect(String(await connection.read())).toBe("still there");
    const unheard = connection.read({ signal: new AbortController().signal });
    transport.lose(new ConnectionLost());
    await expect(unheard).rejects.toBeInstanceOf(ConnectionLost);
  });

  it("has a signal that aborts when it is lost", async () => {
    const clean = opened().connection;
    const { transport, connection } = opened();
    const { signal } = connection;
    expect([signal.aborted, connection.signal === signal, clean.signal.aborted]).toEqual([false, true, false]);
    transport.lose(new ConnectionLost("gone"));
    await connection.closed;
    expect(signal.reason).toBeInstanceOf(ConnectionLost);
    const other = opened();
    const done = other.connection.signal;
    other.transport.lose();
    await other.connection.closed;
    expect(done.reason).toBeInstanceOf(ConnectionClosed);
  });

  it("closes once everything is sent, and resolves when it is lost, also when it already is", async () => {
    const { transport, connection } = opened();
    transport.receive("nobody reads this");
    const closing = connection.close();
    expect([transport.disconnecting, transport.aborted]).toEqual([true, false]);
    transport.lose();
    await closing;
    expect(await connection.read()).toBe(null);
    await connection.close();
    await connection[Symbol.asyncDispose]();
    await connection.abort();
    expect(transport.aborted).toBe(false);
  });

  it("is aborted by abort()", async () => {
    const { transport, connection } = opened();
    const aborting = connection.abort();
    expect(transport.aborted).toBe(true);
    transport.lose();
    await aborting;
  });

  it("has both addresses", () => {
    const { transport, connection } = opened();
    expect([connection.peer, connection.host]).toEqual([transport.getPeer(), transport.getHost()]);
  });

  it("is handed to a protocol with the unread bytes and the peer's FIN, and cannot be used afterwards", async () => {
    const calls: string[] = [];
    const next = {
      makeConnection: () => void calls.push("makeConnection"),
      dataReceived: (data: Buffer) => void calls.push(`dataReceived ${data}`),
      connectionLost: (_reason: Failure) => void calls.push("connectionLost"),
    };
    const { transport, connection } = opened();
    transport.receive("unread");
    connection.switchProtocol(next);
    expect(transport.current).toBe(next);
    transport.receive("later");
    expect(calls).toEqual(["makeConnection", "dataReceived unread", "dataReceived later"]);
    expect([connection.lost, await connection.read(), await connection.closed]).toEqual([true, null, undefined]);
    await connection.close();
    expect(transport.disconnecting).toBe(false);
    connection.switchProtocol(next);
    expect(calls.length).toBe(3);

    const ended = opened();
    ended.transport.receive(Buffer.alloc(64 * KIB, "x"));
    ended.transport.end();
    ended.connection.switchProtocol(next);
    await turns(2);
    expect([ended.transport.disconnecting, ended.transport.paused]).toEqual([true, false]);
    const half = opened();
    half.transport.end();
    half.connection.switchProtocol({
      ...next,
      readConnectionLost: () => void calls.push("read"),
      writeConnectionLost() {},
    } as never);
    await turns(2);
    expect([calls.at(-1), half.transport.disconnecting]).toEqual(["read", false]);
  });

  it("is aborted when the protocol that takes it over throws on the unread bytes, at once or later", async () => {
    const logged: unknown[] = [];
    const previous = setObserver(({ error }) => logged.push(error));
    const thrown = new RangeError("no such word");
    const fail = (): never => {
      throw thrown;
    };
    for (const received of [fail, async () => fail()]) {
      const { transport, connection } = opened();
      transport.receive("unread");
      connection.switchProtocol({ makeConnection() {}, dataReceived: received, connectionLost() {} });
      await turns(2);
      expect(transport.aborted).toBe(true);
    }
    setObserver(previous);
    expect(logged).toEqual([thrown, thrown]);
  });

  it("delivers nothing to a protocol that closes at once", () => {
    const calls: string[] = [];
    class Closing extends Protocol {
      override connectionMade(): void {
        this.transport.loseConnection();
      }
      override dataReceived(data: Buffer): void {
        calls.push(`data ${data}`);
      }
      readConnectionLost(): void {
        calls.push("end");
      }
    }
    const { transport, connection } = opened();
    transport.receive("unread");
    transport.end();
    connection.switchProtocol(new Closing());
    expect([calls, transport.disconnecting]).toEqual([[], true]);
  });

  it("closes after the peer's FIN for a wrapper whose protocol is not half-closeable", async () => {
    const { transport, connection } = opened();
    transport.receive("unread");
    transport.end();
    const wrapper = new WrappingFactory(keepers()).buildProtocol(PEER)!;
    connection.switchProtocol(wrapper);
    await turns(2);
    expect([wrapper.wrappedProtocol.received, transport.disconnecting]).toEqual(["unread", true]);
  });
});

describe("write()", () => {
  it("resolves at once below the high-water mark, without registering a producer", async () => {
    const transport = OwningTransport.idle();
    await write(transport, "one");
    expect([transport.take(), transport.producer]).toEqual(["one", null]);
  });

  it("waits above the high-water mark, for every writer", async () => {
    const { transport, connection } = opened();
    const congest = transport.write.bind(transport);
    transport.write = (data) => {
      congest(data);
      transport.congest();
    };
    const order: string[] = [];
    const writes = ["a", "b"].map((text) => connection.write(text).then(() => order.push(text)));
    order.push("written");
    await turns(1);
    expect([transport.take(), order]).toEqual(["ab", ["written"]]);
    transport.drain();
    await Promise.all(writes);
    expect([order, transport.producer]).toEqual([["written", "a", "b"], null]);
  });

  it("rejects when the connection is lost first, and afterwards; the rejection need not be handled", async () => {
    const transport = OwningTransport.idle();
    const congest = transport.write.bind(transport);
    transport.write = (data) => {
      congest(data);
      transport.congest();
    };
    const writing = write(transport, "never sent");
    transport.lose(new ConnectionLost());
    await expect(writing).rejects.toBeInstanceOf(ConnectionLost);
    void write(transport, "not awaited");
    await expect(write(transport, "late")).rejects.toBeInstanceOf(ConnectionLost);
  });

  it("rejects when the transport reports the loss only in registerProducer()", async () => {
    const transport = OwningTransport.idle();
    transport.registerProducer = (producer) => producer.stopProducing();
    await expect(write(transport, "late")).rejects.toBeInstanceOf(ConnectionLost);
    expect(transport.take()).toBe("");
  });

  it("throws at once for what is no transport, with an encoding too", () => {
    expect(() => write({} as never, "x")).toThrow(TypeError);
    expect(() => write({} as never, "x", "latin1")).toThrow(TypeError);
  });

  it("rejects once the connection is closing, and while there is another producer", async () => {
    const transport = OwningTransport.idle();
    transport.registerProducer({ stopProducing() {}, resumeProducing() {} }, false);
    await expect(write(transport, "x")).rejects.toThrow(/already/);
    transport.loseConnection();
    await expect(write(transport, "x")).rejects.toBeInstanceOf(ConnectionClosed);
  });

  it("reports no rejection as unhandled that the connection explains: its loss, its end, or another producer", async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", listener);
    try {
      const transport = OwningTransport.idle();
      transport.registerProducer({ stopProducing() {}, resumeProducing() {} }, false);
      void write(transport, "x");
      transport.unregisterProducer();
      transport.loseConnection();
      void write(transport, "x");
      transport.lose();
      void write(transport, "x");
      await turns(2);
      expect(unhandled).toEqual([]);
    } finally {
      process.off("unhandledRejection", listener);
    }
  });

  it("rejects after end(), and on a lost connection", async () => {
    const { transport, connection } = opened();
    connection.end();
    expect(transport.halfClosed).toBe(true);
    await expect(connection.write("x")).rejects.toBeInstanceOf(ConnectionClosed);
    const gone = opened();
    gone.transport.lose();
    await expect(gone.connection.write("x")).rejects.toBeInstanceOf(ConnectionLost);
  });
});

describe("lines()", () => {
  it("yields the same lines as LineReceiver, whatever the fragmentation", async () => {
    const random = seeded(7);
    for (let round = 0; round < 200; round++) {
      const delimiter = ["\r\n", "\n", "--", "aab"][round % 4]!;
      const texts = Array.from({ length: between(random, 0, 30) }, () => "ab\r-x".repeat(between(random, 0, 9)))
        .map((text) => text.replaceAll(delimiter, ""))
        .filter((text) => `${text}${delimiter}`.indexOf(delimiter) === text.length);
      const { transport, connection } = opened();
      const seen = all(lines(connection, { delimiter }));
      for (const piece of fragments(random, Buffer.from(texts.map((text) => text + delimiter).join("")), 20)) {
        transport.receive(piece);
        if (random() < 0.3) await turns(1);
      }
      transport.end();
      expect(await seen).toEqual(texts);
    }
  });

  it("yields strings with an encoding, and Buffers otherwise", async () => {
    const { transport, connection } = opened();
    expectTypeOf(lines(connection, { encoding: "utf8" })).toEqualTypeOf<Loop<string>>();
    expectTypeOf(lines(connection)).toEqualTypeOf<Loop<Buffer>>();
    expectTypeOf(chunks(connection)).toEqualTypeOf<Loop<Buffer>>();
    transport.receive("Grü");
    const loop = lines(connection, { encoding: "latin1" });
    transport.receive("ße\r\nnext\r\n");
    expect((await loop.next()).value).toBe("GrÃ¼Ã\u009fe");
    await loop.return();
    expect((await lines(connection).next()).value).toEqual(Buffer.from("next"));
  });

  it("ends at the peer's FIN; bytes after the last delimiter can be read", async () => {
    const { transport, connection } = opened();
    transport.receive("one\r\ntw");
    transport.end();
    expect(await all(lines(connection))).toEqual(["one"]);
    expect(await all(chunks(connection))).toEqual(["tw"]);
  });

  it("leaves a Connection open when the loop is left, with the unused bytes", async () => {
    const { transport, connection } = opened();
    transport.receive("one\r\ntwo\r\nthr");
    for await (const line of lines(connection)) {
      expect(String(line)).toBe("one");
      break;
    }
    expect(transport.disconnecting).toBe(false);
    transport.receive("ee\r\n");
    transport.end();
    expect(await all(lines(connection))).toEqual(["two", "three"]);
  });

  it("closes a transport when the loop is left by break, by an exception, at the end, and by disposal", async () => {
    const left = OwningTransport.idle();
    left.receive("for the one before");
    const loop = lines(left);
    left.receive("one\r\n");
    for await (const _line of loop) break;
    expect([left.disconnecting, left.aborted]).toEqual([true, false]);
    expect(await loop.next()).toEqual({ done: true, value: undefined });

    const thrown = OwningTransport.idle();
    const throwing = (async () => {
      for await (const _line of lines(thrown)) throw new Error("enough");
    })();
    thrown.receive("one\r\n");
    await expect(throwing).rejects.toThrow("enough");
    expect(thrown.disconnecting).toBe(true);

    const ended = OwningTransport.idle();
    const ending = all(lines(ended));
    ended.end();
    expect(await ending).toEqual([]);
    expect(ended.disconnecting).toBe(true);

    const disposed = OwningTransport.idle();
    await lines(disposed)[Symbol.asyncDispose]();
    expect(disposed.disconnecting).toBe(true);
  });

  it("throws the reason of the loss", async () => {
    const transport = OwningTransport.idle();
    const reading = all(lines(transport));
    transport.lose(new ConnectionLost());
    await expect(reading).rejects.toBeInstanceOf(ConnectionLost);
  });

  it("throws for a line that is too long, with or without a delimiter, and drops it", async () => {
    for (const text of ["12345678901\r\n", "123456789012"]) {
      const { transport, connection } = opened();
      transport.receive(`1234567890\r\n${text}`);
      const loop = lines(connection, { maxLength: 10 });
      expect(String((await loop.next()).value)).toBe("1234567890");
      const error = await loop.next().catch((reason) => reason);
      expect(error).toBeInstanceOf(FramingError);
      expect([error.code, error.message]).toEqual(["ERR_FRAMING", expect.stringContaining("10 bytes")]);
      expect(await loop.next()).toEqual({ done: true, value: undefined });
      transport.end();
      expect(await connection.read()).toBe(null);
    }
    const transport = OwningTransport.idle();
    transport.current = undefined;
    const loop = lines(transport, { delimiter: Buffer.of(0), maxLength: 1 });
    transport.receive("long");
    await expect(loop.next()).rejects.toThrow(FramingError);
    expect(transport.disconnecting).toBe(true);
  });

  it("holds at most maxLength and a chunk of an unterminated line", async () => {
    const { transport, connection } = opened();
    let failed: unknown;
    all(lines(connection, { maxLength: 100 * KIB })).catch((error) => {
      failed = error;
    });
    let sent = 0;
    for (; failed === undefined; sent++) {
      transport.receive(Buffer.alloc(KIB, "x"));
      await turns(1);
    }
    expect(failed).toBeInstanceOf(FramingError);
    expect(sent).toBeLessThanOrEqual(102);
    while (!transport.paused) transport.receive(Buffer.alloc(KIB, "x"));
    expect((await connection.read())?.length, "nobody reads: it is paused").toBeLessThan(66 * KIB);
  });

  it("ends when its signal aborts", async () => {
    const { transport, connection } = opened();
    const controller = new AbortController();
    const loop = lines(connection, { signal: controller.signal });
    transport.receive("one\r\ntw");
    expect(String((await loop.next()).value)).toBe("one");
    const next = loop.next();
    controller.abort(new Error("stop"));
    await expect(next).rejects.toThrow("stop");
    expect(await loop.next()).toEqual({ done: true, value: undefined });
    expect(String(await connection.read())).toBe("tw");
  });

  it("can be left while next() is pending: nothing is lost, and the order is kept", async () => {
    const { transport, connection } = opened();
    const loop = lines(connection);
    transport.receive("on");
    const next = loop.next();
    await turns(1);
    await loop.return();
    expect(await next).toEqual({ done: true, value: undefined });
    transport.receive("e\r\n");
    expect(String(await connection.read())).toBe("one\r\n");
    const late = lines(connection);
    transport.receive("tw");
    const waiting = late.next();
    await turns(1);
    transport.receive("o\r\n");
    await late.return();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(String(await connection.read())).toBe("two\r\n");
  });

  it("can be left while next() is pending on a connection that is lost at the same time", async () => {
    const { transport, connection } = opened();
    const loop = lines(connection);
    const next = loop.next();
    transport.lose(new ConnectionLost());
    await loop.return();
    await expect(next).rejects.toBeInstanceOf(ConnectionLost);
  });
});

describe("strings()", () => {
  const encode = {
    int8: (text: Buffer) => Buffer.concat([Buffer.of(text.length), text]),
    int16: (text: Buffer) => Buffer.concat([Buffer.of(text.length >> 8, text.length & 255), text]),
    int32: (text: Buffer) => Buffer.concat([Buffer.of(0, 0, text.length >> 8, text.length & 255), text]),
    netstring: (text: Buffer) => Buffer.from(`${text.length}:${text.toString("latin1")},`, "latin1"),
  };
  const framings = Object.keys(encode) as (keyof typeof encode)[];

  for (const framing of framings) {
    it(`gives the strings of random fragments of random ${framing} strings`, async () => {
      const random = seeded(framings.indexOf(framing) + 1);
      for (let round = 0; round < 200; round++) {
        const texts = Array.from({ length: between(random, 0, 30) }, () => {
          const text = Buffer.allocUnsafe(between(random, 0, round % 10 === 0 ? 255 : 9));
          for (let i = 0; i < text.length; i++) text[i] = between(random, 0, 255);
          return text;
        });
        const { transport, connection } = opened();
        const seen: Buffer[] = [];
        const reading = (async () => {
          for await (const string of strings(connection, framing)) {
            seen.push(string);
            // Every loop goes on where the one before was left.
            if (random() < 0.1) break;
          }
          for await (const string of strings(connection, framing)) seen.push(string);
        })();
        for (const piece of fragments(random, Buffer.concat(texts.map(encode[framing])), 40)) {
          transport.receive(piece);
          if (random() < 0.3) await turns(1);
        }
        transport.end();
        await reading;
        expect(seen).toEqual(texts);
      }
    });
  }

  it("yields strings with an encoding", async () => {
    const { transport, connection } = opened();
    const loop = strings(connection, "int8", { encoding: "utf8" });
    expectTypeOf(loop).toEqualTypeOf<Loop<string>>();
    expectTypeOf(strings(connection, "int8")).toEqualTypeOf<Loop<Buffer>>();
    transport.receive("\x02ok");
    expect((await loop.next()).value).toBe("ok");
  });

  it("yields strings of several chunks, which retain only their own memory", async () => {
    const { transport, connection } = opened();
    const loop = strings(connection, "int32");
    transport.receive(Buffer.of(0, 1, 0x38, 0x80));
    const large = loop.next();
    for (let i = 0; i < 8; i++) transport.receive(Buffer.alloc(10_000, i));
    expect((await large).value).toEqual(Buffer.concat(Array.from({ length: 8 }, (_, i) => Buffer.alloc(10_000, i))));
    const slab = Buffer.allocUnsafeSlow(64 * KIB).fill("x");
    slab.writeUInt32BE(3);
    transport.current?.dataReceived(slab);
    const { value } = await loop.next();
    slab.fill("y");
    expect(String(value)).toBe("xxx");
  });

  it("throws for a string that is too long before it has arrived, and closes a transport that it owns", async () => {
    for (const [framing, text] of [
      ["int8", "\x0b"],
      ["int16", "\x00\x0b"],
      ["int32", "\xff\xff\xff\xff"],
      ["netstring", "11"],
    ] as const) {
      const transport = OwningTransport.idle();
      const loop = strings(transport, framing, { maxLength: 10 });
      transport.receive(Buffer.from(text, "latin1"));
      await expect(loop.next()).rejects.toThrow("the limit is 10");
      expect(transport.disconnecting).toBe(true);
      expect(await loop.next()).toEqual({ done: true, value: undefined });
    }
    expect(() => encode.int8(Buffer.alloc(10))).not.toThrow();
    const { transport, connection } = opened();
    transport.receive(encode.int8(Buffer.alloc(10, "z")));
    expect(String((await strings(connection, "int8", { maxLength: 10 }).next()).value)).toBe("z".repeat(10));
  });

  it("throws for bytes that are not a netstring", async () => {
    for (const text of ["x", ":", "-1:", "01:x,", "00:,", "1 :", "3:abc;", "0:;", "GET / HTTP/1.1"]) {
      const { transport, connection } = opened();
      transport.receive(text);
      const error = await strings(connection, "netstring")
        .next()
        .catch((reason) => reason);
      expect([text, error.code]).toEqual([text, "ERR_FRAMING"]);
    }
  });

  it("ends at the peer's FIN inside a string, whose bytes can be read", async () => {
    const { transport, connection } = opened();
    transport.receive("3:abc,4:de");
    transport.end();
    expect(await all(strings(connection, "netstring"))).toEqual(["abc"]);
    expect(await all(connection)).toEqual(["4:de"]);
  });
});

describe("chunks()", () => {
  it("yields bytes as they arrive, also by iterating over the connection", async () => {
    const { transport, connection } = opened();
    const seen = all(connection);
    for (const text of ["a", "bc"]) {
      transport.receive(text);
      await turns(1);
    }
    transport.end();
    expect(await seen).toEqual(["a", "bc"]);
    const other = OwningTransport.idle();
    const loop = chunks(other);
    other.receive("x");
    for await (const piece of loop) {
      expect(String(piece)).toBe("x");
      break;
    }
    expect(other.disconnecting).toBe(true);
  });
});

describe("handle()", () => {
  function serve(handler: Parameters<typeof handle>[0]): OwningTransport {
    const transport = new OwningTransport();
    const factory = handle(handler);
    const protocol = factory.buildProtocol(transport.getPeer());
    expect(protocol?.factory).toBe(factory);
    return transport.connect(protocol!);
  }

  it("calls the handler with the connection, and closes when it returns", async () => {
    const transport = serve(async (connection) => {
      for await (const line of lines(connection)) connection.write(`${line}!`);
    });
    transport.receive("one\r\ntwo\r\n");
    await turns(1);
    expect([transport.take(), transport.disconnecting]).toEqual(["one!two!", false]);
    transport.end();
    await turns(1);
    expect([transport.disconnecting, transport.aborted]).toEqual([true, false]);
  });

  it("logs an exception or a rejection of a handler, and aborts its connection", async () => {
    const logged: string[] = [];
    const before = setObserver(({ message, error }) => logged.push(`${message}: ${error}`));
    try {
      const sync = serve(() => {
        throw new Error("at once");
      });
      const late = serve(async (connection) => {
        await connection.read();
        throw new ConnectionLost("not mine");
      });
      late.receive("x");
      await turns(1);
      expect([sync.aborted, late.aborted]).toEqual([true, true]);
    } finally {
      setObserver(before);
    }
    const where = "A handler threw; its connection to 192.0.2.1:54321 is closed";
    expect(logged).toEqual([`${where}: Error: at once`, `${where}: ConnectionLost: not mine`]);
  });

  it("logs one line without a stack for peers that break the framing, then counts them for a minute", async () => {
    const logged: unknown[] = [];
    const before = setObserver(({ level, message, error }) => logged.push([level, message, error]));
    const now = vi.spyOn(monotonicClock, "seconds").mockReturnValue(1000);
    try {
      const factory = handle(async (connection) => {
        for await (const _ of lines(connection, { maxLength: 5 }));
      });
      const spoil = async (): Promise<void> => {
        const transport = new OwningTransport();
        transport.connect(factory.buildProtocol(transport.getPeer())!);
        transport.receive("x".repeat(100));
        await turns(1);
        expect(transport.aborted).toBe(true);
      };
      for (let i = 0; i < 4; i++) await spoil();
      now.mockReturnValue(1000 + REFUSALS_SECONDS);
      await spoil();
    } finally {
      setObserver(before);
      now.mockRestore();
    }
    const line =
      "The connection from 192.0.2.1:54321 is closed: FramingError: A line is longer than the limit of 5 bytes: " +
      'the peer does not send "\\r\\n", or maxLength is too small.';
    expect(logged).toEqual([
      ["info", line, undefined],
      ["info", `${line} (3 more like it since the last such line)`, undefined],
    ]);
  });

  it("logs nothing for a handler that ends because its connection was lost", async () => {
    const transport = serve(async (connection) => {
      await connection.read();
    });
    transport.lose(new ConnectionLost());
    await turns(1);
    expect(transport.aborted).toBe(false);
  });
});

describe("connect()", () => {
  it("resolves with a connection, and rejects with the reason of the failed attempt", async () => {
    const reactor = new FakeReactor();
    const endpoint = new TCP4ClientEndpoint(reactor, "192.0.2.7", 80);
    const connecting = connect(endpoint);
    const transport = reactor.connectors[0]!.succeed();
    const connection = await connecting;
    expect([connection.transport, connection.lost]).toEqual([transport, false]);
    const failing = connect(endpoint, { signal: new AbortController().signal });
    reactor.connectors[1]!.fail(new Error("nobody there"));
    await expect(failing).rejects.toThrow("nobody there");
  });

  it("rejects with the reason of a signal that aborts, and stops the attempt", async () => {
    const reactor = new FakeReactor();
    const controller = new AbortController();
    const connecting = connect(new TCP4ClientEndpoint(reactor, "192.0.2.7", 80), { signal: controller.signal });
    controller.abort(new Error("changed my mind"));
    await expect(connecting).rejects.toThrow("changed my mind");
    expect(reactor.connectors[0]!.state).toBe("disconnected");
  });
});
