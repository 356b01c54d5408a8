import { afterEach, beforeEach, describe, expect, expectTypeOf, it, onTestFinished, vi } from "vitest";
import { Deferred, fail, succeed } from "../../src/entries/defer.ts";
import {
  type CooperativeTask,
  Cooperator,
  type CooperatorOptions,
  coiterate,
  cooperate,
  NotPaused,
  SchedulerStopped,
  TaskDone,
  TaskFailed,
  TaskFinished,
  TaskStopped,
} from "../../src/entries/task.ts";
import { NoClockError } from "../../src/internet/error.ts";
import { type LogEvent, setObserver } from "../../src/logger/logger.ts";
import { outcome } from "../helpers/outcome.ts";

let logged: LogEvent[];
beforeEach(() => {
  logged = [];
  setObserver((event) => logged.push(event));
});
afterEach(() => {
  setObserver(undefined);
});

/** A Cooperator whose ticks are made by hand, `stepsPerTick` in each. */
function byHand(stepsPerTick = 1, options: CooperatorOptions = {}) {
  let due: (() => void) | undefined;
  const cooperator = new Cooperator({
    terminationPredicateFactory: () => {
      let steps = 0;
      return () => ++steps >= stepsPerTick;
    },
    scheduler: (tick) => {
      due = tick;
      return {
        cancel: () => {
          due = undefined;
        },
      };
    },
    ...options,
  });
  return {
    cooperator,
    /** Whether a tick is to come. */
    get scheduled(): boolean {
      return due !== undefined;
    },
    tick(times = 1): void {
      for (let i = 0; i < times; i++) {
        const tick = due;
        due = undefined;
        tick?.();
      }
    },
  };
}

function* upTo(n: number, seen: unknown[] = [], name: unknown = ""): Generator<unknown> {
  for (let i = 0; i < n; i++) {
    seen.push(`${name}${i}`);
    yield i;
  }
}

class Boom extends Error {}

describe("a Cooperator", () => {
  it("takes one step after another, and fires when the iterator ends", () => {
    const { cooperator, tick } = byHand();
    const seen: unknown[] = [];
    const work = upTo(3, seen);
    const d = cooperator.coiterate(work);
    expect(seen).toEqual([]);
    tick(3);
    expect(seen).toEqual(["0", "1", "2"]);
    expect(d.called).toBe(false);
    tick();
    expect(outcome(d)).toEqual({ result: work });
  });

  it("runs tasks in turns", () => {
    const { cooperator, tick } = byHand();
    const seen: unknown[] = [];
    for (const name of ["a", "b", "c"]) cooperator.cooperate(upTo(2, seen, name));
    tick(9);
    expect(seen).toEqual(["a0", "b0", "c0", "a1", "b1", "c1"]);
  });

  it("continues in the next tick with the task whose turn it is", () => {
    const { cooperator, tick } = byHand(2);
    const seen: unknown[] = [];
    for (const name of ["a", "b", "c"]) cooperator.cooperate(upTo(3, seen, name));
    tick();
    expect(seen).toEqual(["a0", "b0"]);
    tick();
    expect(seen).toEqual(["a0", "b0", "c0", "a1"]);
  });

  it("skips no task when an earlier one ends", () => {
    const { cooperator, tick } = byHand();
    const seen: unknown[] = [];
    cooperator.cooperate(upTo(1, seen, "a"));
    for (const name of ["b", "c"]) cooperator.cooperate(upTo(3, seen, name));
    tick(12);
    expect(seen).toEqual(["a0", "b0", "c0", "b1", "c1", "b2", "c2"]);
  });

  it("ends its work in a tick when the termination predicate says so", () => {
    const { cooperator, tick } = byHand(5);
    const seen: unknown[] = [];
    cooperator.cooperate(upTo(100, seen));
    tick();
    expect(seen).toHaveLength(5);
  });

  it("schedules no tick when there is nothing to do", () => {
    const hand = byHand();
    expect(hand.scheduled).toBe(false);
    hand.cooperator.cooperate(upTo(1));
    expect(hand.scheduled).toBe(true);
    hand.tick(2);
    expect(hand.scheduled).toBe(false);
  });

  it("cancels the scheduled tick when its last task is stopped", () => {
    const hand = byHand();
    const task = hand.cooperator.cooperate(upTo(5));
    task.stop();
    expect(hand.scheduled).toBe(false);
  });

  it("works in slices of 10 ms by default", () => {
    let due: (() => void) | undefined;
    const cooperator = new Cooperator({
      scheduler: (tick) => {
        due = tick;
        return { cancel: () => undefined };
      },
    });
    // Each step takes a millisecond of this clock.
    let now = 1000;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
    onTestFinished(() => clock.mockRestore());
    cooperator.cooperate(
      (function* () {
        for (;;) {
          now++;
          yield;
        }
      })(),
    );
    due?.();
    expect(now).toBe(1010);
    due?.();
    expect(now).toBe(1020);
  });

  it("says what to do when there is no reactor to schedule it", () => {
    expect(() => new Cooperator().cooperate(upTo(1))).toThrow(NoClockError);
    expect(() => cooperate(upTo(1))).toThrow(NoClockError);
    expect(() => coiterate(upTo(1))).toThrow(NoClockError);
  });

  it("keeps no task that it could not schedule", () => {
    let tick: (() => void) | undefined;
    const cooperator = new Cooperator({
      scheduler: (f) => {
        const failing = tick === undefined;
        tick = f;
        if (failing) throw new NoClockError();
        return { cancel: () => undefined };
      },
    });
    const steps: string[] = [];
    const work = function* (name: string) {
      yield steps.push(name);
    };
    expect(() => cooperator.cooperate(work("refused"))).toThrow(NoClockError);
    cooperator.cooperate(work("accepted"));
    tick?.();
    expect(steps).toEqual(["accepted"]);
  });

  it("accepts any iterable", () => {
    const { cooperator, tick } = byHand(10);
    const array = [1, 2, 3];
    const d = cooperator.coiterate(array);
    const map = cooperator.coiterate(new Map([[1, 2]]).keys());
    tick();
    expect(outcome(d)).toEqual({ result: array });
    expect(outcome(map)).toMatchObject({ result: expect.anything() });
    expectTypeOf(d).toEqualTypeOf<Deferred<number[]>>();
  });

  it("accepts an iterator that is not an iterable", () => {
    const { cooperator, tick } = byHand();
    let left = 2;
    const bare: Iterator<number> = { next: () => ({ done: left-- <= 0, value: left }) };
    const d = cooperator.coiterate(bare);
    tick(3);
    expect(outcome(d)).toEqual({ result: bare });
  });

  it("accepts an async iterable, and waits for each step", async () => {
    const { cooperator, tick } = byHand();
    const seen: number[] = [];
    const d = cooperator.coiterate(
      (async function* () {
        for (let i = 0; i < 3; i++) {
          seen.push(i);
          yield i;
        }
      })(),
    );
    for (let i = 0; i < 10 && !d.called; i++) {
      tick();
      await new Promise(setImmediate);
    }
    expect(seen).toEqual([0, 1, 2]);
    expect(d.called).toBe(true);
  });

  it("allows a finished task to add another", () => {
    const { cooperator, tick } = byHand();
    const seen: unknown[] = [];
    cooperator.coiterate(upTo(1, seen, "a")).addCallback(() => {
      cooperator.cooperate(upTo(1, seen, "b"));
    });
    tick(4);
    expect(seen).toEqual(["a0", "b0"]);
  });
});

describe("starting and stopping a Cooperator", () => {
  it("it is started by default", () => {
    expect(byHand().cooperator.running).toBe(true);
    expect(byHand(1, { started: false }).cooperator.running).toBe(false);
  });

  it("does nothing before it is started", () => {
    const hand = byHand(1, { started: false });
    hand.cooperator.cooperate(upTo(1));
    expect(hand.scheduled).toBe(false);
    hand.cooperator.start();
    expect(hand.cooperator.running).toBe(true);
    expect(hand.scheduled).toBe(true);
  });

  it("start() of a running one is a no-op", () => {
    const hand = byHand();
    hand.cooperator.start();
    expect(hand.cooperator.running).toBe(true);
    expect(hand.scheduled).toBe(false);
  });

  it("ends every task with SchedulerStopped when it is stopped", () => {
    const hand = byHand();
    const ends = [hand.cooperator.coiterate(upTo(5)), hand.cooperator.coiterate(upTo(5))];
    hand.tick();
    hand.cooperator.stop();
    expect(hand.cooperator.running).toBe(false);
    expect(hand.scheduled).toBe(false);
    expect(ends.map(outcome)).toEqual(Array(2).fill({ error: expect.any(SchedulerStopped) }));
  });

  it("refuses new tasks when it is stopped", () => {
    const { cooperator } = byHand();
    cooperator.stop();
    expect(outcome(cooperator.coiterate(upTo(1)))).toEqual({ error: expect.any(SchedulerStopped) });
  });

  it("can be started again", () => {
    const hand = byHand();
    hand.cooperator.stop();
    hand.cooperator.start();
    const d = hand.cooperator.coiterate(upTo(1));
    hand.tick(2);
    expect(outcome(d)).toMatchObject({ result: expect.anything() });
  });

  it("may be stopped by one of its tasks", () => {
    const hand = byHand(100);
    const seen: unknown[] = [];
    const first = hand.cooperator.coiterate(
      (function* () {
        yield 1;
        hand.cooperator.stop();
        yield 2;
        seen.push("never");
      })(),
    );
    const second = hand.cooperator.coiterate(upTo(50, seen, "b"));
    hand.tick();
    expect([first, second].map(outcome)).toEqual(Array(2).fill({ error: expect.any(SchedulerStopped) }));
    expect(seen).toEqual(["b0"]);
    expect(hand.scheduled).toBe(false);
  });

  it("may be stopped by a callback of whenDone()", () => {
    const hand = byHand();
    const task = hand.cooperator.cooperate(upTo(2));
    let ended: unknown;
    task.whenDone().addErrback((failure) => {
      ended = failure.value;
      hand.cooperator.stop();
    });
    task.stop();
    expect(ended).toBeInstanceOf(TaskStopped);
  });
});

describe("errors in tasks", () => {
  it("fail that task, and no other", () => {
    const { cooperator, tick } = byHand();
    const error = new Boom();
    const bad = cooperator.coiterate(
      (function* () {
        yield 1;
        throw error;
      })(),
    );
    const good = cooperator.coiterate(upTo(2));
    tick(6);
    expect(outcome(bad)).toEqual({ error });
    expect(outcome(good)).toMatchObject({ result: expect.anything() });
  });

  it("fail the task when a yielded Deferred fails later", () => {
    const { cooperator, tick } = byHand();
    const waited = new Deferred<void>();
    const d = cooperator.coiterate([waited]);
    tick();
    expect(d.called).toBe(false);
    const error = new Boom();
    waited.errback(error);
    expect(outcome(d)).toEqual({ error });
  });

  it("fail the task when a yielded Deferred has already failed", () => {
    const { cooperator, tick } = byHand();
    const error = new Boom();
    const d = cooperator.coiterate([fail(error)]);
    tick();
    expect(outcome(d)).toEqual({ error });
  });

  it("fail the task when a yielded promise rejects", async () => {
    const { cooperator, tick } = byHand();
    const error = new Boom();
    const d = cooperator.coiterate([Promise.reject(error)]);
    tick();
    await expect(d).rejects.toBe(error);
  });

  it("of an async iterable fail the task", async () => {
    const { cooperator, tick } = byHand();
    const error = new Boom();
    const d = cooperator.coiterate(
      (async function* () {
        yield 1;
        throw error;
      })(),
    );
    d.addErrback(() => undefined);
    for (let i = 0; i < 5; i++) {
      tick();
      await new Promise(setImmediate);
    }
    expect(d.called).toBe(true);
  });
});

describe("waiting", () => {
  it("for a Deferred suspends that task, and no other", () => {
    const { cooperator, tick } = byHand();
    const seen: unknown[] = [];
    const gate = new Deferred<void>();
    cooperator.cooperate(
      (function* () {
        seen.push("before");
        yield gate;
        seen.push("after");
      })(),
    );
    cooperator.cooperate(upTo(3, seen, "b"));
    tick(5);
    expect(seen).toEqual(["before", "b0", "b1", "b2"]);
    gate.callback();
    tick();
    expect(seen.at(-1)).toBe("after");
  });

  it("for a Deferred that has fired does not suspend the task", () => {
    const { cooperator, tick } = byHand();
    const d = cooperator.coiterate([succeed(1), succeed(2)]);
    tick(3);
    expect(d.called).toBe(true);
  });

  it("while paused continues only after both the Deferred and resume()", () => {
    const hand = byHand();
    const gate = new Deferred<void>();
    const seen: unknown[] = [];
    const task = hand.cooperator.cooperate(
      (function* () {
        yield gate;
        seen.push("on");
      })(),
    );
    hand.tick();
    task.pause();
    gate.callback();
    expect(hand.scheduled).toBe(false);
    task.resume();
    hand.tick();
    expect(seen).toEqual(["on"]);
  });

  it("ends without effect when the task was stopped meanwhile", () => {
    const hand = byHand();
    const gate = new Deferred<void>();
    const task = hand.cooperator.cooperate([gate, 1]);
    hand.tick();
    task.stop();
    gate.callback();
    expect(hand.scheduled).toBe(false);
    expect(outcome(task.whenDone())).toEqual({ error: expect.any(TaskStopped) });
  });

  it("counts a failure after stop() as handled", () => {
    const hand = byHand();
    const gate = new Deferred<void>();
    const task = hand.cooperator.cooperate([gate]);
    hand.tick();
    task.stop();
    gate.errback(new Boom());
    expect(outcome(gate)).toEqual({ result: undefined });
  });
});

describe("a task", () => {
  function task(steps = 5): {
    hand: ReturnType<typeof byHand>;
    task: CooperativeTask<Generator<unknown>>;
    seen: unknown[];
  } {
    const hand = byHand();
    const seen: unknown[] = [];
    return { hand, seen, task: hand.cooperator.cooperate(upTo(steps, seen)) };
  }

  it("takes no steps while it is paused", () => {
    const { hand, task: one, seen } = task();
    hand.tick();
    one.pause();
    hand.tick(3);
    expect(seen).toEqual(["0"]);
    one.resume();
    hand.tick();
    expect(seen).toEqual(["0", "1"]);
  });

  it("paused twice must be resumed twice", () => {
    const { hand, task: one, seen } = task();
    one.pause();
    one.pause();
    one.resume();
    hand.tick();
    expect(seen).toEqual([]);
    one.resume();
    hand.tick();
    expect(seen).toEqual(["0"]);
  });

  it("that is not paused cannot be resumed", () => {
    expect(() => task().task.resume()).toThrow(NotPaused);
  });

  it("returns a Deferred of its own from each whenDone()", () => {
    const { hand, task: one } = task(1);
    const [a, b] = [one.whenDone(), one.whenDone()];
    a.addCallback(() => {
      throw new Boom();
    }).addErrback(() => undefined);
    hand.tick(2);
    expect(outcome(b)).toMatchObject({ result: expect.anything() });
    expect(outcome(one.whenDone())).toMatchObject({ result: expect.anything() });
  });

  it("reports its error from whenDone(), also after it failed", () => {
    const hand = byHand();
    const error = new Boom();
    const one = hand.cooperator.cooperate([fail(error)]);
    const before = one.whenDone();
    hand.tick();
    expect([before, one.whenDone()].map(outcome)).toEqual([{ error }, { error }]);
  });

  it("that is stopped takes no more steps, and fails with TaskStopped", () => {
    const { hand, task: one, seen } = task();
    hand.tick();
    const d = one.whenDone();
    one.stop();
    hand.tick(3);
    expect(seen).toEqual(["0"]);
    expect(outcome(d)).toEqual({ error: expect.any(TaskStopped) });
    expect(new TaskStopped()).toBeInstanceOf(TaskFinished);
  });

  it("that is stopped runs its finally blocks", () => {
    const hand = byHand();
    const steps: string[] = [];
    const one = hand.cooperator.cooperate(
      (function* () {
        try {
          for (;;) yield;
        } finally {
          steps.push("cleaned up");
        }
      })(),
    );
    hand.tick();
    one.stop();
    expect(steps).toEqual(["cleaned up"]);
  });

  it("that stops its own task runs its finally blocks once the step is over, and logs nothing", () => {
    const hand = byHand();
    const steps: string[] = [];
    const one: { task?: CooperativeTask<unknown> } = {};
    one.task = hand.cooperator.cooperate(
      (function* () {
        try {
          one.task?.stop();
          steps.push("still in the step");
          yield;
          steps.push("another step");
        } finally {
          steps.push("finally");
        }
      })(),
    );
    hand.tick();
    expect(steps).toEqual(["still in the step", "finally"]);
    expect(outcome(one.task.whenDone())).toEqual({ error: expect.any(TaskStopped) });
    expect(logged).toEqual([]);
  });

  it("logs an exception of its finally block", () => {
    const hand = byHand();
    const error = new Boom();
    const one = hand.cooperator.cooperate(
      (function* () {
        try {
          for (;;) yield;
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
          throw error;
        }
      })(),
    );
    hand.tick();
    one.stop();
    expect(logged.map((event) => event.error)).toEqual([error]);
  });

  it("that is stopped ends an async iterable", async () => {
    const hand = byHand();
    const steps: string[] = [];
    const one = hand.cooperator.cooperate(
      (async function* () {
        try {
          for (;;) yield;
        } finally {
          steps.push("cleaned up");
        }
      })(),
    );
    hand.tick();
    await new Promise(setImmediate);
    one.stop();
    await new Promise(setImmediate);
    expect(steps).toEqual(["cleaned up"]);
  });

  it("that is over cannot be stopped; the error says how it ended", () => {
    const done = task(0);
    done.hand.tick();
    expect(() => done.task.stop()).toThrow(TaskDone);
    const stopped = task();
    stopped.task.stop();
    expect(() => stopped.task.stop()).toThrow(TaskStopped);
    const hand = byHand();
    const error = new Boom();
    const failed = hand.cooperator.cooperate([fail(error)]);
    hand.tick();
    outcome(failed.whenDone());
    expect(() => failed.stop()).toThrow(TaskFailed);
    expect(() => failed.stop()).toThrow(expect.objectContaining({ cause: error }));
  });

  it("that was paused, then stopped, may be resumed without taking steps", () => {
    const { hand, task: one, seen } = task();
    one.pause();
    one.stop();
    one.resume();
    hand.tick(2);
    expect(seen).toEqual([]);
  });

  it("that stopped its Cooperator cannot be resumed into it", () => {
    const { hand, task: one, seen } = task();
    one.pause();
    hand.cooperator.stop();
    one.resume();
    expect(outcome(one.whenDone())).toEqual({ error: expect.any(SchedulerStopped) });
    expect(seen).toEqual([]);
  });

  it("may pause itself", () => {
    const hand = byHand();
    const seen: number[] = [];
    function* work(): Generator<unknown> {
      seen.push(1);
      one.pause();
      yield;
      seen.push(2);
    }
    const one = hand.cooperator.cooperate(work());
    hand.tick(3);
    expect(seen).toEqual([1]);
    one.resume();
    hand.tick();
    expect(seen).toEqual([1, 2]);
  });

  it("may stop itself", () => {
    const hand = byHand();
    const work: Iterator<unknown> = {
      next: () => {
        one.stop();
        return { done: false, value: 1 };
      },
    };
    const one = hand.cooperator.cooperate(work);
    hand.tick(2);
    expect(outcome(one.whenDone())).toEqual({ error: expect.any(TaskStopped) });
  });
});
