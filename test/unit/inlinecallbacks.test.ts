import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, expectTypeOf, it, vi } from "vitest";
import {
  CancelledError,
  CircularChainError,
  Deferred,
  DeferredList,
  ensureDeferred,
  fail,
  gatherResults,
  inlineCallbacks,
  pendingFailures,
  succeed,
} from "../../src/entries/defer.ts";
import { Failure } from "../../src/internet/failure.ts";
import { setObserver } from "../../src/logger/log.ts";
import { Clock } from "../../src/testing/clock.ts";

/** What `d` has come to by now; a failure counts as handled. */
function outcome(d: Deferred<unknown>): unknown {
  let came: unknown = "nothing yet";
  d.addBoth((result) => {
    came = result instanceof Failure ? { failed: result.value } : result;
  });
  return came;
}

class Original extends Error {}
class Translated extends Error {}

describe("the generator", () => {
  it("runs at once, up to the first Deferred without a result", () => {
    const steps: string[] = [];
    const waiting = new Deferred<void>();
    inlineCallbacks(function* () {
      steps.push("before");
      yield waiting;
      steps.push("after");
    })();
    expect(steps).toEqual(["before"]);
    waiting.callback();
    expect(steps).toEqual(["before", "after"]);
  });

  it("gets the result of a Deferred that has fired", () => {
    const f = inlineCallbacks(function* () {
      const one: number = yield succeed(1);
      const two: number = yield succeed(2);
      return one + two;
    });
    expect(outcome(f())).toBe(3);
  });

  it("gets the result of a Deferred that fires later, synchronously", () => {
    const later = new Deferred<string>();
    const d = inlineCallbacks(function* () {
      return ((yield later) as string).toUpperCase();
    })();
    let came = "";
    d.addCallback((value) => {
      came = value;
    });
    later.callback("now");
    expect(came).toBe("NOW");
  });

  it("gets back a yielded value that is not awaitable", () => {
    const back: unknown[] = [];
    const f = inlineCallbacks(function* () {
      for (const value of [5, "text", null, undefined, { then: 1 }, [succeed(1)]]) back.push(yield value);
    });
    expect(outcome(f())).toBe(undefined);
    expect(back).toEqual([5, "text", null, undefined, { then: 1 }, [expect.any(Deferred)]]);
  });

  it("gets back a yielded Failure", () => {
    const failure = new Failure(new Original());
    expect(
      outcome(
        inlineCallbacks(function* () {
          return (yield failure) === failure;
        })(),
      ),
    ).toBe(true);
  });

  it("sees the error of a Deferred that has failed", () => {
    const error = new Original("no");
    const f = inlineCallbacks(function* () {
      try {
        yield fail(error);
      } catch (caught) {
        return caught;
      }
      return undefined;
    });
    expect(outcome(f())).toBe(error);
  });

  it("sees the error of a Deferred that fails later", () => {
    const later = new Deferred<void>();
    const d = inlineCallbacks(function* () {
      try {
        yield later;
      } catch {
        return "caught";
      }
      return "missed";
    })();
    later.errback(new Original());
    expect(outcome(d)).toBe("caught");
  });

  it("runs its finally blocks when a Deferred fails", () => {
    const steps: string[] = [];
    const d = inlineCallbacks(function* () {
      try {
        yield fail(new Original());
      } finally {
        steps.push("finally");
      }
    })();
    expect(outcome(d)).toEqual({ failed: expect.any(Original) });
    expect(steps).toEqual(["finally"]);
  });

  it("waits for a promise", async () => {
    const d = inlineCallbacks(function* () {
      return ((yield Promise.resolve(20)) as number) + 1;
    })();
    expect(await d).toBe(21);
  });

  it("sees what a promise rejects with", async () => {
    const d = inlineCallbacks(function* () {
      try {
        yield Promise.reject(new Original());
      } catch (error) {
        return error instanceof Original;
      }
      return false;
    })();
    expect(await d).toBe(true);
  });

  it("waits for an async function and for another inlineCallbacks", async () => {
    const inner = inlineCallbacks(function* (n: number) {
      return ((yield succeed(n)) as number) * 2;
    });
    const d = inlineCallbacks(function* () {
      const a: number = yield inner(4);
      const b: number = yield (async () => 1)();
      return a + b;
    })();
    expect(await d).toBe(9);
  });

  it("waits for a thenable that is not a promise", async () => {
    const thenable = { then: (done: (value: number) => void) => done(7) };
    expect(
      await inlineCallbacks(function* () {
        return yield thenable;
      })(),
    ).toBe(7);
  });

  it("sees the error of a `then` getter that throws", () => {
    const thenable = Object.defineProperty({}, "then", {
      get() {
        throw new Original();
      },
    });
    const d = inlineCallbacks(function* () {
      try {
        yield thenable;
      } catch (error) {
        return error;
      }
      return undefined;
    })();
    expect(outcome(d)).toBeInstanceOf(Original);
  });

  it("may yield one Deferred twice, as with await", () => {
    const d = succeed("kept");
    expect(
      outcome(
        inlineCallbacks(function* () {
          return [yield d, yield d];
        })(),
      ),
    ).toEqual(["kept", "kept"]);
  });

  it("leaves the result in the Deferred for later callbacks", () => {
    const d = new Deferred<number>();
    inlineCallbacks(function* () {
      yield d;
    })();
    const seen: number[] = [];
    d.addCallback((value) => {
      seen.push(value);
    });
    d.callback(3);
    expect(seen).toEqual([3]);
  });

  it("fails when it yields the Deferred of its own result", () => {
    let own: Deferred<unknown> | undefined;
    const ready = new Deferred<void>();
    own = inlineCallbacks(function* () {
      yield ready;
      yield own;
    })();
    ready.callback();
    expect(outcome(own)).toEqual({ failed: expect.any(CircularChainError) });
  });

  it("waits until a paused Deferred is unpaused", () => {
    const paused = succeed(1);
    paused.pause();
    const d = inlineCallbacks(function* () {
      return yield paused;
    })();
    expect(d.called).toBe(false);
    paused.unpause();
    expect(outcome(d)).toBe(1);
  });

  it("waits for a Deferred that itself waits for another", () => {
    const inner = new Deferred<string>();
    const outer = succeed().addCallback(() => inner);
    const d = inlineCallbacks(function* () {
      return yield outer;
    })();
    inner.callback("in");
    expect(outcome(d)).toBe("in");
  });

  it("keeps `this` and its arguments", () => {
    class Account {
      balance = 10;
      deposit = inlineCallbacks(function* (this: Account, sum: number, more?: number) {
        yield succeed();
        this.balance += sum + (more ?? 1);
        return this.balance;
      });
    }
    expect(outcome(new Account().deposit(5))).toBe(16);
  });

  it("may run for many callers at once, independently", () => {
    const gates = [new Deferred<string>(), new Deferred<string>()];
    const f = inlineCallbacks(function* (i: number) {
      return `${i}:${yield gates[i]}`;
    });
    const results = [f(0), f(1)];
    gates[1]!.callback("b");
    gates[0]!.callback("a");
    expect(results.map(outcome)).toEqual(["0:a", "1:b"]);
  });

  it("waits for a DeferredList and for gatherResults", () => {
    const late = new Deferred<number>();
    const d = inlineCallbacks(function* () {
      const list: unknown = yield new DeferredList([succeed(1), fail(new Original())], { consumeErrors: true });
      const [a, b]: [number, number] = yield gatherResults([succeed(1), late]);
      return [list, a + b];
    })();
    late.callback(2);
    expect(outcome(d)).toEqual([
      [
        [true, 1],
        [false, expect.any(Failure)],
      ],
      3,
    ]);
  });

  it("waits for a delayed call", () => {
    const clock = new Clock();
    const sleep = (seconds: number): Deferred<void> => {
      const d = new Deferred<void>();
      clock.callLater(seconds, () => d.callback());
      return d;
    };
    const times: number[] = [];
    inlineCallbacks(function* () {
      for (let i = 0; i < 3; i++) {
        yield sleep(5);
        times.push(clock.seconds());
      }
    })();
    clock.pump([5, 5, 5]);
    expect(times).toEqual([5, 10, 15]);
  });
});

describe("the result", () => {
  it("is the generator's return value", () => {
    expect(
      outcome(
        inlineCallbacks(function* () {
          yield succeed();
          return "done";
        })(),
      ),
    ).toBe("done");
  });

  it("is undefined when the generator returns nothing", () => {
    expect(
      outcome(
        inlineCallbacks(function* () {
          yield succeed(1);
        })(),
      ),
    ).toBe(undefined);
  });

  it("is there at once when the generator never waits", () => {
    const d = inlineCallbacks(function* () {
      return yield 1;
    })();
    expect(d.called).toBe(true);
    expect(outcome(d)).toBe(1);
  });

  it("is a failure when the generator throws at once", () => {
    const d = inlineCallbacks(function* (n: number) {
      if (n > 0) throw new Original("at once");
      yield n;
    })(1);
    expect(outcome(d)).toEqual({ failed: expect.any(Original) });
  });

  it("is a failure when the generator throws after it waited", () => {
    const gate = new Deferred<void>();
    const d = inlineCallbacks(function* () {
      yield gate;
      throw new Original();
    })();
    gate.callback();
    expect(outcome(d)).toEqual({ failed: expect.any(Original) });
  });

  it("is the error that the generator does not catch", () => {
    const error = new Original();
    expect(
      outcome(
        inlineCallbacks(function* () {
          yield fail(error);
        })(),
      ),
    ).toEqual({ failed: error });
  });

  it("is the error that the generator throws in place of another", () => {
    const d = inlineCallbacks(function* () {
      try {
        yield fail(new Original());
      } catch (cause) {
        throw new Translated("other words", { cause });
      }
    })();
    expect(outcome(d)).toEqual({ failed: expect.any(Translated) });
  });

  it("is a failure when the generator returns a Failure", () => {
    const d = inlineCallbacks(function* () {
      yield succeed();
      return new Failure(new Original());
    })();
    expect(outcome(d)).toEqual({ failed: expect.any(Original) });
  });

  it("follows a Deferred or promise that the generator returns", async () => {
    const inner = new Deferred<number>();
    const d = inlineCallbacks(function* () {
      yield succeed();
      return inner;
    })();
    expect(d.called).toBe(true);
    inner.callback(5);
    expect(outcome(d)).toBe(5);
    expect(
      await inlineCallbacks(function* () {
        yield succeed();
        return Promise.resolve(6);
      })(),
    ).toBe(6);
  });

  it("keeps the stack of the error's creation", () => {
    function culprit(): never {
      throw new Original("trace me");
    }
    const d = inlineCallbacks(function* () {
      yield succeed();
      culprit();
    })();
    let trace = "";
    d.addErrback((failure) => {
      trace = failure.getTraceback();
    });
    expect(trace).toContain("culprit");
  });

  it("keeps that stack through many nested generators", () => {
    function culprit(): never {
      throw new Original("deep");
    }
    const level = (n: number): Deferred<void> =>
      inlineCallbacks(function* () {
        yield succeed();
        if (n === 0) culprit();
        yield level(n - 1);
      })();
    let trace = "";
    level(20).addErrback((failure) => {
      trace = failure.getTraceback();
    });
    expect(trace.match(/culprit/g)).toHaveLength(1);
  });

  it("is reported once when it fails and nobody handles it, and not for the Deferred that was waited for", () => {
    const before = pendingFailures().length;
    const error = new Original("lonely");
    const d = inlineCallbacks(function* () {
      yield fail(error);
    })();
    const pending = pendingFailures();
    expect(pending.slice(before).map((entry) => entry.failure.value)).toEqual([error]);
    d.addErrback(() => undefined);
    expect(pendingFailures()).toHaveLength(before);
  });
});

describe("a function that is not a generator function", () => {
  it.each([
    ["a plain function", () => 5],
    ["one that returns a Deferred", () => succeed(1)],
    ["one that returns null", () => null],
    ["one that returns an array", () => [1]],
  ])("throws a TypeError that says what to write: %s", (_what, f) => {
    expect(() => inlineCallbacks(f as never)()).toThrow(/function\*/);
    expect(() => inlineCallbacks(f as never)()).toThrow(TypeError);
  });
});

describe("depth", () => {
  it("does not grow the stack: 100,000 fired Deferreds in a row", () => {
    const d = inlineCallbacks(function* () {
      let sum = 0;
      for (let i = 0; i < 100_000; i++) sum += yield succeed(1);
      return sum;
    })();
    expect(outcome(d)).toBe(100_000);
  });

  it("does not grow the stack: 100,000 values in a row", () => {
    const d = inlineCallbacks(function* () {
      let last = -1;
      for (let i = 0; i < 100_000; i++) last = yield i;
      return last;
    })();
    expect(outcome(d)).toBe(99_999);
  });

  it("does not grow the stack: 100,000 failures in a row", () => {
    const error = new Original();
    const d = inlineCallbacks(function* () {
      let caught = 0;
      for (let i = 0; i < 100_000; i++) {
        try {
          yield fail(error);
        } catch {
          caught++;
        }
      }
      return caught;
    })();
    expect(outcome(d)).toBe(100_000);
  });

  it("does not grow the stack: 10,000 waits, each ended by a later fire", () => {
    const gates = Array.from({ length: 10_000 }, () => new Deferred<void>());
    const d = inlineCallbacks(function* () {
      for (const gate of gates) yield gate;
      return "through";
    })();
    for (const gate of gates) gate.callback();
    expect(outcome(d)).toBe("through");
  });
});

describe("cancelling", () => {
  it("cancels the Deferred that is waited for", () => {
    const cancelled = vi.fn();
    const waited = new Deferred<void>(cancelled);
    const d = inlineCallbacks(function* () {
      yield waited;
    })();
    d.cancel();
    expect(cancelled).toHaveBeenCalledTimes(1);
    expect(outcome(d)).toEqual({ failed: expect.any(CancelledError) });
  });

  it("cancels through nested generators", () => {
    const cancelled = vi.fn();
    const waited = new Deferred<void>(cancelled);
    const level = (n: number): Deferred<void> =>
      inlineCallbacks(function* () {
        yield n === 0 ? waited : level(n - 1);
      })();
    const d = level(5);
    d.cancel();
    expect(cancelled).toHaveBeenCalledTimes(1);
    expect(outcome(d)).toEqual({ failed: expect.any(CancelledError) });
  });

  it("runs the generator's finally blocks", () => {
    const steps: string[] = [];
    const d = inlineCallbacks(function* () {
      try {
        yield new Deferred<void>();
      } finally {
        steps.push("cleaned up");
      }
    })();
    d.cancel();
    outcome(d);
    expect(steps).toEqual(["cleaned up"]);
  });

  it("passes the cause to the CancelledError", () => {
    const d = inlineCallbacks(function* () {
      yield new Deferred<void>();
    })();
    d.cancel("too late");
    expect(outcome(d)).toEqual({ failed: expect.objectContaining({ cause: "too late" }) });
  });

  it("lets the generator turn the cancellation into another error", () => {
    const d = inlineCallbacks(function* () {
      try {
        yield new Deferred<void>();
      } catch {
        throw new Translated();
      }
    })();
    d.cancel();
    expect(outcome(d)).toEqual({ failed: expect.any(Translated) });
  });

  it("lets the generator turn the cancellation into a result", () => {
    const d = inlineCallbacks(function* () {
      try {
        yield new Deferred<void>();
      } catch {
        return "all the same";
      }
      return "never";
    })();
    d.cancel();
    expect(outcome(d)).toBe("all the same");
  });

  it("lets a canceller give the awaited Deferred a result", () => {
    const d = inlineCallbacks(function* () {
      return yield new Deferred<string>((waited) => waited.callback("from the canceller"));
    })();
    d.cancel();
    expect(outcome(d)).toBe("from the canceller");
  });

  it("lets an errback of the awaited Deferred replace it", () => {
    const waited = new Deferred<void>();
    waited.addErrback(() => {
      throw new Translated();
    });
    const d = inlineCallbacks(function* () {
      yield waited;
    })();
    d.cancel();
    expect(outcome(d)).toEqual({ failed: expect.any(Translated) });
  });

  it("may complete later, when the canceller does", () => {
    const cleanup = new Deferred<void>();
    const waited = new Deferred<void>();
    const d = inlineCallbacks(function* () {
      try {
        yield waited;
      } finally {
        yield cleanup;
      }
    })();
    let came = false;
    d.addBoth(() => {
      came = true;
    });
    d.cancel();
    expect(came).toBe(false);
    cleanup.callback();
    expect(came).toBe(true);
  });

  it("cancels each Deferred that is awaited in turn", () => {
    const order: string[] = [];
    const wait = (name: string) => new Deferred<void>(() => order.push(name));
    const d = inlineCallbacks(function* () {
      for (const name of ["first", "second", "third"]) {
        try {
          yield wait(name);
        } catch (error) {
          order.push((error as Error).name);
        }
      }
      return "survived";
    })();
    d.cancel();
    d.cancel();
    expect(order).toEqual(["first", "CancelledError", "second", "CancelledError"]);
    d.cancel();
    expect(outcome(d)).toBe("survived");
  });

  it("does nothing when the generator has ended", () => {
    const d = inlineCallbacks(function* () {
      yield succeed();
      return 1;
    })();
    d.cancel();
    expect(outcome(d)).toBe(1);
  });

  it("from inside the generator takes effect at its next wait", () => {
    const gate = new Deferred<void>();
    const steps: string[] = [];
    const d: Deferred<unknown> = inlineCallbacks(function* () {
      yield gate;
      d.cancel();
      steps.push("goes on");
      yield new Deferred<void>();
      steps.push("never");
    })();
    gate.callback();
    expect(outcome(d)).toEqual({ failed: expect.any(CancelledError) });
    expect(steps).toEqual(["goes on"]);
  });

  it("from inside the generator does nothing without another wait", () => {
    const gate = new Deferred<void>();
    const d: Deferred<unknown> = inlineCallbacks(function* () {
      yield gate;
      d.cancel();
      return "ended";
    })();
    gate.callback();
    expect(outcome(d)).toBe("ended");
  });

  it("while a promise is awaited throws into the generator at once; the promise is not affected", async () => {
    let resolve: (value: string) => void = () => undefined;
    const promise = new Promise<string>((settle) => {
      resolve = settle;
    });
    const d = inlineCallbacks(function* () {
      yield promise;
    })();
    d.cancel();
    expect(outcome(d)).toEqual({ failed: expect.any(CancelledError) });
    resolve("unheard");
    await promise;
  });

  it("comes from an AbortSignal as well", async () => {
    const controller = new AbortController();
    const d = inlineCallbacks(function* () {
      yield new Deferred<void>();
    })();
    const promise = d.asPromise({ signal: controller.signal });
    controller.abort();
    await expect(promise).rejects.toBeInstanceOf(CancelledError);
  });

  it("by addTimeout becomes a TimeoutError", () => {
    const clock = new Clock();
    const d = inlineCallbacks(function* () {
      yield new Deferred<void>();
    })().addTimeout(3, clock);
    clock.advance(3);
    expect(outcome(d)).toEqual({ failed: expect.objectContaining({ code: "ERR_TIMEOUT" }) });
  });

  it("logs a canceller that throws and cancels all the same", () => {
    const logged: unknown[] = [];
    setObserver((event) => logged.push(event.error));
    try {
      const error = new Original();
      const d = inlineCallbacks(function* () {
        yield new Deferred<void>(() => {
          throw error;
        });
      })();
      d.cancel();
      expect(outcome(d)).toEqual({ failed: expect.any(CancelledError) });
      expect(logged).toEqual([error]);
    } finally {
      setObserver(undefined);
    }
  });
});

describe("the AsyncLocalStorage context", () => {
  it("is that of the call throughout, whoever fires the awaited Deferreds", () => {
    const storage = new AsyncLocalStorage<string>();
    const gates = [new Deferred<void>(), new Deferred<void>()];
    const seen: (string | undefined)[] = [];
    storage.run("mine", () =>
      inlineCallbacks(function* () {
        seen.push(storage.getStore());
        for (const gate of gates) {
          yield gate;
          seen.push(storage.getStore());
        }
      })(),
    );
    for (const gate of gates) storage.run("another's", () => gate.callback());
    expect(seen).toEqual(["mine", "mine", "mine"]);
  });

  it("does not leak to the code that fires", () => {
    const storage = new AsyncLocalStorage<string>();
    const gate = new Deferred<void>();
    storage.run("mine", () =>
      inlineCallbacks(function* () {
        yield gate;
      })(),
    );
    gate.callback();
    expect(storage.getStore()).toBe(undefined);
  });
});

describe("yield*", () => {
  it("evaluates to the typed result", () => {
    const f = inlineCallbacks(function* () {
      const text = yield* succeed("typed");
      expectTypeOf(text).toEqualTypeOf<string>();
      return text.length;
    });
    expectTypeOf(f).returns.toEqualTypeOf<Deferred<number>>();
    expect(outcome(f())).toBe(5);
  });

  it("throws the error", () => {
    const f = inlineCallbacks(function* () {
      try {
        yield* fail(new Original());
      } catch (error) {
        return error instanceof Original;
      }
      return false;
    });
    expect(outcome(f())).toBe(true);
  });

  it("waits for a Deferred", () => {
    const later = new Deferred<number>();
    const d = inlineCallbacks(function* () {
      return (yield* later) + 1;
    })();
    later.callback(1);
    expect(outcome(d)).toBe(2);
  });

  it("delegates to a helper generator", () => {
    function* helper(n: number): Generator<Deferred<number>, number, number> {
      return (yield* succeed(n)) + (yield* succeed(n));
    }
    const d = inlineCallbacks(function* () {
      return yield* helper(4);
    })();
    expect(outcome(d)).toBe(8);
  });

  it("is cancelled like yield", () => {
    const d = inlineCallbacks(function* () {
      yield* new Deferred<void>();
    })();
    d.cancel();
    expect(outcome(d)).toEqual({ failed: expect.any(CancelledError) });
  });
});

describe("ensureDeferred of a generator", () => {
  it("runs it", () => {
    function* work(): Generator<unknown, number, number> {
      return (yield succeed(2)) * 2;
    }
    const d = ensureDeferred(work());
    expectTypeOf(d).toEqualTypeOf<Deferred<number>>();
    expect(outcome(d)).toBe(4);
  });
});

describe("types", () => {
  it("follow the generator", () => {
    const text = inlineCallbacks(function* (a: number, b?: string) {
      yield succeed();
      return b ?? String(a);
    });
    expectTypeOf(text).parameters.toEqualTypeOf<[a: number, b?: string | undefined]>();
    expectTypeOf(text).returns.toEqualTypeOf<Deferred<string>>();
    const nested = inlineCallbacks(function* () {
      yield 1;
      return succeed(1);
    });
    expectTypeOf(nested).returns.toEqualTypeOf<Deferred<number>>();
  });
});
