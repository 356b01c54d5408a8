import { describe, expect, expectTypeOf, it } from "vitest";
import { Deferred, fail, succeed } from "../../src/entries/defer.ts";
import { Clock, LoopingCall, LoopingCallStateError } from "../../src/entries/task.ts";
import { NoClockError } from "../../src/internet/error.ts";
import type { ReactorTime } from "../../src/internet/time.ts";
import { outcome } from "../helpers/outcome.ts";

/** A LoopingCall on a clock of its own, and the times of its calls. */
function looping(f: () => unknown = () => undefined): { clock: Clock; times: number[]; loop: LoopingCall<[]> } {
  const clock = new Clock();
  const times: number[] = [];
  const loop = new LoopingCall(() => {
    times.push(clock.seconds());
    return f();
  });
  loop.clock = clock;
  return { clock, times, loop };
}

/** A clock that has run for a while, as the reactor's has: it counts from 1970. */
class LateClock implements ReactorTime {
  readonly clock = new Clock();
  seconds(): number {
    return 1_700_000_000.123 + this.clock.seconds();
  }
  callLater: ReactorTime["callLater"] = (seconds, f, ...args) => this.clock.callLater(seconds, f, ...args);
  getDelayedCalls: ReactorTime["getDelayedCalls"] = () => this.clock.getDelayedCalls();
}

describe("a LoopingCall", () => {
  it("calls at once, and then at each interval", () => {
    const { clock, times, loop } = looping();
    loop.start(2);
    expect(times).toEqual([0]);
    clock.pump([1, 1, 1, 1, 1]);
    expect(times).toEqual([0, 2, 4]);
  });

  it("calls first after an interval with now = false", () => {
    const { clock, times, loop } = looping();
    loop.start(2, false);
    expect(times).toEqual([]);
    clock.pump([1, 1, 1, 1]);
    expect(times).toEqual([2, 4]);
  });

  it("passes the arguments it was made with", () => {
    const seen: unknown[] = [];
    const loop = new LoopingCall((a: number, b: string) => seen.push([a, b]), 1, "x");
    loop.clock = new Clock();
    loop.start(1);
    expect(seen).toEqual([[1, "x"]]);
    expectTypeOf(loop.args).toEqualTypeOf<[number, string]>();
  });

  it("skips missed intervals, and stays on the grid", () => {
    const { clock, times, loop } = looping();
    loop.start(1, false);
    clock.pump([1, 2.5, 0.4, 0.1, 1]);
    expect(times).toEqual([1, 3.5, 4, 5]);
  });

  it("stays on the grid when every call is late", () => {
    const { clock, times, loop } = looping();
    loop.start(10, false);
    clock.pump([11, 10, 9.5, 10]);
    expect(times).toEqual([11, 21, 30.5, 40.5]);
    clock.advance(9.5);
    expect(times.at(-1)).toBe(50);
  });

  it("with interval 0 calls in every tick", () => {
    const { clock, times, loop } = looping();
    loop.start(0);
    for (let i = 0; i < 3; i++) {
      expect(clock.getDelayedCalls().map((call) => call.getTime())).toEqual([clock.seconds()]);
      loop.f();
    }
    loop.stop();
    expect(times).toHaveLength(4);
  });

  it.each([0.1, 0.3, 1 / 3, 0.001, 0.7])(
    "makes one call per interval of %s s, however the clock is rounded",
    (interval) => {
      const late = new LateClock();
      let calls = 0;
      const loop = new LoopingCall(() => {
        calls++;
      });
      loop.clock = late;
      loop.start(interval, false);
      for (let i = 0; i < 1000; i++) {
        const [next] = late.getDelayedCalls();
        late.clock.advance((next?.getTime() ?? 0) - late.clock.seconds());
      }
      expect(calls).toBe(1000);
      expect(late.clock.seconds()).toBeCloseTo(1000 * interval, 3);
    },
  );

  it("continues when the clock is coarser than the interval", () => {
    const clock = new Clock();
    clock.advance(2 ** 53);
    const loop = new LoopingCall(() => undefined);
    loop.clock = clock;
    loop.start(0.25, false);
    expect(clock.getDelayedCalls()).toHaveLength(1);
  });

  it.each([-1, -0.001, Number.NaN])("refuses an interval of %s", (interval) => {
    const { loop } = looping();
    expect(() => loop.start(interval)).toThrow(RangeError);
    expect(loop.running).toBe(false);
  });

  it("cannot be started twice", () => {
    const { loop } = looping();
    loop.start(1);
    expect(() => loop.start(1)).toThrow(LoopingCallStateError);
  });

  it("throws with advice when it has no clock", () => {
    expect(() => new LoopingCall(() => undefined).start(1)).toThrow(NoClockError);
  });

  it("has `running` and `interval`", () => {
    const { loop } = looping();
    expect([loop.running, loop.interval, loop.deferred]).toEqual([false, null, null]);
    const d = loop.start(3);
    expect([loop.running, loop.interval, loop.deferred]).toEqual([true, 3, d]);
    loop.stop();
    expect([loop.running, loop.deferred]).toEqual([false, null]);
  });

  it("may be started again after it was stopped", () => {
    const { clock, times, loop } = looping();
    loop.start(1);
    loop.stop();
    clock.advance(10);
    loop.start(2);
    clock.advance(2);
    expect(times).toEqual([0, 10, 12]);
  });
});

describe("stop()", () => {
  it("ends the calls, and fires start()'s Deferred with the LoopingCall", () => {
    const { clock, times, loop } = looping();
    const d = loop.start(1);
    clock.advance(1);
    loop.stop();
    clock.advance(10);
    expect(times).toEqual([0, 1]);
    expect(outcome(d)).toEqual({ result: loop });
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("before the first call prevents it", () => {
    const { clock, times, loop } = looping();
    const d = loop.start(1, false);
    loop.stop();
    clock.advance(5);
    expect(times).toEqual([]);
    expect(outcome(d)).toEqual({ result: loop });
  });

  it("from inside the first call ends the loop", () => {
    const { clock, times, loop } = looping(() => loop.stop());
    const d = loop.start(1);
    clock.advance(5);
    expect(times).toEqual([0]);
    expect(outcome(d)).toEqual({ result: loop });
  });

  it("from inside a later call ends the loop", () => {
    const { clock, times, loop } = looping(() => {
      if (times.length === 3) loop.stop();
    });
    const d = loop.start(1);
    clock.pump([1, 1, 1, 1]);
    expect(times).toEqual([0, 1, 2]);
    expect(d.called).toBe(true);
  });

  it("while a call is waiting fires only when that call has its result", () => {
    const waited = new Deferred<void>();
    const { clock, loop } = looping(() => waited);
    const d = loop.start(1);
    loop.stop();
    expect(d.called).toBe(false);
    expect(() => loop.start(1)).toThrow(LoopingCallStateError);
    waited.callback();
    expect(outcome(d)).toEqual({ result: loop });
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("throws when it is not running", () => {
    const { loop } = looping();
    expect(() => loop.stop()).toThrow(LoopingCallStateError);
    loop.start(1);
    loop.stop();
    expect(() => loop.stop()).toThrow(LoopingCallStateError);
  });

  it("is called when start()'s Deferred is cancelled", () => {
    const { clock, times, loop } = looping();
    const d = loop.start(1);
    d.cancel();
    clock.advance(5);
    expect(times).toEqual([0]);
    expect(loop.running).toBe(false);
    expect(outcome(d)).toEqual({ result: loop });
  });

  it("by cancelling while a call is waiting fires start()'s Deferred", () => {
    const waited = new Deferred<void>();
    const { loop } = looping(() => waited);
    const d = loop.start(1);
    d.cancel();
    expect(outcome(d)).toMatchObject({ error: { code: "ERR_CANCELLED" } });
    waited.callback();
    expect(loop.running).toBe(false);
  });
});

describe("a call that fails", () => {
  it("ends the LoopingCall when it throws", () => {
    const error = new Error("boom");
    const { clock, times, loop } = looping(() => {
      throw error;
    });
    const d = loop.start(1);
    expect(outcome(d)).toEqual({ error });
    expect(loop.running).toBe(false);
    clock.advance(5);
    expect(times).toEqual([0]);
  });

  it("ends the LoopingCall when a later call throws", () => {
    const error = new Error("boom");
    const { clock, times, loop } = looping(() => {
      if (times.length === 2) throw error;
    });
    const d = loop.start(1, false);
    clock.pump([1, 1, 1]);
    expect(times).toEqual([1, 2]);
    expect(outcome(d)).toEqual({ error });
  });

  it("ends the LoopingCall when its Deferred fails", () => {
    const error = new Error("boom");
    const { loop } = looping(() => fail(error));
    expect(outcome(loop.start(1))).toEqual({ error });
    expect(loop.running).toBe(false);
  });

  it("ends the LoopingCall when its promise rejects", async () => {
    const error = new Error("boom");
    const { loop } = looping(() => Promise.reject(error));
    await expect(loop.start(1)).rejects.toBe(error);
  });

  it("fails the LoopingCall also when it called stop()", () => {
    const error = new Error("boom");
    const { loop } = looping(() => {
      loop.stop();
      throw error;
    });
    expect(outcome(loop.start(1))).toEqual({ error });
  });

  it("leaves a LoopingCall that can be started again", () => {
    let fails = true;
    const { clock, times, loop } = looping(() => {
      if (fails) throw new Error("once");
    });
    outcome(loop.start(1));
    fails = false;
    loop.start(1);
    clock.advance(1);
    expect(times).toEqual([0, 0, 1]);
  });
});

describe("an asynchronous call", () => {
  it("delays the next, which comes at the next interval", () => {
    let waited = new Deferred<void>();
    const { clock, times, loop } = looping(() => waited);
    loop.start(1);
    clock.advance(2.5);
    expect(times).toEqual([0]);
    const first = waited;
    waited = new Deferred();
    first.callback();
    expect(times).toEqual([0]);
    clock.advance(0.5);
    expect(times).toEqual([0, 3]);
  });

  it("may be an async function", async () => {
    let settle: () => void = () => undefined;
    const { clock, times, loop } = looping(
      () =>
        new Promise<void>((resolve) => {
          settle = resolve;
        }),
    );
    loop.start(1);
    clock.advance(5);
    expect(times).toEqual([0]);
    settle();
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    clock.advance(1);
    expect(times).toEqual([0, 6]);
  });

  it("may have its result already", () => {
    const { clock, times, loop } = looping(() => succeed(1));
    loop.start(1);
    clock.advance(1);
    expect(times).toEqual([0, 1]);
  });
});

describe("reset()", () => {
  it("postpones the next call by an interval", () => {
    const { clock, times, loop } = looping();
    loop.start(1);
    clock.advance(0.75);
    loop.reset();
    clock.advance(0.75);
    expect(times).toEqual([0]);
    clock.advance(0.25);
    clock.advance(1);
    expect(times).toEqual([0, 1.75, 2.75]);
  });

  it("from inside a call starts the interval there", () => {
    const { clock, times, loop } = looping(() => loop.reset());
    loop.start(1, false);
    clock.pump([1.5, 0.75, 0.25]);
    expect(times).toEqual([1.5, 2.5]);
  });

  it("throws when it is not running", () => {
    expect(() => looping().loop.reset()).toThrow(LoopingCallStateError);
  });
});

describe("withCount", () => {
  /** The counts of one that was started with `interval`, on a clock that moved by `timings`. */
  function counts(interval: number, now: boolean, timings: number[]): number[] {
    const clock = new Clock();
    const seen: number[] = [];
    const loop = LoopingCall.withCount((count) => seen.push(count));
    loop.clock = clock;
    loop.start(interval, now);
    clock.pump(timings);
    return seen;
  }

  it("passes 1 when no interval was missed", () => {
    expect(counts(1, true, [1, 1, 1])).toEqual([1, 1, 1, 1]);
  });

  it("passes the number of intervals since the last call", () => {
    expect(counts(1, true, [1, 2.5, 0.5, 1])).toEqual([1, 1, 2, 1, 1]);
  });

  it("counts the first interval with now = false", () => {
    expect(counts(2, false, [2, 6, 2])).toEqual([1, 3, 1]);
  });

  it("counts a call that comes late", () => {
    expect(counts(0.5, false, [1.9, 0.1, 0.4, 0.1])).toEqual([3, 1, 1]);
  });

  it("passes 1 with an interval of 0, however much time passes", () => {
    const clock = new Clock();
    const seen: number[] = [];
    const loop = LoopingCall.withCount((count) => {
      seen.push(count);
      if (seen.length % 3 === 0) loop.stop();
    });
    loop.clock = clock;
    loop.start(0);
    clock.advance(0);
    expect(seen).toEqual([1, 1, 1]);
    clock.advance(10);
    loop.start(0, false);
    clock.advance(5);
    expect(seen).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it("counts correctly when floating point numbers are rounded", () => {
    for (const interval of [0.2, 0.1, 0.3, 1 / 3]) {
      // A sum of 200 intervals is not quite 200 times one.
      const seen = counts(interval, true, [...Array(200).fill(interval), 1e-6]);
      expect(seen.reduce((sum, count) => sum + count, 0)).toBe(201);
      expect(seen.every((count) => count > 0)).toBe(true);
    }
  });

  it("does not count intervals before reset()", () => {
    const clock = new Clock();
    const seen: number[] = [];
    const loop = LoopingCall.withCount((count) => seen.push(count));
    loop.clock = clock;
    loop.start(1);
    clock.advance(0.5);
    loop.reset();
    clock.pump([1, 3]);
    expect(seen).toEqual([1, 1, 3]);
  });

  it("waits for the function's Deferred, and counts the intervals meanwhile", () => {
    const clock = new Clock();
    const seen: number[] = [];
    const gate = new Deferred<void>();
    const loop = LoopingCall.withCount((count) => {
      seen.push(count);
      return seen.length === 1 ? gate : undefined;
    });
    loop.clock = clock;
    loop.start(1);
    clock.advance(4.5);
    gate.callback();
    clock.advance(0.5);
    expect(seen).toEqual([1, 5]);
  });

  it("ends with the error of the function", () => {
    const error = new Error("boom");
    const loop = LoopingCall.withCount(() => {
      throw error;
    });
    loop.clock = new Clock();
    expect(outcome(loop.start(1))).toEqual({ error });
  });
});

describe("the types", () => {
  it("of start() is a Deferred of the LoopingCall", () => {
    const { loop } = looping();
    expectTypeOf(loop.start(1)).toEqualTypeOf<Deferred<LoopingCall<[]>>>();
  });
});
