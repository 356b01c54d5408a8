import { describe, expect, expectTypeOf, it } from "vitest";
import { CancelledError, Deferred, fail } from "../../src/entries/defer.ts";
import { Clock, deferLater } from "../../src/entries/task.ts";
import { NoClockError } from "../../src/internet/error.ts";
import { outcome } from "../helpers/outcome.ts";

describe("deferLater", () => {
  it("calls the function after the delay, and fires with its result", () => {
    const clock = new Clock();
    const d = deferLater(clock, 3, (a: number, b: string) => `${a}${b}`, 1, "x");
    clock.advance(2.9);
    expect(d.called).toBe(false);
    clock.advance(0.1);
    expect(outcome(d)).toEqual({ result: "1x" });
  });

  it("fires with undefined when there is no function", () => {
    const clock = new Clock();
    const d = deferLater(clock, 1);
    clock.advance(1);
    expect(outcome(d)).toEqual({ result: undefined });
  });

  it("fails with an exception of the function", () => {
    const clock = new Clock();
    const error = new Error("boom");
    const d = deferLater(clock, 1, () => {
      throw error;
    });
    clock.advance(1);
    expect(outcome(d)).toEqual({ error });
  });

  it("fails when the function's Deferred fails", () => {
    const clock = new Clock();
    const error = new Error("boom");
    const d = deferLater(clock, 1, () => fail(error));
    clock.advance(1);
    expect(outcome(d)).toEqual({ error });
  });

  it("waits for a Deferred that the function returns", async () => {
    const clock = new Clock();
    const d = deferLater(clock, 1, async () => "later still");
    clock.advance(1);
    expect(await d).toBe("later still");
  });

  it("cancelled before the delay is over never calls the function", () => {
    const clock = new Clock();
    let called = false;
    const d = deferLater(clock, 1, () => {
      called = true;
    });
    d.cancel();
    clock.advance(5);
    expect(called).toBe(false);
    expect(clock.getDelayedCalls()).toEqual([]);
    expect(outcome(d)).toMatchObject({ error: expect.any(CancelledError) });
  });

  it("cancelled while the function's Deferred waits cancels that", () => {
    const clock = new Clock();
    let cancelled = false;
    const d = deferLater(
      clock,
      1,
      () =>
        new Deferred<void>(() => {
          cancelled = true;
        }),
    );
    clock.advance(1);
    d.cancel();
    expect(cancelled).toBe(true);
    expect(outcome(d)).toMatchObject({ error: expect.any(CancelledError) });
  });

  it("refuses a negative delay", () => {
    expect(() => deferLater(new Clock(), -1)).toThrow(RangeError);
    expect(() => deferLater(new Clock(), Number.NaN)).toThrow(RangeError);
  });

  it("says what to do when there is no clock", () => {
    expect(() => deferLater(null, 1)).toThrow(NoClockError);
  });

  it("has the type of what the function returns", () => {
    const clock = new Clock();
    expectTypeOf(deferLater(clock, 0)).toEqualTypeOf<Deferred<void>>();
    expectTypeOf(deferLater(clock, 0, () => 1)).toEqualTypeOf<Deferred<number>>();
    expectTypeOf(deferLater(clock, 0, async (text: string) => text, "x")).toEqualTypeOf<Deferred<string>>();
  });
});
