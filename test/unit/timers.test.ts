import { describe, expect, it } from "vitest";
import { AlreadyCalled, AlreadyCancelled } from "../../src/internet/error.ts";
import { type DelayedCall, TimerWheel } from "../../src/internet/reactor/timers.ts";
import { seed as seedOfRun, volume } from "../helpers/volume.ts";

const DAY = 86_400;
const YEAR = 365.25 * DAY;

/** A wheel whose time the test sets, and which notes what is called. */
class Bench {
  now: number;
  readonly fired: string[] = [];
  readonly woken: number[] = [];
  readonly wheel: TimerWheel;

  constructor(now = 0) {
    this.now = now;
    this.wheel = new TimerWheel(
      () => this.now,
      (time) => this.woken.push(time),
    );
  }

  at(time: number, name = String(time)): DelayedCall {
    return this.wheel.add(time, () => this.fired.push(name), []);
  }

  /** Go to `time` and run what is due. */
  turn(time: number): string[] {
    this.now = time;
    this.fired.length = 0;
    this.wheel.takeDue(time);
    for (let call = this.wheel.shift(); call !== undefined; call = this.wheel.shift()) call.run();
    return [...this.fired];
  }
}

/** Mulberry32: numbers in [0, 1) that a seed repeats. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function collectGarbage(): Promise<void> {
  // A WeakRef keeps its target for the rest of the job that made or read it.
  await new Promise((resolve) => setImmediate(resolve));
  (globalThis as unknown as { gc(): void }).gc();
}

describe("the timer wheel", () => {
  it("makes calls in time order, whatever order they were scheduled in", () => {
    const bench = new Bench();
    for (const time of [5, 1, 3, 0, 4, 2]) bench.at(time);
    expect(bench.turn(10)).toEqual(["0", "1", "2", "3", "4", "5"]);
  });

  it("makes calls of the same time in the order they were scheduled in", () => {
    const bench = new Bench();
    for (const name of ["a", "b", "c", "d"]) bench.at(70, name);
    bench.turn(69.9); // they have come down from a higher level one by one
    bench.at(70, "e");
    expect(bench.turn(70)).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("orders deadlines within one millisecond exactly", () => {
    const bench = new Bench();
    for (const time of [1.0009, 1.0001, 1.0005, 1.0001]) bench.at(time);
    bench.at(1.0005, "second at 1.0005");
    expect(bench.turn(1.00089)).toEqual(["1.0001", "1.0001", "1.0005", "second at 1.0005"]);
    expect(bench.turn(1.0009)).toEqual(["1.0009"]);
  });

  it("sorts ten thousand calls of one millisecond", () => {
    const bench = new Bench();
    const next = random(7);
    const times = Array.from({ length: 10_000 }, () => 3 + next() / 1000);
    for (const time of times) bench.at(time);
    expect(bench.turn(4)).toEqual(times.sort((a, b) => a - b).map(String));
  });

  it("makes no call early, and none late, at delays from a microsecond to a thousand years", () => {
    const steps = [1e-6, 0.001, 0.031, 0.032, 1.023, 1.024, 32.767, 32.768, 1048.576, 33_554.432];
    const delays = [...steps, DAY, 12 * DAY, 2 ** 30 / 1000 - 0.001, 2 ** 30 / 1000, 30 * DAY, YEAR, 1000 * YEAR];
    for (const start of [0, 17.0625, 1_700_000_000.25]) {
      for (const delay of delays) {
        const bench = new Bench(start);
        const due = start + delay;
        bench.at(due, "due");
        const before = start + delay * (1 - 1e-3);
        if (before < due) expect(bench.turn(before), `${delay} s after ${start}, before`).toEqual([]);
        expect(bench.turn(due), `${delay} s after ${start}`).toEqual(["due"]);
      }
    }
  });

  it("agrees with a sorted list over random calls, cancellations, delays and resets", () => {
    const cases = volume({ gate: 20, long: 2_000 });
    for (let seed = seedOfRun(); seed < seedOfRun() + cases; seed++) {
      const next = random(seed);
      const bench = new Bench(next() * 1000);
      let model: { call: DelayedCall; name: string; order: number }[] = [];
      const scales = [0.002, 0.1, 3, 100, 5000, 40 * DAY];
      const anyDelay = () => {
        const delay = next() * scales[Math.floor(next() * scales.length)]!;
        return next() < 0.3 ? Math.floor(delay) : delay; // whole seconds, so that ties occur
      };
      for (let step = 0; step < 2000; step++) {
        const choice = next();
        const victim = model[Math.floor(next() * model.length)];
        if (choice < 0.5 || victim === undefined) {
          model.push({ call: bench.at(bench.now + anyDelay(), `call ${step}`), name: `call ${step}`, order: step });
        } else if (choice < 0.6) {
          victim.call.cancel();
          model = model.filter((entry) => entry !== victim);
        } else if (choice < 0.65) {
          victim.call.reset(anyDelay());
          victim.order = step;
        } else if (choice < 0.7) {
          victim.call.delay(anyDelay() - anyDelay());
          victim.order = step;
        } else {
          const now = choice < 0.85 ? bench.now + anyDelay() : Math.max(bench.now, bench.wheel.nextTime());
          if (!Number.isFinite(now)) continue;
          const byTime = (a: (typeof model)[0], b: (typeof model)[0]) =>
            a.call.getTime() - b.call.getTime() || a.order - b.order;
          const due = model.filter(({ call }) => call.getTime() <= now).sort(byTime);
          model = model.filter(({ call }) => call.getTime() > now);
          expect(bench.turn(now), `seed ${seed}, step ${step}`).toEqual(due.map(({ name }) => name));
        }
        const first = Math.min(...model.map(({ call }) => call.getTime()));
        expect(bench.wheel.nextTime(), `seed ${seed}, step ${step}`).toBeLessThanOrEqual(first);
      }
      const left = bench.wheel.calls().map((call) => call.getTime());
      expect(left).toEqual(model.map(({ call }) => call.getTime()).sort((a, b) => a - b));
    }
  });

  it("does not wake before a call in thirty days is due", () => {
    const bench = new Bench(1_700_000_000);
    bench.at(bench.now + 30 * DAY, "due");
    expect(bench.wheel.nextTime()).toBe(bench.now + 30 * DAY);
    expect(bench.turn(bench.wheel.nextTime())).toEqual(["due"]);
    expect(bench.wheel.nextTime()).toBe(Number.POSITIVE_INFINITY);
  });

  it("wakes at most once too often for a cancelled call", () => {
    const bench = new Bench();
    const cancelled = bench.at(40.5);
    bench.at(60.5);
    cancelled.cancel();
    expect(bench.wheel.nextTime()).toBe(40.5);
    expect(bench.turn(40.5)).toEqual([]);
    expect(bench.wheel.nextTime()).toBe(60.5);
    expect(bench.turn(60.5)).toEqual(["60.5"]);
  });

  it("notifies its owner of calls that are due before the next wake-up, and of no others", () => {
    const bench = new Bench();
    bench.wheel.wakeTime = 10;
    const call = bench.at(20);
    bench.at(10);
    expect(bench.woken).toEqual([]);
    bench.at(9.5);
    call.reset(9);
    call.delay(-1);
    call.delay(30);
    expect(bench.woken).toEqual([9.5, 9, 8]);
  });

  it("works after a gap that is longer than the wheel's range", () => {
    const bench = new Bench();
    bench.at(1 * DAY);
    bench.at(20 * DAY);
    bench.at(200 * DAY);
    bench.now = 100 * DAY;
    bench.at(100 * DAY + 0.5);
    expect(bench.turn(100 * DAY)).toEqual([String(1 * DAY), String(20 * DAY)]);
    expect(bench.turn(100 * DAY + 0.5)).toEqual([String(100 * DAY + 0.5)]);
    expect(bench.turn(300 * DAY)).toEqual([String(200 * DAY)]);
  });

  it("never makes a call at Infinity, which can be rescheduled", () => {
    const bench = new Bench();
    const never = bench.at(Number.POSITIVE_INFINITY, "never");
    bench.at(Number.POSITIVE_INFINITY, "never either");
    expect(bench.turn(1000 * YEAR)).toEqual([]);
    expect(bench.wheel.calls()).toHaveLength(2);
    never.reset(1);
    expect(bench.turn(bench.now + 1)).toEqual(["never"]);
  });

  it("lets earlier due calls cancel or postpone a due call", () => {
    const bench = new Bench();
    let dropped: DelayedCall | undefined;
    let later: DelayedCall | undefined;
    bench.wheel.add(1, () => {
      dropped?.cancel();
      later?.delay(5);
    }, []);
    dropped = bench.at(2);
    later = bench.at(3);
    bench.at(4);
    expect(bench.turn(5)).toEqual(["4"]);
    expect(bench.turn(8)).toEqual(["3"]);
  });

  it("keeps the time order between calls found due earlier and later", () => {
    const bench = new Bench();
    const early = bench.at(7);
    bench.at(3);
    bench.at(5);
    bench.wheel.takeDue(6);
    bench.now = 6;
    early.delay(-3);
    expect(bench.turn(6)).toEqual(["3", "7", "5"]);
  });
});

describe("a delayed call", () => {
  it("passes its arguments, and returns the function's result", () => {
    const bench = new Bench();
    const call = bench.wheel.add(1, (...args) => args, ["a", 2]);
    bench.wheel.takeDue(1);
    expect(bench.wheel.shift()).toBe(call);
    expect(call.run()).toEqual(["a", 2]);
  });

  it("is active until it is made, and then refuses to be changed with AlreadyCalled", () => {
    const bench = new Bench();
    const call = bench.at(1);
    expect(call.active()).toBe(true);
    bench.turn(1);
    expect(call.active()).toBe(false);
    expect(call.getTime()).toBe(1);
    expect(() => call.cancel()).toThrow(AlreadyCalled);
    expect(() => call.delay(1)).toThrow(AlreadyCalled);
    expect(() => call.reset(1)).toThrow(AlreadyCalled);
  });

  it("refuses to be changed with AlreadyCancelled once it was cancelled", () => {
    const bench = new Bench();
    const call = bench.at(1);
    call.cancel();
    expect(call.active()).toBe(false);
    expect(() => call.cancel()).toThrow(AlreadyCancelled);
    expect(() => call.delay(1)).toThrow(AlreadyCancelled);
    expect(() => call.reset(1)).toThrow(AlreadyCancelled);
    expect(bench.turn(2)).toEqual([]);
  });

  it("is no longer active while its own function runs", () => {
    const bench = new Bench();
    let error: unknown;
    const call: DelayedCall = bench.wheel.add(1, () => {
      try {
        call.cancel();
      } catch (thrown) {
        error = thrown;
      }
    }, []);
    bench.turn(1);
    expect(error).toBeInstanceOf(AlreadyCalled);
  });

  it("moves earlier by a negative delay, also into the past", () => {
    const bench = new Bench(100);
    const call = bench.at(200);
    call.delay(-50);
    expect(call.getTime()).toBe(150);
    call.delay(-149);
    expect(call.getTime()).toBe(1);
    expect(bench.turn(100)).toEqual(["200"]);
  });

  it("counts a reset from now, and runs last among calls of the same time", () => {
    const bench = new Bench();
    const call = bench.at(50, "first");
    bench.at(5, "second");
    bench.now = 3;
    call.reset(2);
    expect(call.getTime()).toBe(5);
    expect(bench.turn(5)).toEqual(["second", "first"]);
  });

  it("refuses a delay that is not a number, and a reset to the past", () => {
    const call = new Bench().at(1);
    expect(() => call.delay(Number.NaN)).toThrow(RangeError);
    expect(() => call.delay("5" as unknown as number)).toThrow(/not "5" \(a string\)/);
    expect(() => call.reset("5" as unknown as number)).toThrow(TypeError);
    expect(() => call.reset(Number.NaN)).toThrow(RangeError);
    expect(() => call.reset(-1)).toThrow(/reset needs a number of seconds/);
    expect(call.getTime()).toBe(1);
  });

  it("releases its function, its arguments and its neighbours when cancelled", async () => {
    const bench = new Bench();
    const kept = bench.at(1);
    const refs = (() => {
      const argument = { big: true };
      const f = () => argument;
      const before = bench.wheel.add(1, () => 0, []);
      const call = bench.wheel.add(1, f, [argument]);
      const refs = [new WeakRef<object>(argument), new WeakRef<object>(f), new WeakRef<object>(before)];
      before.cancel();
      call.cancel();
      return { call, refs };
    })();
    await collectGarbage();
    expect(refs.refs.map((ref) => ref.deref())).toEqual([undefined, undefined, undefined]);
    expect(refs.call.active()).toBe(false);
    expect(kept.active()).toBe(true);
  });

  it("releases its function and its arguments when made", async () => {
    const bench = new Bench();
    const { call, ref } = (() => {
      const argument = { big: true };
      return { call: bench.wheel.add(1, () => 0, [argument]), ref: new WeakRef(argument) };
    })();
    bench.turn(1);
    await collectGarbage();
    expect(ref.deref()).toBeUndefined();
    expect(call.active()).toBe(false);
  });
});
