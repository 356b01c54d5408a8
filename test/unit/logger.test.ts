import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { Deferred, fail } from "../../src/entries/defer.ts";
import { Failure } from "../../src/internet/failure.ts";
import {
  beginLoggingTo,
  capturedLogs,
  consoleLogObserver,
  err,
  eventsFromJSONLogFile,
  filteringLogObserver,
  formatEventAsJSON,
  formatEventAsText,
  globalLogPublisher,
  jsonFileLogObserver,
  LimitedHistoryLogObserver,
  LOG_LEVELS,
  LogEvent,
  type LogFields,
  Logger,
  type LogLevel,
  LogLevelFilterPredicate,
  type LogObserver,
  LogPublisher,
  msg,
  setObserver,
  textFileLogObserver,
} from "../../src/logger/logger.ts";
import { HOSTILE_VALUES } from "../helpers/hostilevalues.ts";

let logged: LogEvent[];

beforeEach(() => {
  logged = [];
  setObserver((event) => logged.push(event));
});
afterEach(() => {
  setObserver(undefined);
});

const event = (level: LogLevel, format: string, fields?: LogFields, error?: unknown): LogEvent =>
  new LogEvent(level, "a.b", format, fields, error, undefined, 1_700_000_000.5);

function sink(): { text: string; write(text: string): void } {
  return {
    text: "",
    write(text) {
      this.text += text;
    },
  };
}

describe("a Logger", () => {
  it.each(LOG_LEVELS)("logs at level %s", (level) => {
    new Logger("shop")[level]("sold {count}", { count: 3 });
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatchObject({ level, namespace: "shop", format: "sold {count}", fields: { count: 3 } });
    expect(logged[0]!.message).toBe("sold 3");
  });

  it("stamps events with the time, in seconds", () => {
    const before = Date.now() / 1000;
    new Logger("x").info("now");
    expect(logged[0]!.time).toBeGreaterThanOrEqual(before);
    expect(logged[0]!.time).toBeLessThanOrEqual(Date.now() / 1000);
  });

  it("does not format a text without fields", () => {
    new Logger("x").info("{not} a {field}");
    expect(logged[0]!.message).toBe("{not} a {field}");
  });

  it("formats {log_source}, and reads nothing of the source", () => {
    class Shop {
      name = "corner";
    }
    new Logger("x", { source: new Shop() }).info("{log_source} opens, {log_source.name} {log_source[name]}", {});
    expect(logged[0]!.message).toBe("Shop opens, {log_source.name} {log_source[name]}");
  });

  it("sends events to its own observer, if it has one", () => {
    const own: LogEvent[] = [];
    new Logger("x", { observer: (one) => own.push(one) }).warn("mine");
    expect(own).toHaveLength(1);
    expect(logged).toEqual([]);
  });

  it("logs an exception as critical, with its stack", () => {
    const error = new Error("boom");
    new Logger("x").failure("While {doing}", error, { doing: "things" });
    expect(logged[0]).toMatchObject({ level: "critical", error });
    expect(logged[0]!.message).toBe("While things");
  });

  it("logs the error of a Failure", () => {
    const error = new Error("boom");
    new Logger("x").failure("It failed", new Failure(error), undefined, "error");
    expect(logged[0]).toMatchObject({ level: "error", error });
  });

  it("is an errback", () => {
    const error = new TypeError("of a Deferred");
    const log = new Logger("x");
    let after: unknown = "not called";
    fail(error)
      .addErrback((failure) => log.failure("A Deferred failed", failure))
      .addCallback((value) => {
        after = value;
      });
    expect(logged[0]!.error).toBe(error);
    expect(after).toBe(undefined);
  });

  it("logs an exception of a function, and continues", () => {
    const log = new Logger("x");
    const error = new Error("boom");
    expect(
      log.failuresHandled("While trying", () => {
        throw error;
      }),
    ).toBe(undefined);
    expect(log.failuresHandled("While trying", () => 5)).toBe(5);
    expect(logged.map((one) => one.error)).toEqual([error]);
  });
});

describe("formats with fields", () => {
  const message = (format: string, fields: LogFields): string => event("info", format, fields).message;

  it.each([
    ["a string as it is", "{a}", { a: "x{y}" }, "x{y}"],
    ["numbers, null and undefined", "{a} {b} {c}", { a: 1.5, b: null, c: undefined }, "1.5 null undefined"],
    ["objects as inspect shows them", "{a}", { a: { b: [1, "x"] } }, "{ b: [ 1, 'x' ] }"],
    ["an error by its message", "{a}", { a: new RangeError("too far") }, "too far"],
    ["a part of a field", "{a.b.c}", { a: { b: { c: 7 } } }, "7"],
    ["no call", "{a.slice()} {b()}", { a: "text", b: () => "called" }, "{a.slice()} {b()}"],
    [
      "nothing inherited",
      "{a.constructor} {a.constructor.constructor} {a.__proto__} {a.toString} {a.then}",
      { a: Promise.resolve(1) },
      "{a.constructor} {a.constructor.constructor} {a.__proto__} {a.toString} {a.then}",
    ],
    ["a property of an object without prototype", "{a.b}", { a: Object.assign(Object.create(null), { b: 1 }) }, "1"],
    [
      "a part of a field by its index",
      "{a[b]} {a[b][0]} {a[b].length} {a.c[d e]}",
      { a: { b: [7], c: { "d e": 8 } } },
      "[ 7 ] 7 1 8",
    ],
    [
      "what is no path as it is",
      "{a[} {a]} {a[]} {a..b} {a.} {.a} {[a]x} {}",
      { a: { b: 1 } },
      "{a[} {a]} {a[]} {a..b} {a.} {.a} {[a]x} {}",
    ],
    ["braces that are doubled", "{{a}} {a}", { a: 1 }, "{a} 1"],
    ["a hole that nothing fills as it is", "{a} {toString} {__proto__}", {}, "{a} {toString} {__proto__}"],
    ["a brace that stands alone", "} {", { a: 1 }, "} {"],
  ] as [string, string, LogFields, string][])("show %s", (_what, format, fields, expected) => {
    expect(message(format, fields)).toBe(expected);
  });

  it("run no getter", () => {
    const fields = Object.defineProperties({}, { a: { get: () => "run", enumerable: true } });
    const field = Object.defineProperties({}, { part: { get: () => "run", enumerable: true } });
    expect(message("{a} {x.part}", { x: field })).toBe("{a} {x.part}");
    expect(message("{a}", fields)).toBe("{a}");
  });

  it("show the error of a field that cannot be formatted, and never throw", () => {
    const bad = new Proxy(
      {},
      {
        getOwnPropertyDescriptor(): never {
          throw new Error("no part");
        },
      },
    );
    expect(message("a {x.part} b {y.z} c", { x: bad, y: null })).toBe("a {x.part: no part} b {y.z} c");
  });

  it("truncate very long values", () => {
    expect(message("{a}", { a: [..."x".repeat(5000)] }).length).toBeLessThan(500);
  });
});

describe("the publisher", () => {
  it("calls every observer, in the order they were added", () => {
    const order: string[] = [];
    const publisher = new LogPublisher(() => order.push("first"));
    publisher.addObserver(() => order.push("second"));
    publisher.publish(event("info", "x"));
    expect(order).toEqual(["first", "second"]);
  });

  it("calls an observer once, however often it was added, and not once it was removed", () => {
    let told = 0;
    const observer = (): void => {
      told++;
    };
    const publisher = new LogPublisher();
    publisher.addObserver(observer);
    publisher.addObserver(observer);
    publisher.publish(event("info", "x"));
    publisher.removeObserver(observer);
    publisher.removeObserver(observer);
    publisher.publish(event("info", "x"));
    expect(told).toBe(1);
  });

  it("writes to standard error when every observer throws", () => {
    const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    onTestFinished(() => written.mockRestore());
    const broken = (why: string) => (): never => {
      throw new Error(why);
    };
    new LogPublisher(broken("one"), broken("two")).publish(event("info", "x"));
    const lines = written.mock.calls.map(([text]) => text);
    expect(lines).toEqual([
      "A log observer threw; the event was: x: Error: one\n",
      "A log observer threw; the event was: x: Error: two\n",
    ]);
  });

  it("calls the other observers when one throws, and reports that to them", () => {
    const seen: string[] = [];
    const error = new Error("broken");
    const reports: LogEvent[] = [];
    const publisher = new LogPublisher(
      () => {
        throw error;
      },
      (one) => {
        seen.push(one.message);
        reports.push(one);
      },
    );
    publisher.publish(event("info", "hello"));
    expect(seen).toEqual(["A log observer threw; the event was: hello", "hello"]);
    expect(reports[0]).toMatchObject({ level: "critical", error });
  });

  it("does not throw when all observers throw", () => {
    const broken = (): never => {
      throw new Error("broken");
    };
    const other = (): never => {
      throw new Error("broken as well");
    };
    expect(() => new LogPublisher(broken, other).publish(event("info", "x"))).not.toThrow();
  });

  it("lets an observer add and remove others while it is called", () => {
    const publisher = new LogPublisher();
    let told = 0;
    const late = (): void => {
      told++;
    };
    publisher.addObserver(() => publisher.addObserver(late));
    publisher.publish(event("info", "x"));
    expect(told).toBe(0);
    publisher.publish(event("info", "x"));
    expect(told).toBe(1);
  });
});

describe("a log call", () => {
  it.each(Object.entries(HOSTILE_VALUES))("survives %s in every place, and in every format", (_what, make) => {
    const file = sink();
    const boom = (): never => {
      throw make();
    };
    const observers = [jsonFileLogObserver(file), textFileLogObserver(file), boom, async () => boom()];
    const log = new Logger("x", { observer: new LogPublisher(...observers).publish, source: make() });
    const alone = new Logger("x", { observer: boom as LogObserver });
    const value = make();
    const getter = Object.defineProperty({}, "part", { get: boom, enumerable: true });
    for (const logger of [log, alone]) {
      logger.info("{a} {a.b} {a[b]} {a()} {log_source} {g} {g.part}", { a: value, g: getter });
      logger.info("{a}", value as LogFields);
      logger.info("{a}", new Proxy({}, { get: boom, has: boom, ownKeys: boom, getOwnPropertyDescriptor: boom }));
      logger.info(value as string, { a: 1 });
      logger.info(value as string);
      logger.emit(value as LogLevel, "no level");
      logger.failure("{a}", value, { a: value });
      logger.failuresHandled("failed", boom);
    }
    observers[0]!(new LogEvent("info", value as string, "x"));
    observers[1]!(new LogEvent("info", value as string, "x"));
    observers[0]!(new LogEvent("info", "x", "x", {}, undefined, undefined, value as number));
    observers[1]!(new LogEvent("info", "x", "x", {}, undefined, undefined, value as number));
    err(value, "of the engine");
    expect(logged.filter((one) => one.message.startsWith("A log observer threw"))).toHaveLength(8);
    const json = file.text.split("\n").filter((line) => line.startsWith("{"));
    expect(json.length).toBeGreaterThanOrEqual(9);
    expect(
      [...eventsFromJSONLogFile(json.join("\n"))].filter(({ namespace }) => namespace === "skein.logger").length,
    ).toBe(json.filter((line) => line.includes("A log observer threw")).length);
  });

  it.each(Object.entries(HOSTILE_VALUES))(
    "needs a Logger, whose constructor refuses %s as its namespace",
    (_what, make) => {
      expect(() => new Logger(make() as string)).toThrow(TypeError);
    },
  );

  it("of an unknown level is reported, with its message", () => {
    new Logger("shop").emit("loud" as LogLevel, "sold {count}", { count: 3 });
    expect(logged.map(({ level, message }) => `${level} ${message}`)).toEqual([
      "error There is no log level loud: it is one of debug, info, warn, error, critical. The event was: sold 3",
    ]);
  });

  it("with an async observer that rejects is reported to the others", async () => {
    const reports: LogEvent[] = [];
    const publisher = new LogPublisher(
      async () => {
        throw new Error("late");
      },
      (one) => reports.push(one),
    );
    publisher.publish(event("info", "hello"));
    await Promise.resolve();
    await Promise.resolve();
    expect(reports.map(({ message }) => message)).toEqual(["hello", "A log observer threw; the event was: hello"]);
  });
});

describe("the program's log", () => {
  it("receives msg() and err()", () => {
    const error = new Error("boom");
    msg("hello {x}");
    err(error, "It broke");
    expect(logged.map(({ level, message, error: what }) => [level, message, what])).toEqual([
      ["info", "hello {x}", undefined],
      ["error", "It broke", error],
    ]);
  });

  it("goes to the observers of beginLoggingTo() until that is undone", () => {
    const mine: string[] = [];
    const end = beginLoggingTo(
      (one) => mine.push(`a ${one.message}`),
      (one) => mine.push(`b ${one.message}`),
    );
    msg("one");
    end();
    msg("two");
    expect(mine).toEqual(["a one", "b one"]);
    expect(logged.map((one) => one.message)).toEqual(["two"]);
  });

  it("goes to the observers of both calls of beginLoggingTo(), with a warning", () => {
    const mine: string[] = [];
    const endFirst = beginLoggingTo((one) => mine.push(`a ${one.message}`));
    const endSecond = beginLoggingTo((one) => mine.push(`b ${one.message}`));
    const warning = expect.stringMatching(/^[ab] beginLoggingTo\(\) was called again, .*logger\.test.*logger\.test/);
    expect(mine.splice(0)).toEqual([warning, warning]);
    msg("one");
    endSecond();
    msg("two");
    endFirst();
    msg("three");
    expect(mine).toEqual(["a one", "b one", "a two"]);
    expect(logged.map((one) => one.message)).toEqual(["three"]);
  });

  it("still goes to the observers of the second call when the first is undone", () => {
    const mine: string[] = [];
    const endFirst = beginLoggingTo(() => undefined);
    beginLoggingTo((one) => mine.push(one.message));
    endFirst();
    mine.length = 0;
    msg("one");
    expect(mine).toEqual(["one"]);
  });

  it("is still captured when beginLoggingTo() is called afterwards", () => {
    const captured = capturedLogs();
    const end = beginLoggingTo(() => undefined);
    msg("one");
    end();
    setObserver(undefined);
    setObserver(() => undefined);
    msg("two");
    captured.stop();
    expect(captured.events.map((one) => one.message)).toEqual(["one", "two"]);
  });

  it("can be captured in addition to its observers", () => {
    const captured = capturedLogs();
    msg("seen by both");
    captured.stop();
    msg("seen by one");
    expect(captured.events.map((one) => one.message)).toEqual(["seen by both"]);
    expect(logged).toHaveLength(2);
  });

  it("returns the previous observer", () => {
    const mine = (): void => undefined;
    setObserver(mine);
    expect(setObserver(undefined)).toBe(mine);
    expect(setObserver(undefined)).toBe(undefined);
  });

  it("returns several previous observers as one", () => {
    const told: string[] = [];
    beginLoggingTo(
      () => told.push("a"),
      () => told.push("b"),
    );
    const both = setObserver(undefined);
    both?.(event("info", "x"));
    expect(told).toEqual(["a", "b"]);
  });

  it("receives errors that no caller can get", () => {
    const error = new Error("canceller");
    new Deferred(() => {
      throw error;
    })
      .addErrback(() => undefined)
      .cancel();
    expect(logged.map((one) => one.error)).toEqual([error]);
  });

  it("has one publisher", () => {
    globalLogPublisher.publish(event("warn", "direct"));
    expect(logged.map((one) => one.message)).toEqual(["direct"]);
  });
});

describe("text", () => {
  it("is the time, the namespace, the level and the message", () => {
    expect(formatEventAsText(event("warn", "careful"))).toBe("2023-11-14T22:13:20.500Z [a.b#warn] careful\n");
  });

  it("is followed by the stack, indented", () => {
    const lines = formatEventAsText(event("error", "It broke", undefined, new Error("boom"))).split("\n");
    expect(lines[1]).toBe("\tError: boom");
    expect(lines.slice(1, -1).every((line) => line.startsWith("\t"))).toBe(true);
  });

  it("cannot be forged by a text with line breaks", () => {
    const text = formatEventAsText(
      event("info", "{name} joined", { name: "x\r\n2023-11-14T22:13:21.000Z [root#info] y" }),
    );
    expect(text.split("\n").filter((line) => /^\d/.test(line))).toHaveLength(1);
  });

  it("shows the causes of an error", () => {
    const error = new Error("outer", { cause: new Error("inner") });
    expect(formatEventAsText(event("error", "x", undefined, error))).toContain("caused by: Error: inner");
  });

  it("has coloured levels with `colors`", () => {
    expect(formatEventAsText(event("error", "x"), { colors: true })).toContain("\x1b[31m[a.b#error]\x1b[0m");
    expect(formatEventAsText(event("info", "x"), { colors: true })).not.toContain("\x1b");
  });

  it("goes to a file", () => {
    const file = sink();
    textFileLogObserver(file)(event("info", "x"));
    expect(file.text).toMatch(/ x\n$/);
  });

  it("goes to standard error with consoleLogObserver()", () => {
    const write = process.stderr.write;
    let text = "";
    process.stderr.write = (chunk: string | Uint8Array) => {
      text += String(chunk);
      return true;
    };
    try {
      consoleLogObserver()(event("info", "on the console"));
      setObserver(undefined);
      msg("by default");
      new Logger("quiet").debug("not by default");
    } finally {
      process.stderr.write = write;
    }
    expect(text).toMatch(/on the console\n.*by default\n$/);
  });
});

describe("JSON", () => {
  it("grows with the values of a field, not with the references between them", () => {
    let graph: unknown = "leaf";
    for (let i = 0; i < 7; i++) graph = Array.from({ length: 16 }, () => graph);
    const line = formatEventAsJSON(event("info", "x", { graph }));
    expect(line).toContain("[more]");
    expect(line.length).toBeLessThan(2_000_000);
  });

  it.each(Object.entries(HOSTILE_VALUES))("is written for an event whose level is %s", (_name, hostile) => {
    const line = formatEventAsJSON(event(hostile() as LogLevel, "x"));
    expect(JSON.parse(line)).toMatchObject({ level: expect.any(String), message: "x" });
  });

  it("is one line per event", () => {
    const line = formatEventAsJSON(event("info", "{a} and\nb", { a: 1 }));
    expect(line.endsWith("\n")).toBe(true);
    expect(line.trim().split("\n")).toHaveLength(1);
    expect(JSON.parse(line)).toEqual({
      time: 1_700_000_000.5,
      level: "info",
      namespace: "a.b",
      format: "{a} and\nb",
      message: "1 and\nb",
      fields: { a: 1 },
    });
  });

  it("holds an error with its code, stack and causes", () => {
    const error = Object.assign(new TypeError("bad", { cause: new Error("why") }), { code: "ERR_BAD" });
    expect(JSON.parse(formatEventAsJSON(event("error", "x", undefined, error))).error).toMatchObject({
      name: "TypeError",
      message: "bad",
      code: "ERR_BAD",
      stack: expect.stringContaining("logger.test"),
      cause: { message: "why" },
    });
  });

  it("runs no getter and no method of a field", () => {
    const ran: string[] = [];
    const getter = (name: string) => ({
      get: () => ran.push(name),
      enumerable: true,
    });
    class Other extends Map<string, unknown> {
      override get size(): number {
        return ran.push("size");
      }
      override [Symbol.iterator] = (): never => {
        throw new Error("iterated");
      };
    }
    class Shown {
      password = "x";
      static get name(): string {
        return String(ran.push("class name"));
      }
      get [Symbol.toStringTag](): string {
        return String(ran.push("tag"));
      }
      [inspect.custom](): void {
        ran.push("inspect.custom");
      }
    }
    const list: unknown[] = [1, 2];
    Object.defineProperty(list, 1, getter("element"));
    Object.defineProperty(list, "slice", { value: () => ran.push("slice") });
    const fields = Object.defineProperties(
      {
        object: Object.defineProperties({ a: 1 }, { b: getter("property") }),
        list,
        map: new Other([["a", 1]]),
        date: Object.assign(new Date(0), { toISOString: () => ran.push("toISOString") }),
        call: Object.defineProperty(() => 1, "name", getter("name")),
        secret: { password: "x", toJSON: () => ran.push("toJSON") },
        hidden: Object.defineProperty({ password: "x" }, "toJSON", getter("toJSON")),
        shown: new Shown(),
        bytes: Object.defineProperties(Buffer.from("hi"), { buffer: getter("buffer"), length: getter("length") }),
        pattern: Object.defineProperties(/a/gi, { source: getter("source"), global: getter("global") }),
        url: new URL("http://127.0.0.1/a?b"),
      },
      { field: getter("field") },
    );
    const one = event(
      "info",
      "{object} {list} {field} {map} {date} {secret} {hidden} {shown} {bytes} {pattern} {url}",
      fields,
    );
    expect(JSON.parse(formatEventAsJSON(one))).toMatchObject({
      message:
        "{ a: 1, b: [Getter] } [ 1, [Getter] ] {field} Other(1) { 'a' => 1, [Symbol(Symbol.iterator)]: [Function: [Symbol.iterator]] } 1970-01-01T00:00:00.000Z [Object] [Object] " +
        "[unprintable] <Buffer 68 69> /a/gi http://127.0.0.1/a?b",
      fields: {
        object: { a: 1, b: "[getter]" },
        list: [1, "[getter]"],
        map: { $type: "Map", value: [["a", 1]] },
        date: { $type: "Date", value: "1970-01-01T00:00:00.000Z" },
        call: "[function ]",
        secret: "[Object]",
        hidden: "[Object]",
        shown: "[unprintable]",
        bytes: { $type: "Buffer", value: "aGk=" },
        pattern: { $type: "RegExp", value: ["a", "gi"] },
        url: "http://127.0.0.1/a?b",
        field: "[getter]",
      },
    });
    expect(ran).toEqual([]);
  });

  it("holds fields of any type, never throws, and ends circular references", () => {
    const circle: Record<string, unknown> = { n: 1 };
    circle.self = circle;
    let deep: unknown = "end";
    for (let i = 0; i < 50; i++) deep = { deep };
    const fields = {
      circle,
      deep,
      big: 2n ** 70n,
      symbol: Symbol("s"),
      f: function named() {},
      bytes: Buffer.from("hi"),
      map: new Map([["k", 1]]),
      set: new Set([1]),
      date: new Date(0),
      bad: {
        get x(): never {
          throw new Error("no");
        },
      },
      missing: undefined,
      nan: Number.NaN,
    };
    expect(JSON.parse(formatEventAsJSON(event("info", "x", fields))).fields).toMatchObject({
      circle: { n: 1, self: "[circular]" },
      big: { $type: "bigint", value: "1180591620717411303424" },
      symbol: { $type: "symbol", value: "s" },
      f: "[function named]",
      bytes: { $type: "Buffer", value: "aGk=" },
      map: { $type: "Map", value: [["k", 1]] },
      set: { $type: "Set", value: [1] },
      date: { $type: "Date", value: "1970-01-01T00:00:00.000Z" },
      bad: { x: "[getter]" },
      nan: { $type: "number", value: "NaN" },
    });
  });

  it("can be read back", () => {
    const file = sink();
    const observer = jsonFileLogObserver(file);
    observer(event("info", "{a}", { a: "one" }));
    observer(event("error", "two", undefined, new Error("boom")));
    const read = [...eventsFromJSONLogFile(file.text)];
    expect(read.map((one) => [one.level, one.namespace, one.message, one.time])).toEqual([
      ["info", "a.b", "one", 1_700_000_000.5],
      ["error", "a.b", "two", 1_700_000_000.5],
    ]);
    expect(read[1]!.error).toMatchObject({ message: "boom" });
  });

  it("reads back with its message and fields of any type", () => {
    const fields = {
      bytes: Buffer.from("hi"),
      array: new Uint8Array([1, 2]),
      map: new Map<unknown, unknown>([[1n, new Set(["a", undefined])]]),
      set: new Set([1]),
      big: 2n ** 70n,
      date: new Date(0),
      noDate: new Date(Number.NaN),
      nothing: undefined,
      numbers: [Number.NaN, Number.NEGATIVE_INFINITY, -0],
      pattern: /a+/gi,
      nested: { $type: "Map", value: 1, inner: { big: 1n } },
      error: new RangeError("too far"),
      proto: JSON.parse('{"__proto__": 1}'),
    };
    const format = Object.keys(fields)
      .map((name) => `{${name}}`)
      .join(" ");
    const said = event("info", format, fields);
    const [read] = eventsFromJSONLogFile(formatEventAsJSON(said));
    expect(read!.message).toBe(said.message);
    expect(formatEventAsText(read!)).toBe(formatEventAsText(said));
    expect(read!.fields).toEqual({ ...fields, error: expect.any(Error) });
    expect(Buffer.isBuffer(read!.fields!.bytes)).toBe(true);
    // The fields of what was read can be said anew, too.
    expect(event("info", format.replace("{error}", ""), read!.fields).message).toBe(
      event("info", format.replace("{error}", ""), fields).message,
    );
  });

  it("keeps the message of fields that cannot be read back", () => {
    class User {
      name = "ann";
    }
    const said = event("info", "{u.name} {u} {f} {s}", { u: new User(), f: () => "called", s: Symbol("it") });
    const [read] = eventsFromJSONLogFile(formatEventAsJSON(said));
    expect(read!.message).toBe(said.message);
    expect(read!.message).toBe("ann User { name: 'ann' } [Function: f] Symbol(it)");
  });

  it("reads an error back with its name, stack, code and causes", () => {
    const cause = new AggregateError([new Error("first"), new Error("second")], "several");
    const error = Object.assign(new TypeError("bad", { cause }), { code: "ERR_BAD" });
    const said = event("error", "It broke", undefined, error);
    const [read] = eventsFromJSONLogFile(formatEventAsJSON(said));
    expect(formatEventAsText(read!)).toBe(formatEventAsText(said));
    expect(read!.error).toBeInstanceOf(Error);
    expect(read!.error).toMatchObject({ name: "TypeError", message: "bad", code: "ERR_BAD", stack: error.stack });
  });

  it("reports lines that are not events, and reads on", () => {
    const good = formatEventAsJSON(event("info", "kept"));
    const text = `{"half": \nnull\n5\n{"level":"loud","format":"x","time":1}\n{"level":"info"}\n\n${good}${good.slice(0, 20)}`;
    const read = [...eventsFromJSONLogFile(text)];
    const unreadable = (line: number, why: string) =>
      expect.stringMatching(new RegExp(`^error skein.logger Line ${line} of the log cannot be read \\(.*${why}`));
    expect(read.map((one) => `${one.level} ${one.namespace} ${one.message}`)).toEqual([
      unreadable(1, ""),
      unreadable(2, "not a JSON object"),
      unreadable(3, "not a JSON object"),
      unreadable(4, "loud"),
      unreadable(5, "no format"),
      "info a.b kept",
      unreadable(8, ""),
    ]);
  });
});

describe("filtering", () => {
  it("follows the first predicate that decides", () => {
    const passed: string[] = [];
    const held: string[] = [];
    const observer = filteringLogObserver(
      (one) => passed.push(one.message),
      [(one) => (one.message === "always" ? "yes" : "maybe"), (one) => (one.level === "debug" ? "no" : "maybe")],
      (one) => held.push(one.message),
    );
    observer(event("debug", "always"));
    observer(event("debug", "never"));
    observer(event("info", "usually"));
    expect(passed).toEqual(["always", "usually"]);
    expect(held).toEqual(["never"]);
  });

  it("by level passes events of that level or a higher one", () => {
    const passes = (level: LogLevel): boolean =>
      new LogLevelFilterPredicate("warn").predicate(event(level, "x")) === "maybe";
    expect(LOG_LEVELS.map(passes)).toEqual([false, false, true, true, true]);
  });

  it("by level uses info by default", () => {
    expect(new LogLevelFilterPredicate().defaultLogLevel).toBe("info");
  });

  it("by namespace uses the nearest namespace above", () => {
    const filter = new LogLevelFilterPredicate();
    filter.setLogLevelForNamespace("shop", "warn");
    filter.setLogLevelForNamespace("shop.orders", "debug");
    expect(filter.logLevelForNamespace("shop.orders.new")).toBe("debug");
    expect(filter.logLevelForNamespace("shop.till")).toBe("warn");
    expect(filter.logLevelForNamespace("shopping")).toBe("info");
    expect(filter.logLevelForNamespace("")).toBe("info");
  });

  it("by namespace can set and clear the level of all namespaces", () => {
    const filter = new LogLevelFilterPredicate();
    filter.setLogLevelForNamespace("", "error");
    expect(filter.logLevelForNamespace("any.thing")).toBe("error");
    filter.clearLogLevels();
    expect(filter.logLevelForNamespace("any.thing")).toBe("info");
  });
});

describe("history", () => {
  it("keeps the last events", () => {
    const history = new LimitedHistoryLogObserver(3);
    for (let i = 0; i < 10; i++) history.observe(event("info", String(i)));
    expect(history.history().map((one) => one.message)).toEqual(["7", "8", "9"]);
  });

  it("replays them in order", () => {
    const history = new LimitedHistoryLogObserver(10);
    for (const text of ["a", "b"]) history.observe(event("info", text));
    const again: string[] = [];
    history.replayTo((one) => again.push(one.message));
    expect(again).toEqual(["a", "b"]);
    history.clear();
    expect(history.history()).toEqual([]);
  });

  it("holds at least one event", () => {
    for (const size of [0, -1, 1.5, Number.NaN]) expect(() => new LimitedHistoryLogObserver(size)).toThrow(RangeError);
  });
});
