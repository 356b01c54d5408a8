/** Whose line a chat room sends next, and when. */
import { describe, expect, it } from "vitest";
import { Turns } from "../../src/protocols/chat/turns.ts";
import { Clock } from "../../src/testing/clock.ts";

describe("a turn that throws", () => {
  it("ends neither the other turns nor those that come later; the clock's caller gets the error", () => {
    const clock = new Clock();
    const turns = new Turns(clock, 100);
    const taken: string[] = [];
    turns.spend(1000);
    turns.wait("a", () => {
      throw new Error("boom");
    });
    turns.wait("b", () => taken.push("b"));
    expect(() => clock.advance(60)).toThrow("boom");
    clock.advance(1);
    expect(taken).toEqual(["b"]);
    turns.spend(1000);
    turns.wait("c", () => taken.push("c"));
    clock.advance(60);
    expect(taken).toEqual(["b", "c"]);
    expect([turns.areFree, clock.getDelayedCalls()]).toEqual([true, []]);
  });
});
