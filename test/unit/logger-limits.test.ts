/** What an event may cost, and what never comes out of it. */
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { Failure } from "../../src/internet/failure.ts";
import { LINE_MAX } from "../../src/logger/json.ts";
import {
  describe as described,
  eventsFromJSONLogFile,
  formatEventAsJSON,
  formatEventAsText,
  LogEvent,
  type LogFields,
} from "../../src/logger/logger.ts";
import { EVENT_MAX, FIELD_MAX } from "../../src/logger/printable.ts";

const event = (format: string, fields?: LogFields, error?: unknown, source?: unknown): LogEvent =>
  new LogEvent("info", "a.b", format, fields, error, source, 1_700_000_000.5);

/** As much as can be shown in two parts, escaped, and a margin. */
const TEXT_MAX = 2 * EVENT_MAX + 1000;
const HUGE = "\x1b".repeat(20_000_000);

const many = (count: number): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`name${i}`, i]));

describe("an event", () => {
  it.each([
    ["a format", event(HUGE)],
    ["a format with fields", event(HUGE, {})],
    ["a field", event("{a}", { a: HUGE })],
    ["a field many times", event("{a}".repeat(20_000), { a: HUGE })],
    ["a field of an object", event("{a}", { a: { b: [HUGE], c: new Map([[HUGE, HUGE]]), d: new Set([HUGE]) } })],
    ["names of properties", event("{a}", { a: { [HUGE]: 1, [`${HUGE}2`]: 2 } })],
    ["a hundred thousand properties", event("{a}", { a: { b: many(100_000) } })],
    ["a hundred thousand elements", event("{a}", { a: Array.from({ length: 100_000 }, (_, i) => ({ i })) })],
    ["bytes", event("{a}", { a: Buffer.alloc(20_000_000) })],
    ["a bigint", event("{a}", { a: 1n << 10_000_000n, b: { c: 1n << 10_000_000n } })],
    ["an error's message", event("x", undefined, new Error(HUGE))],
    ["an error's name", event("x", undefined, Object.assign(new Error("x"), { name: HUGE, stack: undefined }))],
    ["an error's stack", event("x", undefined, Object.assign(new Error("x"), { stack: HUGE }))],
    ["an error's causes", event("x", undefined, new Error("x", { cause: new Error("y", { cause: HUGE }) }))],
    ["an error's errors", event("x", undefined, new AggregateError(Array.from({ length: 16 }, () => new Error(HUGE))))],
    ["an error as a field", event("{a}", { a: new Error(HUGE) })],
    ["a thrown text", event("x", undefined, HUGE)],
    ["a namespace", new LogEvent("info", HUGE, "x")],
    ["a level", new LogEvent(HUGE as "info", "x", "x")],
    ["a source", event("{log_source}", {}, undefined, { secret: HUGE })],
  ])("with %s of any size costs little, and says what is missing", (_what, huge) => {
    const text = formatEventAsText(huge);
    const json = formatEventAsJSON(huge);
    expect(text.length).toBeLessThan(TEXT_MAX);
    expect(json.length).toBeLessThanOrEqual(LINE_MAX);
    expect(JSON.parse(json)).toMatchObject({ time: expect.any(Number) });
    expect([...eventsFromJSONLogFile(json)]).toHaveLength(1);
    expect(text.slice(0, -1)).not.toMatch(/[^\P{Cc}\n\t]/u);
    expect(json.slice(0, -1)).not.toMatch(/\p{Cc}/u);
  });

  const nested = (leaf: unknown, depth = 7): unknown => (depth === 0 ? leaf : [nested(leaf, depth - 1), leaf, leaf]);

  // Each of these is longer in JSON than it looks.
  it.each<[string, unknown]>([
    ["undefined", undefined],
    ["numbers that JSON has not", Number.NaN],
    ["negative zeros", -0],
    ["long numbers", -1 / 3e300],
    ["bigints", 1n],
    ["symbols", Symbol("x")],
    ["functions", () => 1],
    ["Dates", new Date(Number.NaN)],
    ["Maps", new Map([[undefined, undefined]])],
    ["Sets", new Set([[]])],
    ["RegExps", /"\\\u202e/gu],
    ["Buffers", Buffer.alloc(1)],
    ["Buffers of some length", Buffer.alloc(12_000)],
    ["errors", new Error("\x1b".repeat(100))],
    ["errors without anything", Object.assign(new Error(""), { stack: undefined, cause: undefined, code: undefined })],
    ["an object's own $type", { $type: undefined }],
    ["controls", "\x1b".repeat(256)],
    ["lone surrogates", "\ud800".repeat(256)],
    ["quotes", '"'.repeat(256)],
    ["tags", "\u{e0041}".repeat(256)],
    ["true", true],
    ["empty arrays", []],
    ["elements that are missing", new Array(1e9)],
    ["nested arrays", nested("\x1b".repeat(20_000))],
    ["nested errors", nested(new Error("x", { cause: new Error("\x1b".repeat(20_000)) }), 5)],
    ["nested Maps", new Map([[new Map([[HUGE, HUGE]]), new Map([[HUGE, HUGE]])]])],
  ])("has a bounded line of JSON with many %s", (_what, one) => {
    const names = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`${"\x1b".repeat(256)}${i}`, one]));
    for (const a of [new Array(10_000).fill(one), names, new Map([[one, new Array(10_000).fill(one)]])]) {
      const json = formatEventAsJSON(event("{b}", { b: "\x1b".repeat(20_000), a }, new Error("e", { cause: a }), HUGE));
      expect(json.length).toBeLessThanOrEqual(LINE_MAX);
      expect([...eventsFromJSONLogFile(json)]).toMatchObject([{ namespace: "a.b" }]);
    }
  });

  it("has in JSON all that there is room for", () => {
    const json = formatEventAsJSON(event("x", { a: new Array(10_000).fill("a".repeat(100)) }));
    expect(json.length).toBeGreaterThan(0.9 * LINE_MAX);
  });

  // Were they handed to util.inspect, it would format all of them before anything is cut.
  it.each([
    ["in a Map", new Map([["a", many(2000)]]), "[Map with too many properties to be shown]"],
    ["in the keys of a Map", new Map([[many(2000), "a"]]), "[Map with too many properties to be shown]"],
    ["in a Set", new Set([many(2000)]), "[Set with too many properties to be shown]"],
    ["of a symbol", { [Symbol("a")]: many(2000) }, "[Object with too many properties to be shown]"],
    ["a bigint of a Map", new Map([[1, 1n << 10_000_000n]]), "[Map with too many properties to be shown]"],
    ["an error's message", { a: new Error(HUGE) }, "[Object with too many properties to be shown]"],
    [
      "an error's stack",
      [Object.assign(new Error("a"), { stack: HUGE })],
      "[Array with too many properties to be shown]",
    ],
    ["a cause", [new Error("a", { cause: new Error(HUGE) })], "[Array with too many properties to be shown]"],
    ["errors", [new AggregateError([new Error(HUGE)])], "[Array with too many properties to be shown]"],
    ["characters of a String", new String(HUGE), "[String with too many properties to be shown]"],
  ])("is not formatted with too much %s", (_what, a, shown) => {
    expect(event("{a}", { a }).message).toBe(shown);
  });

  // Of these, util.inspect would format what it finds inside, which cannot be counted before.
  it.each([
    ["what a Promise is resolved with", Promise.resolve(many(100_000)), "Promise {}"],
    ["the properties of a function", Object.assign(function f() {}, many(100_000)), "[Function: f]"],
    ["the properties of bytes", Object.assign(Buffer.alloc(1), many(100_000)), "<Buffer 00>"],
    ["the properties of an array", Object.assign([1], many(100_000)), "[ 1 ]"],
    ["the target of a Proxy that hides it", new Proxy(many(100_000), { ownKeys: () => [] }), "{}"],
    ["what a Map's iterator is at", new Map(Object.entries(many(100_000))).entries(), "{}"],
    [
      "a tag",
      { [Symbol.toStringTag]: HUGE },
      `{ [Symbol(Symbol.toStringTag)]: '${"\\x1B".repeat(1000)}'... 19999000 more characters }`,
    ],
    ["a description", Symbol(HUGE), `Symbol(${"\x1b".repeat(1000)}…[19999000 more])`],
    [
      "a class's name",
      new (Object.defineProperty(class {}, "name", { value: HUGE }))(),
      `${"\x1b".repeat(256)}…[19999744 more] {}`,
    ],
  ])("does not show %s", (_what, a, shown) => {
    expect(event("{a}", { a }).message).toBe(shown);
    expect(event("{a}", { a: { a } }).message).toBe(`{ a: ${shown} }`);
  });

  it.each<[string, unknown, string]>([
    ["strings", ["a", "it's", `"'`, "a\nb\x1b\\"], "[ 'a', \"it's\", `\"'`, 'a\\nb\\x1B\\\\' ]"],
    ["names", { a: 1, "b-c": 2, 3: 3, [Symbol("d")]: 4 }, "{ '3': 3, a: 1, 'b-c': 2, [Symbol(d)]: 4 }"],
    ["primitives", [1, -0, 2n, true, null, undefined], "[ 1, -0, 2n, true, null, undefined ]"],
    ["Dates", [new Date(0), new Date(Number.NaN)], "[ 1970-01-01T00:00:00.000Z, Invalid Date ]"],
    ["Maps and Sets", new Map([[1, new Set(["a"])]]), "Map(1) { 1 => Set(1) { 'a' } }"],
    [
      "bytes",
      [Buffer.from("hi"), new Uint8Array(2), new BigInt64Array(1)],
      "[ <Buffer 68 69>, Uint8Array(2) [ 0, 0 ], BigInt64Array(1) [ 0n ] ]",
    ],
    [
      "classes",
      new (class User {
        name = "ann";
      })(),
      "User { name: 'ann' }",
    ],
    ["objects without a class", Object.assign(Object.create(null), { a: 1 }), "[Object: null prototype] { a: 1 }"],
    ["nesting", { a: { b: { c: { d: { e: 1 } } } } }, "{ a: { b: { c: { d: [Object] } } } }"],
    ["empty ones", [{}, [], new Map()], "[ {}, [], Map(0) {} ]"],
    ["patterns", /a\/b/gi, "/a\\/b/gi"],
    ["functions", [() => 1, function f() {}], "[ [Function (anonymous)], [Function: f] ]"],
    [
      "errors",
      [Object.assign(new Error("x", { cause: 1 }), { stack: "Error: x\n    at y", code: "C" })],
      "[ Error: x\n    at y { [cause]: 1, code: 'C' } ]",
    ],
  ])("shows %s as util.inspect does", (_what, a, shown) => {
    expect(event("{a}", { a }).message).toBe(shown);
    if (_what !== "errors")
      expect(inspect(a, { depth: 3, breakLength: Number.POSITIVE_INFINITY, compact: true })).toBe(shown);
  });

  it("ends at what refers to itself", () => {
    const a: Record<string, unknown> = { n: 1 };
    a.self = a;
    expect(event("{a}", { a }).message).toBe("{ n: 1, self: [Circular] }");
  });

  it("shows the first elements of Maps and Sets, however many there are", () => {
    const a = new Map(Array.from({ length: 5000 }, (_, i) => [i, new Set([i])]));
    expect(event("{a}", { a }).message).toMatch(
      /^Map\(5000\) \{ 0 => Set\(1\) \{ 0 \}, .*, \.\.\. 4980 more items \}$/,
    );
    expect(event("{a}", { a: [new Error("short")] }).message).toContain("Error: short");
  });

  it("names in JSON what has too many elements without a form in JSON, and unwraps String objects", () => {
    const fields = { a: new Float64Array(20_000), b: new ArrayBuffer(8), c: new String("text"), d: new Int8Array([1]) };
    expect(JSON.parse(formatEventAsJSON(event("x", fields))).fields).toEqual({
      a: "[Float64Array of 160000 bytes]",
      b: {},
      c: "text",
      d: { 0: 1 },
    });
  });

  it("says how much of a text is missing", () => {
    const field = "x".repeat(FIELD_MAX + 10);
    expect(event("{a}!", { a: field }).message).toBe(`${"x".repeat(FIELD_MAX)}…[10 more]!`);
    expect(JSON.parse(formatEventAsJSON(event("{a}", { a: field }))).fields.a).toMatch(/x…\[10 more\]$/);
  });

  it("has the class of its source in JSON, and none of the source's properties", () => {
    class Shop {
      readonly password = "secret";
    }
    const json = formatEventAsJSON(event("{log_source}", {}, undefined, new Shop()));
    expect(JSON.parse(json)).toMatchObject({ message: "Shop", source: "Shop" });
    expect(json).not.toContain("secret");
    expect(JSON.parse(formatEventAsJSON(event("x", {}, undefined, "a name")))).toMatchObject({ source: "a name" });
  });

  it("shows a carriage return, and cannot be forged by one", () => {
    expect(formatEventAsText(event("a\rb\r\nc"))).toBe("2023-11-14T22:13:20.500Z [a.b#info] a\\rb\n\tc\n");
  });

  it("has no escape sequences in its namespace, nor in its level", () => {
    const text = formatEventAsText(
      new LogEvent("\x1b[31m" as "info", "a\nb\x07", "x", undefined, undefined, undefined, 0),
      {
        colors: true,
      },
    );
    expect(text).toBe("1970-01-01T00:00:00.000Z [a\\nb\\x07#\\x1b[31m] x\n");
  });
});

describe("an error as text", () => {
  const error = new Error("\x1b]0;title\x07\nline", { cause: "\u202e" });

  it("has no control characters", () => {
    expect(described(error)).toMatch(/^Error: \\x1b\]0;title\\x07\nline\n {4}at [\s\S]*caused by: \\u202e$/);
    const failure = new Failure(error);
    expect(failure.getTraceback()).toBe(described(error));
    expect(failure.getBriefTraceback()).toBe("Error: \\x1b]0;title\\x07\nline\ncaused by: \\u202e");
    expect(String(failure)).toBe("[Failure Error: \\x1b]0;title\\x07\nline]");
  });

  it("keeps its message as it is for the program", () => {
    expect(new Failure(error).getErrorMessage()).toBe(error.message);
  });
});
