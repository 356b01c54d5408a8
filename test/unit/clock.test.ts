import { describe, expect, it } from "vitest";
import { Clock } from "../../src/testing/clock.ts";

describe("Clock", () => {
  it("stands still until it is advanced", () => {
    const clock = new Clock();
    expect(clock.seconds()).toBe(0);
    clock.advance(1.5);
    clock.advance(0.25);
    expect(clock.seconds()).toBe(1.75);
  });

  it("makes a call when its time is reached, with its arguments", () => {
    const clock = new Clock();
    const calls: unknown[] = [];
    clock.callLater(1, (a: string, b: number) => calls.push([a, b, clock.seconds()]), "a", 2);
    clock.advance(0.9375);
    expect(calls).toEqual([]);
    clock.advance(0.0625);
    expect(calls).toEqual([["a", 2, 1]]);
    clock.advance(10);
    expect(calls).toHaveLength(1);
  });

  it("sets the time first, then makes the due calls in time order", () => {
    const clock = new Clock();
    const calls: string[] = [];
    for (const delay of [3, 1, 2]) clock.callLater(delay, () => calls.push(`${delay} at ${clock.seconds()}`));
    clock.advance(5);
    expect(calls).toEqual(["1 at 5", "2 at 5", "3 at 5"]);
  });

  it("makes calls that are scheduled during an advance and due in it", () => {
    const clock = new Clock();
    const calls: string[] = [];
    clock.callLater(1, () => {
      clock.callLater(0, () => calls.push("scheduled meanwhile"));
      clock.callLater(1, () => calls.push("later"));
    });
    clock.callLater(2, () => calls.push("scheduled before"));
    clock.advance(2);
    expect(calls).toEqual(["scheduled before", "scheduled meanwhile"]);
    clock.advance(1);
    expect(calls.at(-1)).toBe("later");
  });

  it("makes a call that another one has moved earlier", () => {
    const clock = new Clock();
    const calls: string[] = [];
    const moved = clock.callLater(20, () => calls.push("moved"));
    clock.callLater(1, () => moved.delay(-18));
    clock.callLater(3, () => calls.push("3"));
    clock.advance(4);
    expect(calls).toEqual(["moved", "3"]);
  });

  it("throws an exception of a call from advance(), and makes the rest at the next advance", () => {
    const clock = new Clock();
    const calls: string[] = [];
    clock.callLater(1, () => {
      throw new Error("boom");
    });
    clock.callLater(2, () => calls.push("rest"));
    expect(() => clock.advance(3)).toThrow("boom");
    clock.advance(0);
    expect(calls).toEqual(["rest"]);
  });

  it("advances by each of a list of timings", () => {
    const clock = new Clock();
    const times: number[] = [];
    const again = () => {
      times.push(clock.seconds());
      clock.callLater(1, again);
    };
    clock.callLater(1, again);
    clock.pump([0.5, 0.5, 0.25, 1, 3]);
    expect(times).toEqual([1, 2.25, 5.25]);
  });

  it("lists the pending calls in time order", () => {
    const clock = new Clock();
    const late = clock.callLater(5000, () => 0);
    const soon = clock.callLater(0.5, () => 0);
    const cancelled = clock.callLater(1, () => 0);
    const between = clock.callLater(40, () => 0);
    cancelled.cancel();
    expect(clock.getDelayedCalls()).toEqual([soon, between, late]);
  });

  it("refuses to go back, and invalid delayed calls", () => {
    const clock = new Clock();
    expect(() => clock.advance(-1)).toThrow(RangeError);
    expect(() => clock.advance(Number.NaN)).toThrow(RangeError);
    expect(() => clock.callLater(-1, () => 0)).toThrow(/callLater needs a number of seconds/);
    expect(() => clock.callLater(Number.NaN, () => 0)).toThrow(RangeError);
    expect(() => clock.callLater(1, undefined as unknown as () => void)).toThrow(TypeError);
  });
});
