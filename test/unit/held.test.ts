/** Bytes that arrive while a connection is paused: in memory of their own, and copied a few times at most. */
import { expect, test, vi } from "vitest";
import { HeldBytes } from "../../src/internet/stream/held.ts";

const owned = (text: string): Buffer => Buffer.copyBytesFrom(Buffer.from(text));

test("a single piece is passed on without a copy", () => {
  const piece = owned("as it came");
  expect(new HeldBytes(piece).all()).toBe(piece);
});

test("pieces come in order, in memory of their own", () => {
  const held = new HeldBytes(owned("a"));
  for (const piece of ["bc", "", "def", "g"]) held.add(Buffer.from(piece));
  const all = held.all();
  expect(all.toString()).toBe("abcdefg");
  expect(all.buffer.byteLength).toBe(7);
});

test.each([1_000, 10_000, 100_000])("%i pieces take memory in proportion to their bytes", (pieces) => {
  const allocate = vi.spyOn(Buffer, "allocUnsafeSlow");
  try {
    const held = new HeldBytes(owned("x"));
    const piece = Buffer.from("x");
    for (let i = 1; i < pieces; i++) held.add(piece);
    const taken = allocate.mock.calls.reduce((sum, [size]) => sum + size, 0);
    // Doubling: the last allocation is below 2 × (pieces + 1), and those before it are together about as much again.
    expect(taken).toBeLessThanOrEqual(4 * (pieces + 1));
    expect(held.all().length).toBe(pieces);
  } finally {
    allocate.mockRestore();
  }
});
