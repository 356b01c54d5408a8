import { describe, expect, it } from "vitest";
import {
  AlreadyCalledError,
  Deferred,
  ensureDeferred,
  execute,
  fail,
  maybeDeferred,
  NoCurrentExceptionError,
  succeed,
} from "../../src/entries/defer.ts";
import { SkeinError } from "../../src/internet/error.ts";
import { Failure } from "../../src/internet/failure.ts";

const boom = new Error("boom");

/** What `d` came to: its result, or its Failure, which counts as handled. */
function outcome(d: Deferred<unknown>): unknown {
  let seen: unknown = "nothing yet";
  d.addBoth((result) => {
    seen = result;
  });
  return seen;
}

function errorOf(d: Deferred<unknown>): unknown {
  const failure = outcome(d);
  expect(failure).toBeInstanceOf(Failure);
  return (failure as Failure).value;
}

describe("the chain", () => {
  it("runs callbacks in the order in which they were added when it fires", () => {
    const calls: string[] = [];
    const d = new Deferred<string>();
    d.addCallback((r) => {
      calls.push(`1 ${r}`);
      return "b";
    }).addCallback((r) => {
      calls.push(`2 ${r}`);
    });
    expect(calls).toEqual([]);
    d.callback("a");
    expect(calls).toEqual(["1 a", "2 b"]);
  });

  it("runs a callback at once when it has already fired", () => {
    const d = succeed(1);
    let seen = 0;
    d.addCallback((r) => {
      seen = r;
    });
    expect(seen).toBe(1);
  });

  it("returns the Deferred itself from every method that adds a callback", () => {
    const d: Deferred<unknown> = new Deferred<unknown>();
    expect(d.addCallback(() => 1)).toBe(d);
    expect(d.addErrback(() => 1)).toBe(d);
    expect(d.addBoth(() => 1)).toBe(d);
    expect(d.addCallbacks(() => 1)).toBe(d);
    expect(d.chainDeferred(new Deferred<unknown>())).toBe(d);
  });

  it("passes each callback's result to the next", () => {
    expect(
      outcome(
        succeed(1)
          .addCallback((r) => r + 1)
          .addCallback((r) => r * 10)
          .addCallback(String),
      ),
    ).toBe("20");
  });

  it("continues with undefined after a callback that returns nothing", () => {
    expect(outcome(succeed(1).addCallback(() => {}))).toBeUndefined();
  });

  it.each([[0], [""], [false], [null], [undefined], [Number.NaN], [Symbol.iterator]])(
    "hands on the result %s like any other",
    (value) => {
      expect(outcome(succeed<unknown>(value))).toBe(value);
      expect(outcome(succeed(1).addCallback((): unknown => value))).toBe(value);
    },
  );

  it("passes objects and functions on as they are", () => {
    const object = { then: "not a function" };
    const f = (): void => {};
    expect(outcome(succeed<unknown>(object))).toBe(object);
    expect(outcome(succeed(1).addCallback((): unknown => f))).toBe(f);
  });
});

describe("callbacks and errbacks", () => {
  it("calls the callback of a pair for a result, and not its errback", () => {
    const calls: unknown[] = [];
    succeed("r").addCallbacks(
      (r) => calls.push(["cb", r]),
      () => calls.push(["eb"]),
    );
    expect(calls).toEqual([["cb", "r"]]);
  });

  it("calls the errback of a pair for a failure, and not its callback", () => {
    const calls: unknown[] = [];
    fail(boom).addCallbacks(
      () => calls.push(["cb"]),
      (f) => calls.push(["eb", f.value]),
    );
    expect(calls).toEqual([["eb", boom]]);
  });

  it("skips callbacks for a failure, which stays the same Failure", () => {
    const failure = new Failure(boom);
    const d = new Deferred<number>();
    const never: string[] = [];
    d.addCallback(() => never.push("1")).addCallback(() => never.push("2"));
    d.errback(failure);
    expect(outcome(d)).toBe(failure);
    expect(never).toEqual([]);
  });

  it("skips errbacks for a result", () => {
    expect(outcome(succeed(7).addErrback(() => 8))).toBe(7);
  });

  it("skips a pair without an errback for a failure", () => {
    expect(errorOf(fail(boom).addCallbacks(() => 1))).toBe(boom);
  });

  it("continues with callbacks after an errback that returned a value", () => {
    const d = fail(boom)
      .addErrback((f) => (f.value as Error).message)
      .addCallback((text) => `recovered from ${text}`);
    expect(outcome(d)).toBe("recovered from boom");
  });

  it("continues with undefined after an errback that returned nothing", () => {
    expect(outcome(fail(boom).addErrback(() => {}))).toBeUndefined();
  });

  it("continues with errbacks after a callback that threw", () => {
    const d = succeed(1).addCallback(() => {
      throw boom;
    });
    expect(errorOf(d)).toBe(boom);
  });

  it("continues with the next errback after one that threw", () => {
    const second = new Error("second");
    const d = fail(boom).addErrback(() => {
      throw second;
    });
    expect(errorOf(d)).toBe(second);
  });

  it("does not call an errback for an error of the callback in the same pair", () => {
    const calls: string[] = [];
    const d = succeed(1).addCallbacks(
      () => {
        throw boom;
      },
      () => calls.push("own"),
    );
    expect(errorOf(d)).toBe(boom);
    expect(calls).toEqual([]);
  });

  it("fails when a callback returns a Failure", () => {
    const failure = new Failure(boom);
    expect(outcome(succeed(1).addCallback(() => failure))).toBe(failure);
  });

  it("stays failed when an errback returns the Failure", () => {
    const failure = new Failure(boom);
    expect(outcome(fail(failure).addErrback((f) => f))).toBe(failure);
  });

  it("stays failed when an errback traps another type", () => {
    expect(
      errorOf(
        fail(boom).addErrback((f) => {
          f.trap(TypeError);
        }),
      ),
    ).toBe(boom);
  });

  it("keeps a thrown value that is not an Error", () => {
    expect(
      errorOf(
        succeed(1).addCallback(() => {
          throw "a string";
        }),
      ),
    ).toBe("a string");
    expect(
      errorOf(
        succeed(1).addCallback(() => {
          throw undefined;
        }),
      ),
    ).toBeUndefined();
  });

  it("unwraps a Failure that is thrown", () => {
    expect(
      errorOf(
        succeed(1).addCallback(() => {
          throw new Failure(boom);
        }),
      ),
    ).toBe(boom);
  });

  it("calls addBoth's function for results and failures", () => {
    expect(outcome(succeed(1).addBoth((r) => ["both", r]))).toEqual(["both", 1]);
    const failure = new Failure(boom);
    expect(outcome(fail(failure).addBoth((r) => ["both", r]))).toEqual(["both", failure]);
  });
});

describe("extra arguments", () => {
  it("follow the result in addCallback", () => {
    expect(outcome(succeed(1).addCallback((r, a: number, b: string) => [r, a, b], 2, "three"))).toEqual([
      1,
      2,
      "three",
    ]);
  });

  it("follow the Failure in addErrback", () => {
    expect(outcome(fail(boom).addErrback((f, a: string) => [f.value, a], "x"))).toEqual([boom, "x"]);
  });

  it("follow the result or the Failure in addBoth", () => {
    expect(outcome(succeed(1).addBoth((r, a: string) => [r, a], "x"))).toEqual([1, "x"]);
    expect(outcome(fail(boom).addBoth((r, a: string) => [(r as Failure).value, a], "x"))).toEqual([boom, "x"]);
  });

  it("are separate for the callback and the errback of addCallbacks", () => {
    const both = (d: Deferred<string>): Deferred<unknown[]> =>
      d.addCallbacks(
        (r, a: number) => [r, a],
        (f, a: string, b: string) => [f.value, a, b],
        [1],
        ["x", "y"],
      );
    expect(outcome(both(succeed("r")))).toEqual(["r", 1]);
    expect(outcome(both(fail(boom)))).toEqual([boom, "x", "y"]);
  });

  it("are not added: a callback without any gets only the result", () => {
    expect(outcome(succeed(1).addCallback((...all: unknown[]) => all))).toEqual([1]);
    expect(outcome(fail(boom).addErrback((...all: unknown[]) => all.length))).toBe(1);
  });

  it("may be undefined in addCallbacks, as may the errback", () => {
    const cb = (r: number): number => r + 1;
    const eb = (f: Failure): unknown => f.value;
    expect(outcome(succeed(1).addCallbacks(cb, undefined, undefined, undefined))).toBe(2);
    expect(outcome(succeed(1).addCallbacks(cb, eb, undefined, []))).toBe(2);
    expect(outcome((fail(boom) as Deferred<number>).addCallbacks(cb, eb, [], undefined))).toBe(boom);
  });
});

describe("callbacks added while the chain runs", () => {
  it("run after the existing ones, not inside the one that adds them", () => {
    const order: string[] = [];
    const d: Deferred<unknown> = new Deferred<unknown>();
    d.addCallback(() => {
      order.push("first begins");
      d.addCallback(() => order.push("added"));
      order.push("first ends");
    });
    d.addCallback(() => order.push("second"));
    d.callback(undefined);
    expect(order).toEqual(["first begins", "first ends", "second", "added"]);
  });

  it("run when the last callback added them", () => {
    const d: Deferred<unknown> = new Deferred<unknown>();
    d.addCallback((r) => {
      d.addCallback((again) => `${String(again)} and on`);
      return r;
    });
    d.callback("through");
    expect(outcome(d)).toBe("through and on");
  });

  it("get the result of the callback that added them", () => {
    let seen: unknown;
    const d: Deferred<unknown> = succeed<unknown>(1);
    d.addCallback(() => {
      d.addCallback((r) => {
        seen = r;
      });
      return "own result";
    });
    expect(seen).toBe("own result");
  });

  it("may add themselves again and again without growing the stack", () => {
    let left = 100_000;
    const d: Deferred<unknown> = new Deferred<unknown>();
    const again = (): void => {
      if (--left > 0) d.addCallback(again);
    };
    d.addCallback(again);
    d.callback(undefined);
    expect(left).toBe(0);
  });

  it("pass their error to errbacks after them", () => {
    const d: Deferred<unknown> = new Deferred<unknown>();
    d.addCallback(() => {
      d.addCallback(() => {
        throw boom;
      });
    });
    d.callback(undefined);
    expect(errorOf(d)).toBe(boom);
  });

  it("run before those that are added later", () => {
    const order: string[] = [];
    const d: Deferred<unknown> = new Deferred<unknown>();
    d.addCallback(() => {
      d.addCallback(() => order.push("from inside"));
    });
    d.callback(undefined);
    d.addCallback(() => order.push("from outside"));
    expect(order).toEqual(["from inside", "from outside"]);
  });
});

describe("firing", () => {
  it("sets `called`", () => {
    const d = new Deferred<number>();
    expect(d.called).toBe(false);
    d.callback(1);
    expect(d.called).toBe(true);
    const e = new Deferred<number>();
    e.addErrback(() => {});
    e.errback(boom);
    expect(e.called).toBe(true);
  });

  it("has set `called` inside the callbacks", () => {
    const d = new Deferred<number>();
    let inside = false;
    d.addCallback(() => {
      inside = d.called;
    });
    d.callback(1);
    expect(inside).toBe(true);
  });

  it("twice raises AlreadyCalledError, in each combination", () => {
    const fires: ((d: Deferred<number>) => void)[] = [(d) => d.callback(1), (d) => d.errback(boom)];
    for (const first of fires) {
      for (const second of fires) {
        const d = new Deferred<number>();
        d.addErrback(() => 0);
        first(d);
        expect(() => second(d)).toThrow(AlreadyCalledError);
      }
    }
  });

  it("twice keeps the first result", () => {
    const d = new Deferred<number>();
    d.callback(1);
    expect(() => d.callback(2)).toThrow(AlreadyCalledError);
    expect(outcome(d)).toBe(1);
  });

  it("inside its own callback raises AlreadyCalledError there", () => {
    const d = new Deferred<number>();
    d.addCallback(() => d.callback(2));
    d.callback(1);
    expect(errorOf(d)).toBeInstanceOf(AlreadyCalledError);
  });

  it("with a Failure runs the errbacks", () => {
    const failure = new Failure(boom);
    const d = new Deferred<number>();
    d.callback(failure);
    expect(outcome(d)).toBe(failure);
  });

  it("by errback() keeps a Failure, and wraps anything else", () => {
    const failure = new Failure(boom);
    expect(outcome(fail(failure))).toBe(failure);
    expect(errorOf(fail(boom))).toBe(boom);
    expect(errorOf(fail("text"))).toBe("text");
    expect(errorOf(fail(null))).toBe(null);
  });

  it("by errback() without a reason raises NoCurrentExceptionError and leaves the Deferred unfired", () => {
    const d = new Deferred<number>();
    expect(() => d.errback()).toThrow(NoCurrentExceptionError);
    expect(() => fail(undefined)).toThrow(NoCurrentExceptionError);
    expect(d.called).toBe(false);
    d.callback(1);
    expect(outcome(d)).toBe(1);
  });

  it("never throws, whatever a callback throws", () => {
    const d = new Deferred<number>();
    d.addCallback(() => {
      throw boom;
    });
    d.addErrback(() => {});
    expect(() => d.callback(1)).not.toThrow();
  });
});

describe("the errors", () => {
  it("are SkeinErrors with a code, a name and advice", () => {
    const errors = [new AlreadyCalledError(), new NoCurrentExceptionError()];
    expect(errors.map((e) => [e instanceof SkeinError, e.name, e.code])).toEqual([
      [true, "AlreadyCalledError", "ERR_DEFERRED_ALREADY_CALLED"],
      [true, "NoCurrentExceptionError", "ERR_NO_CURRENT_EXCEPTION"],
    ]);
    expect(errors[0]?.message).toContain("setDebugging(true)");
    expect(errors[1]?.message).toContain("pass what was caught");
  });
});

describe("succeed and fail", () => {
  it("make a Deferred that has fired", () => {
    expect(succeed(3).called).toBe(true);
    expect(outcome(succeed(3))).toBe(3);
    expect(outcome(succeed())).toBeUndefined();
    expect(errorOf(fail(boom))).toBe(boom);
  });
});

describe("execute", () => {
  it("returns a Deferred of the function's result", () => {
    expect(outcome(execute((a: number, b: number) => a + b, 1, 2))).toBe(3);
  });

  it("returns a failed Deferred when the function throws, even undefined", () => {
    expect(
      errorOf(
        execute(() => {
          throw boom;
        }),
      ),
    ).toBe(boom);
    expect(
      errorOf(
        execute(() => {
          throw undefined;
        }),
      ),
    ).toBeUndefined();
  });

  it("returns a new Deferred even when the function returns one", () => {
    const inner = succeed(5);
    const d = execute(() => inner);
    expect(d).not.toBe(inner);
    expect(outcome(d)).toBe(5);
  });
});

describe("maybeDeferred", () => {
  it("returns a fired Deferred for a plain result", () => {
    expect(outcome(maybeDeferred((a: string) => a.length, "four"))).toBe(4);
  });

  it("returns a Deferred as it is", () => {
    const inner = new Deferred<number>();
    expect(maybeDeferred(() => inner)).toBe(inner);
  });

  it("returns a failed Deferred for an exception, and for a Failure that is returned", () => {
    expect(
      errorOf(
        maybeDeferred(() => {
          throw boom;
        }),
      ),
    ).toBe(boom);
    expect(errorOf(maybeDeferred(() => new Failure(boom)))).toBe(boom);
  });

  it("follows the promise of an async function", async () => {
    await expect(maybeDeferred(async (n: number) => n * 2, 21)).resolves.toBe(42);
    await expect(maybeDeferred(async () => Promise.reject(boom))).rejects.toBe(boom);
  });

  it("returns a Deferred that fails later as it is", () => {
    const inner = new Deferred<number>();
    const d = maybeDeferred(() => inner);
    inner.errback(boom);
    expect(errorOf(d)).toBe(boom);
  });
});

describe("ensureDeferred", () => {
  it.each([[1], ["text"], [null], [undefined], [{}], [[]], [async () => 1], [function* () {}], [Symbol("s")]])(
    "refuses %o, and says what it takes",
    (value) => {
      expect(() => ensureDeferred(value as unknown as Promise<number>)).toThrow(
        /^ensureDeferred\(value\) needs a Deferred/,
      );
    },
  );

  it.each([[1], [null], [{}], [async () => 1], [(function* () {})()]])(
    "has a sibling, fromCoroutine(), that refuses %o",
    (value) => {
      const given = value as unknown as Promise<number>;
      expect(() => Deferred.fromCoroutine(given)).toThrow(/^Deferred\.fromCoroutine\(coroutine\) needs what an async/);
    },
  );

  it("returns a Deferred as it is", () => {
    const d = new Deferred<number>();
    expect(ensureDeferred(d)).toBe(d);
  });

  it("follows a promise", async () => {
    const d = ensureDeferred(Promise.resolve(4));
    expect(d).toBeInstanceOf(Deferred);
    await expect(d).resolves.toBe(4);
    await expect(ensureDeferred(Promise.reject(boom))).rejects.toBe(boom);
  });
});
