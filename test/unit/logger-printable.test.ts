import { describe, expect, it } from "vitest";
import { printable, printableJSON, printableLines, quoted } from "../../src/logger/printable.ts";

describe("printable text", () => {
  it.each([
    ["what is printed as it is", "Grüße, 日本 🎉 ⚠ é", "Grüße, 日本 🎉 ⚠ é"],
    ["line feeds and the like", "a\nb\rc\td", "a\\nb\\rc\\td"],
    ["C0, DEL and C1", "\x00\x07\x08\x0b\x1b[2J\x7f\x80\x9b31m", "\\x00\\x07\\x08\\x0b\\x1b[2J\\x7f\\x80\\x9b31m"],
    ["separators of lines", "a\u2028b\u2029c\x85", "a\\u2028b\\u2029c\\x85"],
    ["bidirectional controls", "\u061c\u200e\u202e\u2066\u2069", "\\u061c\\u200e\\u202e\\u2066\\u2069"],
    ["what has no width", "a\u200bb\u200d\ufeff\u00ad\u034f", "a\\u200bb\\u200d\\ufeff\\xad\\u034f"],
    ["Hangul fillers and tags", "\u3164\uffa0\u{e0041}", "\\u3164\\uffa0\\u{e0041}"],
    ["selectors of variants", "a\ufe00⚠\ufe0f\u{e0100}", "a\\ufe00⚠\\ufe0f\\u{e0100}"],
    [
      "spaces that are another character",
      "\xa0\u1680\u2000\u202f\u205f\u3000",
      "\\xa0\\u1680\\u2000\\u202f\\u205f\\u3000",
    ],
    ["a Braille pattern without dots", "a\u2800b\u2801", "a\\u2800b\u2801"],
    ["lone surrogates", "\ud800a\udc00", "\\ud800a\\udc00"],
  ])("shows %s", (_what, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it("is cut where it is too long, between characters, and says so", () => {
    expect(printable("abcdef", 3)).toBe("abc…[3 more]");
    expect(printable("ab🎉cd", 3)).toBe("ab…[4 more]");
    expect(printable("abc", 3)).toBe("abc");
  });

  it("in quotes cannot end them", () => {
    expect(quoted('a"b\\c\x1b')).toBe('"a\\"b\\\\c\\x1b"');
    expect(quoted("abcdef", 3)).toBe('"abc"…[3 more]');
  });

  it("of several lines keeps line feeds and tabs, and no carriage return", () => {
    expect(printableLines("a\n\tb\rc\x1b")).toBe("a\n\tb\\rc\\x1b");
  });

  it("as JSON has the same value, and is ASCII where something is hidden", () => {
    const values = ["\x7f\x9b\u2028\u202e\u{e0041}\ud800 é", "\n\t\x00"];
    const json = printableJSON(JSON.stringify(values));
    expect(json).toBe('["\\u007f\\u009b\\u2028\\u202e\\udb40\\udc41\\ud800 é","\\n\\t\\u0000"]');
    expect(JSON.parse(json)).toEqual(values);
  });

  it("of a huge text costs what is shown of it", () => {
    const huge = "\x1b".repeat(50_000_000);
    let shown = "";
    for (let i = 0; i < 10_000; i++) shown = printable(huge, 100);
    expect(shown.length).toBeLessThan(700);
  });
});
