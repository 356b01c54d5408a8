import { beforeEach, describe, expect, expectTypeOf, it, vi } from "vitest";
import type { Deferred } from "../../src/entries/defer.ts";
import {
  ConnectionClosed,
  ConnectionDone,
  ConnectionLost,
  NoClockError,
  TimeoutError,
} from "../../src/internet/error.ts";
import {
  ClientError,
  DEFAULT_PORT,
  type IdentifiedValue,
  MemCacheProtocol,
  NoSuchCommand,
  ServerError,
  type Value,
} from "../../src/protocols/memcache.ts";
import { Clock } from "../../src/testing/clock.ts";
import { forSeeds } from "../helpers/cases.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { errorOf, watch } from "../helpers/outcome.ts";
import { between, fragments } from "../helpers/random.ts";
import { volume } from "../helpers/volume.ts";

let clock: Clock;
let client: MemCacheProtocol;
let transport: FakeTransport;

beforeEach(() => {
  clock = new Clock();
  client = new MemCacheProtocol({ clock });
  transport = new FakeTransport().connect(client);
});

const bar = Buffer.from("bar");
const LONG = "k".repeat(251);

type Ask = (client: MemCacheProtocol) => Deferred<unknown>;
type Exchange = readonly [sent: string, received: string, result: unknown, ask: Ask];

const EXCHANGES: readonly Exchange[] = [
  ["get foo\r\n", "VALUE foo 0 3\r\nbar\r\nEND\r\n", [0, bar], (c) => c.get("foo")],
  ["get foo\r\n", "VALUE foo 7 0\r\n\r\nEND\r\n", [7, Buffer.alloc(0)], (c) => c.get("foo")],
  ["get foo\r\n", "END\r\n", [0, null], (c) => c.get("foo")],
  ["gets foo\r\n", "VALUE foo 0 3 1234\r\nbar\r\nEND\r\n", [0, "1234", bar], (c) => c.get("foo", true)],
  ["gets foo\r\n", "END\r\n", [0, "", null], (c) => c.get("foo", true)],
  ["get grüße\r\n", "VALUE grüße 0 3\r\nbar\r\nEND\r\n", [0, bar], (c) => c.get("grüße")],
  [
    "get foo cow\r\n",
    "VALUE foo 0 3\r\nbar\r\nVALUE cow 1 7\r\nchicken\r\nEND\r\n",
    new Map([
      ["foo", [0, bar]],
      ["cow", [1, Buffer.from("chicken")]],
    ]),
    (c) => c.getMultiple(["foo", "cow"]),
  ],
  [
    "get foo cow\r\n",
    "VALUE cow 1 3\r\nbar\r\nEND\r\n",
    new Map<string, Value>([
      ["foo", [0, null]],
      ["cow", [1, bar]],
    ]),
    (c) => c.getMultiple(new Set(["foo", "cow"])),
  ],
  [
    "gets foo cow\r\n",
    "VALUE foo 0 3 1234\r\nbar\r\nEND\r\n",
    new Map<string, IdentifiedValue>([
      ["foo", [0, "1234", bar]],
      ["cow", [0, "", null]],
    ]),
    (c) => c.getMultiple(["foo", "cow"], true),
  ],
  ["set foo 0 0 3\r\nbar\r\n", "STORED\r\n", true, (c) => c.set("foo", "bar")],
  ["set foo 3 60 3\r\nbar\r\n", "STORED\r\n", true, (c) => c.set("foo", bar, 3, 60)],
  ["set foo 0 -1 0\r\n\r\n", "STORED\r\n", true, (c) => c.set("foo", "", 0, -1)],
  ["set foo 0 0 6\r\ngr\u00fc\u00df\r\n", "STORED\r\n", true, (c) => c.set("foo", "grüß")],
  ["add foo 0 0 3\r\nbar\r\n", "STORED\r\n", true, (c) => c.add("foo", "bar")],
  ["add foo 0 0 3\r\nbar\r\n", "NOT_STORED\r\n", false, (c) => c.add("foo", "bar")],
  ["replace foo 0 0 3\r\nbar\r\n", "STORED\r\n", true, (c) => c.replace("foo", "bar")],
  ["replace foo 0 0 3\r\nbar\r\n", "NOT_STORED\r\n", false, (c) => c.replace("foo", "bar")],
  ["append foo 0 0 3\r\nbar\r\n", "STORED\r\n", true, (c) => c.append("foo", "bar")],
  ["prepend foo 0 0 3\r\nbar\r\n", "STORED\r\n", true, (c) => c.prepend("foo", "bar")],
  ["cas foo 0 0 3 1234\r\nbar\r\n", "STORED\r\n", true, (c) => c.checkAndSet("foo", "bar", "1234")],
  ["cas foo 0 0 3 1234\r\nbar\r\n", "EXISTS\r\n", false, (c) => c.checkAndSet("foo", "bar", "1234")],
  ["cas foo 0 0 3 1234\r\nbar\r\n", "NOT_FOUND\r\n", false, (c) => c.checkAndSet("foo", "bar", "1234")],
  ["delete foo\r\n", "DELETED\r\n", true, (c) => c.delete("foo")],
  ["delete foo\r\n", "NOT_FOUND\r\n", false, (c) => c.delete("foo")],
  ["incr foo 1\r\n", "4\r\n", 4, (c) => c.increment("foo")],
  ["incr foo 8\r\n", "12\r\n", 12, (c) => c.increment("foo", 8)],
  ["incr foo 1\r\n", "NOT_FOUND\r\n", false, (c) => c.increment("foo")],
  ["decr foo 1\r\n", "9 \r\n", 9, (c) => c.decrement("foo")],
  ["decr foo 3\r\n", "0\r\n", 0, (c) => c.decrement("foo", 3)],
  [
    "stats\r\n",
    "STAT foo bar\r\nSTAT egg two words\r\nSTAT none \r\nEND\r\n",
    new Map([
      ["foo", "bar"],
      ["egg", "two words"],
      ["none", ""],
    ]),
    (c) => c.stats(),
  ],
  ["stats items\r\n", "STAT foo bar\r\nEND\r\n", new Map([["foo", "bar"]]), (c) => c.stats("items")],
  ["stats reset\r\n", "RESET\r\n", new Map(), (c) => c.stats("reset")],
  ["version\r\n", "VERSION 1.6.18\r\n", "1.6.18", (c) => c.version()],
  ["flush_all\r\n", "OK\r\n", true, (c) => c.flushAll()],
];

describe.each(EXCHANGES)("%j answered by %j", (sent, received, result, ask) => {
  it("is sent as expected, and fires with its result", () => {
    const seen = watch(ask(client));
    expect(transport.take()).toBe(sent);
    transport.receive(received);
    expect(seen).toEqual([result]);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("fires with the same result when the answer arrives byte by byte", () => {
    const seen = watch(ask(client));
    for (const byte of Buffer.from(received)) transport.receive(Buffer.of(byte));
    expect(seen).toEqual([result]);
  });

  it("fails without a connection", () => {
    transport.lose();
    errorOf(ask(client), ConnectionClosed);
    errorOf(ask(new MemCacheProtocol({ clock })), ConnectionClosed);
  });
});

it("the commands' results have their types", () => {
  expectTypeOf(client.get("a")).toEqualTypeOf<Deferred<Value>>();
  expectTypeOf(client.get("a", true)).toEqualTypeOf<Deferred<IdentifiedValue>>();
  expectTypeOf(client.getMultiple(["a"])).toEqualTypeOf<Deferred<Map<string, Value>>>();
  expectTypeOf(client.getMultiple(["a"], true)).toEqualTypeOf<Deferred<Map<string, IdentifiedValue>>>();
  expectTypeOf(client.increment("a")).toEqualTypeOf<Deferred<number | false>>();
  expectTypeOf(client.set("a", "b")).toEqualTypeOf<Deferred<boolean>>();
  expect(DEFAULT_PORT).toBe(11211);
  transport.lose(new ConnectionDone());
});

describe("errors", () => {
  it("a command that the server does not know fails with NoSuchCommand, and the next is answered", () => {
    const unknown = client.flushAll();
    const seen = watch(client.get("foo"));
    transport.receive("ERROR\r\nEND\r\n");
    errorOf(unknown, NoSuchCommand);
    expect(seen).toEqual([[0, null]]);
  });

  it("a CLIENT_ERROR fails with ClientError, and its message", () => {
    const refused = client.set("foo", "eggspamm");
    transport.receive("CLIENT_ERROR We don't like eggspamm\r\n");
    expect(errorOf(refused, ClientError).message).toContain("We don't like eggspamm");
  });

  it("a SERVER_ERROR fails with ServerError, and its message", () => {
    const failed = client.set("foo", "eggspamm");
    transport.receive("SERVER_ERROR zomg\r\n");
    expect(errorOf(failed, ServerError).message).toContain("zomg");
  });

  it("a counter above the safe integers fails with ClientError, and its digits", () => {
    const answer = client.increment("foo");
    transport.receive("18446744073709551615\r\n");
    expect(errorOf(answer, ClientError).message).toContain("18446744073709551615");
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it.each<[string, Ask]>([
    ["set", (c) => c.set(LONG, bar)],
    ["get", (c) => c.get(LONG)],
    ["getMultiple", (c) => c.getMultiple(["a", LONG])],
    ["increment", (c) => c.increment(LONG)],
    ["decrement", (c) => c.decrement(LONG)],
    ["delete", (c) => c.delete(LONG)],
    ["append", (c) => c.append(LONG, bar)],
    ["set in UTF-8", (c) => c.set("ü".repeat(126), bar)],
    ["getMultiple without keys", (c) => c.getMultiple([])],
    ["checkAndSet without an identifier", (c) => c.checkAndSet("a", "b", "")],
    ["checkAndSet with a forged identifier", (c) => c.checkAndSet("a", "b", "1\r\nflush_all")],
    ["set with flags that are none", (c) => c.set("a", "b", 0.5)],
    ["set with a time that is none", (c) => c.set("a", "b", 0, Number.NaN)],
    // memcached refuses such a command and reads its value as the next ones.
    ["set with flags of more than 32 bits", (c) => c.set("a", "flush_all", 2 ** 32)],
    ["set with a time in milliseconds", (c) => c.set("a", "flush_all", 0, 1_700_000_000_000)],
    ["checkAndSet with an identifier of more than 64 bits", (c) => c.checkAndSet("a", "flush_all", `${2n ** 64n}`)],
    ["checkAndSet with an identifier of many digits", (c) => c.checkAndSet("a", "flush_all", "9".repeat(40))],
    ["increment by less than nothing", (c) => c.increment("a", -1)],
    ["stats of several lines", (c) => c.stats("items\r\nflush_all")],
    ...["", "two words", "a\r\nflush_all", "a\tb", "a\0", "\u007f", "a\ud800", "\udc00b"].map((key): [string, Ask] => [
      `get of ${JSON.stringify(key)}`,
      (c) => c.get(key),
    ]),
  ])("%s fails with ClientError before anything is sent", (_what, ask) => {
    errorOf(ask(client), ClientError);
    expect(transport.take()).toBe("");
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("the greatest numbers that memcached accepts are sent", () => {
    client.set("a", "b", 2 ** 32 - 1, 2 ** 31 - 1);
    client.checkAndSet("a", "b", `${2n ** 64n - 1n}`, 0, -1);
    expect(transport.take()).toBe("set a 4294967295 2147483647 1\r\nb\r\ncas a 0 -1 1 18446744073709551615\r\nb\r\n");
  });

  it("a key may have characters outside the basic plane", () => {
    const seen = watch(client.get("a😀"));
    transport.receive("VALUE a😀 0 3\r\nbar\r\nEND\r\n");
    expect(seen).toEqual([[0, bar]]);
  });

  it("a key may have 250 bytes", () => {
    const seen = watch(client.get("k".repeat(250)));
    transport.receive("END\r\n");
    expect(seen).toEqual([[0, null]]);
  });

  it.each<[string, Ask, string]>([
    ["a value of another key", (c) => c.get("foo"), "VALUE bar 0 7\r\nspamegg\r\nEND\r\n"],
    ["a value of no key that was asked for", (c) => c.getMultiple(["a", "b"]), "VALUE egg 0 7\r\n"],
    ["END to what retrieves nothing", (c) => c.set("key", "value"), "END\r\n"],
    ["STORED to what stores nothing", (c) => c.get("foo"), "STORED\r\n"],
    ["words to what counts", (c) => c.increment("foo"), "many\r\n"],
    ["a property of every object", (c) => c.flushAll(), "constructor\r\n"],
    ["something else to version", (c) => c.version(), "OK then\r\n"],
    ["something else to stats", (c) => c.stats(), "STAT\r\n"],
    ["a length that is none", (c) => c.get("foo"), "VALUE foo 0 -3\r\n"],
    ["a length beyond any", (c) => c.get("foo"), "VALUE foo 0 99999999999\r\n"],
    ["a value that does not end where it should", (c) => c.get("foo"), "VALUE foo 0 3\r\nbarbar\r\nEND\r\n"],
    [`${"a long answer".padEnd(100)}`, (c) => c.flushAll(), `${"x".repeat(500)}\r\n`],
  ])("an answer that breaks the protocol throws ServerError, which ends the connection: %s", (_what, ask, received) => {
    const answer = ask(client);
    expect(() => transport.receive(received)).toThrow(ServerError);
    transport.lose(new ConnectionLost());
    errorOf(answer, ConnectionLost);
  });

  it("an answer that was not asked for throws ServerError", () => {
    expect(() => transport.receive("STORED\r\n")).toThrow(ServerError);
  });

  it("every command fails with the reason of the loss", () => {
    const answers = [client.get("foo"), client.get("bar")];
    transport.lose(new ConnectionLost());
    for (const answer of answers) errorOf(answer, ConnectionLost);
    expect(clock.getDelayedCalls()).toEqual([]);
    expect(errorOf(client.get("foo"), ConnectionClosed).cause).toBeInstanceOf(ConnectionLost);
  });
});

describe("pipelining", () => {
  it("answers go to the commands in order", () => {
    const seen = [
      client.get("foo"),
      client.set("bar", "spamspamspam"),
      client.get("egg"),
      client.increment("n"),
      client.version(),
    ].map((answer) => watch(answer as Deferred<unknown>));
    expect(transport.take()).toBe("get foo\r\nset bar 0 0 12\r\nspamspamspam\r\nget egg\r\nincr n 1\r\nversion\r\n");
    transport.receive(
      "VALUE foo 0 3\r\nbar\r\nEND\r\nSTORED\r\nVALUE egg 0 4\r\nspam\r\nEND\r\nNOT_FOUND\r\nVERSION 1\r\n",
    );
    expect(seen).toEqual([[[0, bar]], [true], [[0, Buffer.from("spam")]], [false], ["1"]]);
  });

  it("200,000 answers take no longer per answer than 5,000", () => {
    client = new MemCacheProtocol({ clock, maxInFlight: Infinity });
    transport = new FakeTransport().connect(client);
    const cost = (count: number) => {
      for (let i = 0; i < count; i++) client.delete("a");
      const answers = Buffer.from("DELETED\r\n".repeat(1000));
      const began = process.cpuUsage();
      for (let i = 0; i < count; i += 1000) client.dataReceived(answers);
      const { user, system } = process.cpuUsage(began);
      return (user + system) / count;
    };
    // What else runs only adds to it.
    const least = (count: number) => Math.min(cost(count), cost(count), cost(count));
    expect(least(200_000) / least(5000)).toBeLessThan(8);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("a callback may send the next command", () => {
    const seen: unknown[] = [];
    client.set("a", "1").addCallback(() => {
      seen.push(watch(client.get("a")));
    });
    transport.take();
    transport.receive("STORED\r\n");
    expect(transport.take()).toBe("get a\r\n");
    transport.receive("VALUE a 0 1\r\n1\r\nEND\r\n");
    expect(seen).toEqual([[[0, Buffer.from("1")]]]);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("a cancelled command keeps its place in the queue", () => {
    const cancelled = client.get("foo");
    const seen = watch(client.get("bar"));
    cancelled.cancel();
    errorOf(cancelled, Error);
    transport.receive("VALUE foo 0 3\r\nbar\r\nEND\r\nEND\r\n");
    expect(seen).toEqual([[0, null]]);
  });

  it("a value that arrives byte by byte takes memory in proportion to the bytes received, not to its announced length", () => {
    const allocate = vi.spyOn(Buffer, "allocUnsafeSlow");
    try {
      const value = "v".repeat(volume({ gate: 10_000, long: 1_000_000 }));
      const seen = watch(client.get("foo"));
      transport.receive(`VALUE foo 0 ${value.length}\r\n`);
      const before = allocate.mock.calls.length;
      const taken = (): number => allocate.mock.calls.slice(before).reduce((sum, [size]) => sum + size, 0);
      for (const [count, byte] of [...value].entries()) {
        transport.receive(byte);
        if (count === 99) expect(taken()).toBeLessThanOrEqual(4 * 100);
      }
      transport.receive("\r\n");
      // Doubling: all memory but the last piece is as much as that together.
      expect(taken()).toBeGreaterThanOrEqual(value.length);
      expect(taken()).toBeLessThanOrEqual(4 * (value.length + 2));
      transport.receive("END\r\n");
      const [[, got]] = seen as [Value];
      expect([got?.toString(), got?.buffer.byteLength]).toEqual([value, value.length + 2]);
    } finally {
      allocate.mockRestore();
    }
  });

  it("random answers are parsed whatever the fragmentation", () => {
    forSeeds(volume({ gate: 200, long: 20_000 }), (random) => {
      const values = Array.from({ length: between(random, 1, 8) }, () => {
        const value = Buffer.alloc(between(random, 0, 200));
        for (let i = 0; i < value.length; i++) value[i] = between(random, 0, 255);
        return value;
      });
      const seen = values.map((_, i) => watch(client.get(`k${i}`)));
      const answer = values.flatMap((value, i) => [
        Buffer.from(`VALUE k${i} ${i} ${value.length}\r\n`),
        value,
        Buffer.from("\r\nEND\r\n"),
      ]);
      for (const piece of fragments(random, Buffer.concat(answer), between(random, 1, 300))) transport.receive(piece);
      expect(seen).toEqual(values.map((value, i) => [[i, value]]));
    });
  });
});

describe("the timeout", () => {
  it("without an answer for 60 seconds, commands fail with TimeoutError, and the connection is aborted", () => {
    const answers = [client.get("foo"), client.get("bar")];
    clock.advance(59.9);
    expect(transport.aborted).toBe(false);
    clock.advance(0.2);
    for (const answer of answers) errorOf(answer, TimeoutError);
    expect(transport.aborted).toBe(true);
    transport.lose(); // fires nothing a second time
    errorOf(client.get("foo"), ConnectionClosed);
  });

  it("it does not run without a pending command, nor after the answer", () => {
    expect(clock.getDelayedCalls()).toEqual([]);
    client.get("foo");
    expect(clock.getDelayedCalls().length).toBe(1);
    transport.receive("END\r\n");
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("it restarts with each chunk received, and ends with the complete answer", () => {
    const answer = client.get("foo");
    for (const piece of ["VALUE foo 0 10\r\n", "12345", "67890"]) {
      clock.advance(59);
      transport.receive(piece);
    }
    clock.advance(59);
    expect(transport.aborted).toBe(false);
    clock.advance(1);
    errorOf(answer, TimeoutError);
  });

  it("it is not ended by statistics without an end", () => {
    const answer = client.stats();
    transport.receive("STAT foo bar\r\n");
    clock.advance(60);
    errorOf(answer, TimeoutError);
  });

  it("it starts again for the next command", () => {
    const [, second] = [client.get("foo"), client.get("bar")];
    clock.advance(59);
    transport.receive("END\r\n");
    clock.advance(59);
    expect(transport.aborted).toBe(false);
    clock.advance(1);
    errorOf(second, TimeoutError);
  });

  it("it is not extended by further commands", () => {
    const first = client.get("foo");
    clock.advance(59);
    const second = client.get("bar");
    clock.advance(1);
    for (const answer of [first, second]) errorOf(answer, TimeoutError);
  });

  it("it needs a clock: connecting without one is refused", () => {
    expect(() => new FakeTransport().connect(new MemCacheProtocol())).toThrow(NoClockError);
    expect(() => new FakeTransport().connect(new MemCacheProtocol({ timeOut: null }))).not.toThrow();
  });

  it("it can be set, and disabled", () => {
    const brief = new MemCacheProtocol({ clock, timeOut: 1 });
    new FakeTransport().connect(brief);
    const answer = brief.get("foo");
    const patient = new MemCacheProtocol({ clock, timeOut: null });
    new FakeTransport().connect(patient);
    const seen = watch(patient.get("foo"));
    clock.advance(1000);
    errorOf(answer, TimeoutError);
    expect(seen).toEqual([]);
  });
});

describe("what the server sends is bounded:", () => {
  const MIB = 1024 * 1024;

  function connect(options: ConstructorParameters<typeof MemCacheProtocol>[0] = {}): void {
    client = new MemCacheProtocol({ clock, ...options });
    transport = new FakeTransport().connect(client);
  }

  it("a value of 16 MiB is accepted, and one byte more is refused when it is announced", () => {
    watch(client.get("foo"));
    expect(() => transport.receive(`VALUE foo 0 ${16 * MIB}\r\n`)).not.toThrow();
    connect();
    watch(client.get("foo"));
    expect(() => transport.receive(`VALUE foo 0 ${16 * MIB + 1}\r\n`)).toThrow(ServerError);
  });

  it("the largest value can be changed", () => {
    connect({ maxValue: 3 });
    const seen = watch(client.get("foo"));
    transport.receive("VALUE foo 0 3\r\nbar\r\nEND\r\n");
    expect(seen).toEqual([[0, bar]]);
    watch(client.get("foo"));
    expect(() => transport.receive("VALUE foo 0 4\r\n")).toThrow("more than the 3 that are accepted: raise maxValue");
    connect({ maxValue: 100 * MIB });
    watch(client.get("foo"));
    expect(() => transport.receive(`VALUE foo 0 ${100 * MIB}\r\n`)).not.toThrow();
  });

  it("all values of one reply", () => {
    connect({ maxReply: 1000 });
    watch(client.getMultiple(["a", "b", "c"]));
    const value = (key: string, length: number) => `VALUE ${key} 0 ${length}\r\n${"x".repeat(length)}\r\n`;
    transport.receive(value("a", 400) + value("b", 400));
    expect(() => transport.receive(value("c", 400))).toThrow(/more than 1000 bytes in one reply.*fewer keys.*maxReply/);
  });

  it("values without content, which cost their lines with every CR LF", () => {
    const keys = Array.from({ length: 100 }, (_, i) => `ü${i + 100}`);
    const reply = keys.map((key) => `VALUE ${key} 0 0\r\n\r\n`).join("");
    for (const [missing, ends] of [
      [0, "all"],
      [1, "too many"],
    ] as const) {
      connect({ maxReply: Buffer.byteLength(reply) - missing });
      watch(client.getMultiple(keys));
      const receive = () => transport.receive(reply);
      if (ends === "all") expect(receive).not.toThrow();
      else expect(receive).toThrow("in one reply");
    }
  });

  it.each(["a", "b"])("one value of a key in a reply: %s", (key) => {
    const seen = watch(client.getMultiple(["a", "b", "a"]));
    expect(transport.written.toString()).toBe("get a b\r\n");
    const value = (of: string) => `VALUE ${of} 0 0\r\n\r\n`;
    transport.receive(value("a") + value("b"));
    expect(() => transport.receive(value(key))).toThrow(
      `The memcached server sent a second value of the key "${key}" in one reply.`,
    );
    expect(seen).toEqual([]);
  });

  it("statistics, by their number and their bytes, until the next reply", () => {
    const line = (name: number) => `STAT ${name} ${"x".repeat(1000)}\r\n`;
    const lines = (count: number, make: (name: number) => string) =>
      Array.from({ length: count }, (_, i) => make(i)).join("");
    watch(client.stats());
    watch(client.stats());
    for (let i = 0; i < 2; i++) expect(() => transport.receive(`${lines(1000, line)}END\r\n`)).not.toThrow();
    watch(client.stats());
    expect(() => transport.receive(lines(1100, line))).toThrow(/more than 16384 statistics, or 1048576 bytes/);
    connect();
    watch(client.stats());
    expect(() => transport.receive(lines(16_384, (name) => `STAT ${name} 1\r\n`))).not.toThrow();
    expect(() => transport.receive("STAT x 1\r\n")).toThrow(ServerError);
  });

  it("a line", () => {
    watch(client.get("foo"));
    expect(() => transport.receive("\u001b".repeat(20_000))).toThrow(ServerError);
  });

  it("a value that trickles in for more than 600 seconds fails its command and those behind it, and ends the connection", () => {
    const asked = [client.get("foo"), client.get("cow")];
    transport.receive("VALUE foo 0 100\r\n");
    for (let i = 0; i < 20; i++) {
      clock.advance(30);
      transport.receive("x");
    }
    expect(transport.aborted).toBe(false);
    clock.advance(1);
    transport.receive("x");
    expect(transport.aborted).toBe(true);
    for (const each of asked) expect(errorOf(each, TimeoutError).message).toContain("within 600 seconds");
  });

  it("statistics that trickle in, too; each command has its own time, which can be changed", () => {
    connect({ replyTimeOut: 100 });
    const seen = watch(client.version());
    const stats = client.stats();
    clock.advance(59);
    transport.receive("VERSION 1\r\n");
    expect(seen).toEqual(["1"]);
    for (let i = 0; i < 3; i++) {
      clock.advance(50);
      transport.receive(`STAT ${i} 1\r\n`);
    }
    expect(errorOf(stats, TimeoutError).message).toContain("within 100 seconds");
    connect({ replyTimeOut: null });
    const patient = watch(client.stats());
    for (let i = 0; i < 100; i++) {
      clock.advance(50);
      transport.receive(`STAT ${i} 1\r\n`);
    }
    expect([patient, transport.aborted]).toEqual([[], false]);
  });

  it("commands that wait for their replies", () => {
    for (let i = 0; i < 16_384; i++) watch(client.version());
    transport.take();
    expect(errorOf(client.version(), ClientError).message).toContain("16384 commands wait");
    expect(transport.take()).toBe("");
    transport.receive("VERSION 1\r\n");
    watch(client.version());
    expect(transport.take()).toBe("version\r\n");
  });
});

describe("what the server says is shown", () => {
  const HOSTILE = "\u001b]0;owned\u0007\u009b31m\u007f\u000b\u2028\u202e\u200b";

  it.each([
    [`SERVER_ERROR ${HOSTILE}`, ServerError],
    [`SERVER_ERROR ${"x".repeat(10_000)}`, ServerError],
    [`CLIENT_ERROR ${HOSTILE}`, ClientError],
    [`CLIENT_ERROR ${"x".repeat(10_000)}`, ClientError],
  ])("without control characters, and not all of it: %j", (line, type) => {
    const asked = client.get("foo");
    transport.receive(`${line}\r\n`);
    const { message } = errorOf<Error>(asked, type);
    expect(message).toMatch(/^[\x20-\x7e…]*$/);
    expect(message.length).toBeLessThan(400);
  });

  it.each([HOSTILE, `VALUE ${HOSTILE} 0 3`, `VALUE foo ${HOSTILE} 3`, "x".repeat(10_000)])(
    "also when it breaks the protocol: %j",
    (line) => {
      watch(client.get("foo"));
      expect(() => transport.receive(`${line}\r\n`)).toThrow(/^[\x20-\x7e…]{1,600}$/);
      expect(() => new FakeTransport().connect(new MemCacheProtocol({ clock })).receive(`${line}\r\n`)).toThrow(
        /^[\x20-\x7e…]{1,600}$/,
      );
    },
  );

  it("a key, too", () => {
    expect(errorOf(client.get(HOSTILE), ClientError).message).toMatch(/^[\x20-\x7e…]*$/);
    expect(errorOf(client.get(HOSTILE.repeat(100)), ClientError).message).toMatch(/^[\x20-\x7e…]*$/);
  });
});

it.each([
  ..."\u0085\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000", // spaces and separators
  ..."\u0080\u009f\u00ad\u200b\u200d\u202e\u2066\ufeff", // controls and format characters
  "\ue000", // private use
  "\uffff", // no character
])("a key with %j is refused, and sent by no command", (character) => {
  const key = `a${character}b`;
  for (const ask of [
    (c: MemCacheProtocol) => c.get(key),
    (c: MemCacheProtocol) => c.getMultiple(["good", key]),
    (c: MemCacheProtocol) => c.set(key, "1"),
    (c: MemCacheProtocol) => c.increment(key),
    (c: MemCacheProtocol) => c.delete(key),
  ] as Ask[]) {
    errorOf(ask(client), ClientError);
  }
  expect(transport.take()).toBe("");
});
