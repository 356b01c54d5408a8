import { expect, test } from "vitest";
import { hashBytes, hashText, Random } from "../../src/testing/simulation/random.ts";

const draw = (random: Random, count: number) => Array.from({ length: count }, () => random.next());

test("a seed and a stream name determine the numbers", () => {
  const first = draw(new Random(1, "network"), 100);
  expect(draw(new Random(1, "network"), 100)).toEqual(first);
  for (const other of [new Random(2, "network"), new Random(1, "program"), new Random(1 + 2 ** 32, "network")]) {
    expect(draw(other, 100)).not.toEqual(first);
  }
});

test("numbers are uniform in [0, 1)", () => {
  const counts = new Array(10).fill(0);
  for (const number of draw(new Random(7), 100_000)) {
    expect(number).toBeGreaterThanOrEqual(0);
    expect(number).toBeLessThan(1);
    counts[Math.floor(number * 10)]++;
  }
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test("below() reaches each of its numbers, and no other", () => {
  const random = new Random(3);
  expect([...new Set(Array.from({ length: 1000 }, () => random.below(5)))].sort()).toEqual([0, 1, 2, 3, 4]);
});

test("chance() has its probability, and gap() its mean", () => {
  const random = new Random(4);
  const held = Array.from({ length: 10_000 }, () => random.chance(0.3)).filter(Boolean).length;
  expect(Math.abs(held - 3000)).toBeLessThan(200);
  expect([random.chance(0), random.chance(1)]).toEqual([false, true]);
  const gaps = Array.from({ length: 10_000 }, () => random.gap(60));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
  expect(Math.abs(gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length - 60)).toBeLessThan(3);
});

test("the hashes are those of FNV-1a", () => {
  expect(hashText("")).toBe(0x811c9dc5);
  expect(hashText("a")).toBe(0xe40c292c);
  expect(hashText("foobar")).toBe(0xbf9cf968);
  expect(hashBytes(Buffer.from("xfoobarx"), 1, 6) >>> 0).toBe(0xbf9cf968);
});
