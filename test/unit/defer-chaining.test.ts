import { describe, expect, it } from "vitest";
import { AlreadyCalledError, CircularChainError, Deferred, fail, succeed } from "../../src/entries/defer.ts";
import { Failure } from "../../src/internet/failure.ts";

const boom = new Error("boom");

/** Collects what comes to this link of `d`, which passes on. */
function watch<T>(d: Deferred<T>): unknown[] {
  const seen: unknown[] = [];
  d.addBoth((result) => {
    seen.push(result);
    return result;
  });
  return seen;
}

function errorOf(d: Deferred<unknown>): unknown {
  let error: unknown = "no failure";
  d.addErrback((f) => {
    error = f.value;
  });
  return error;
}

describe("a callback that returns a Deferred", () => {
  it("continues at once when the Deferred has a result", () => {
    const seen = watch(succeed(1).addCallback((r) => succeed(r + 1)));
    expect(seen).toEqual([2]);
  });

  it("continues with the errbacks when the Deferred has failed", () => {
    expect(errorOf(succeed(1).addCallback(() => fail(boom)))).toBe(boom);
  });

  it("suspends the chain until the Deferred fires", () => {
    const inner = new Deferred<string>();
    const outer = succeed(1).addCallback(() => inner);
    const seen = watch(outer);
    expect(seen).toEqual([]);
    inner.callback("at last");
    expect(seen).toEqual(["at last"]);
  });

  it("suspends the chain until the Deferred fails", () => {
    const inner = new Deferred<string>();
    const outer = succeed(1).addCallback(() => inner);
    inner.errback(boom);
    expect(errorOf(outer)).toBe(boom);
  });

  it("may be an errback as well", () => {
    const inner = new Deferred<string>();
    const seen = watch(fail(boom).addErrback(() => inner));
    inner.callback("recovered");
    expect(seen).toEqual(["recovered"]);
  });

  it("leaves undefined in the inner Deferred, at once or later", () => {
    const ready = succeed<unknown>(1);
    const late = new Deferred<unknown>();
    succeed(0).addCallback(() => ready);
    succeed(0).addCallback(() => late);
    late.callback(2);
    expect(watch(ready)).toEqual([undefined]);
    expect(watch(late)).toEqual([undefined]);
  });

  it("gets the result of the inner one's callbacks", () => {
    const inner = new Deferred<number>();
    inner.addCallback((r) => r * 2);
    const seen = watch(succeed(0).addCallback(() => inner));
    inner.callback(21);
    expect(seen).toEqual([42]);
  });

  it("gets its result before callbacks that are added to the inner one afterwards", () => {
    const order: string[] = [];
    const inner = new Deferred<string>();
    inner.addCallback((r) => {
      order.push(`inner 1 ${r}`);
      return r;
    });
    succeed(0)
      .addCallback(() => inner)
      .addCallback((r) => order.push(`outer ${r}`));
    inner.addCallback((r) => order.push(`inner 2 ${String(r)}`));
    inner.callback("x");
    expect(order).toEqual(["inner 1 x", "outer x", "inner 2 undefined"]);
  });

  it("waits when the inner one has fired but is itself waiting", () => {
    const innermost = new Deferred<string>();
    const inner = succeed(0).addCallback(() => innermost);
    const seen = watch(succeed(0).addCallback(() => inner));
    expect(seen).toEqual([]);
    innermost.callback("deep");
    expect(seen).toEqual(["deep"]);
  });

  it("waits when the inner one is paused", () => {
    const inner = succeed("held");
    inner.pause();
    const seen = watch(succeed(0).addCallback(() => inner));
    expect(seen).toEqual([]);
    inner.unpause();
    expect(seen).toEqual(["held"]);
  });

  it("waits for the rest of the inner one's chain when it was called from there", () => {
    const inner = new Deferred<string>();
    let seen: unknown[] = [];
    inner.addCallback((r) => {
      seen = watch(succeed(0).addCallback(() => inner));
      return `${r}, worked on`;
    });
    inner.addCallback((r) => `${r}, finished`);
    inner.callback("raw");
    expect(seen).toEqual(["raw, worked on, finished"]);
  });

  it("waits for the remaining callbacks of an inner one that passes its result to another", () => {
    const inner = new Deferred<string>();
    const seen = watch(
      succeed(0)
        .addCallback(() => inner)
        .addCallback((): Deferred<unknown> => inner),
    );
    inner.addCallback(() => "what is left");
    inner.callback("handed over");
    expect(seen).toEqual(["what is left"]);
  });

  it("passes its result to the first of two waiting Deferreds, and undefined to the second", () => {
    const inner = new Deferred<string>();
    const first = watch(succeed(0).addCallback(() => inner));
    const second = watch(succeed(0).addCallback(() => inner));
    inner.callback("only once");
    expect(first).toEqual(["only once"]);
    expect(second).toEqual([undefined]);
  });

  it("fails with CircularChainError when it returns its own Deferred", () => {
    const d: Deferred<unknown> = new Deferred<unknown>();
    d.addCallback(() => d);
    d.callback(1);
    const error = errorOf(d);
    expect(error).toBeInstanceOf(CircularChainError);
    expect(error).toMatchObject({ code: "ERR_CIRCULAR_CHAIN", message: expect.stringContaining("return the result") });
  });

  it("runs callbacks that are added to the waiting Deferred during the wait, in order", () => {
    const order: string[] = [];
    const inner = new Deferred<void>();
    const outer = succeed(0).addCallback(() => inner);
    outer.addCallback(() => order.push("1"));
    outer.addCallback(() => order.push("2"));
    inner.callback(undefined);
    outer.addCallback(() => order.push("3"));
    expect(order).toEqual(["1", "2", "3"]);
  });

  it("waits for a Deferred that waits for a third, whichever began to wait first", () => {
    const [first, second, third] = [new Deferred<string>(), new Deferred<number>(), new Deferred<number>()];
    const chained = second.addCallback(() => first);
    const outer = third.addCallback(() => chained);
    const seen = watch(outer);
    second.callback(0);
    third.callback(0);
    expect(seen).toEqual([]);
    first.callback("through two");
    expect(seen).toEqual(["through two"]);
  });

  it("continues after the inner one's own callbacks, which run after what that one waits for", () => {
    const innermost = new Deferred<string>();
    const order: unknown[] = [];
    const outer = succeed("outer").addCallback((r) => {
      order.push(r);
      return succeed("inner")
        .addCallback((inner) => {
          order.push(inner);
          return innermost.addCallback((late) => [late]);
        })
        .addCallback((list) => {
          order.push(list);
          return [...list, ...list];
        });
    });
    outer.addCallback((r) => {
      order.push(r);
    });
    expect(order).toEqual(["outer", "inner"]);
    innermost.callback("withers");
    expect(order).toEqual(["outer", "inner", ["withers"], ["withers", "withers"]]);
  });

  it("gets a result that passed through several Deferreds, all of which had fired", () => {
    const first = succeed("handed on twice");
    const second = succeed(0).addCallback(() => first);
    const third = succeed(0).addCallback(() => second);
    expect(watch(third)).toEqual(["handed on twice"]);
    expect(watch(second)).toEqual([undefined]);
    expect(watch(first)).toEqual([undefined]);
  });

  it("takes over the inner one's failure, at once or later", () => {
    const [before, later] = [fail(boom), new Deferred<string>()];
    const outers = [succeed(0).addCallback(() => before), succeed(0).addCallback(() => later)];
    later.errback(boom);
    expect([watch(before), watch(later)]).toEqual([[undefined], [undefined]]);
    expect(outers.map(errorOf)).toEqual([boom, boom]);
  });
});

describe("firing with a Deferred or a promise", () => {
  it("waits for a Deferred, and `called` is set meanwhile", () => {
    const inner = new Deferred<number>();
    const d = new Deferred<number>();
    d.callback(inner);
    expect(d.called).toBe(true);
    const seen = watch(d);
    inner.callback(9);
    expect(seen).toEqual([9]);
  });

  it("takes the result or failure of a Deferred that has fired", () => {
    expect(watch(succeed(succeed(3)))).toEqual([3]);
    expect(errorOf(succeed(fail(boom)))).toBe(boom);
  });

  it("waits for a promise", async () => {
    await expect(succeed(Promise.resolve("p"))).resolves.toBe("p");
    await expect(succeed(Promise.reject(boom))).rejects.toBe(boom);
  });

  it("with the Deferred itself fails it with CircularChainError", () => {
    const d: Deferred<unknown> = new Deferred<unknown>();
    d.callback(d);
    expect(errorOf(d)).toBeInstanceOf(CircularChainError);
  });
});

describe("a callback that returns a thenable", () => {
  it("continues with the value of a promise", async () => {
    const d = succeed(1)
      .addCallback(async (r) => r + 1)
      .addCallback((r) => r * 10);
    await expect(d).resolves.toBe(20);
  });

  it("continues with the errbacks when a promise rejects", async () => {
    const d = succeed(1)
      .addCallback(() => Promise.reject(boom))
      .addErrback((f) => f.value);
    await expect(d).resolves.toBe(boom);
  });

  it("fails for a rejection without a reason", async () => {
    const d = succeed(1)
      .addCallback(() => Promise.reject(undefined))
      .addErrback((f) => ["failed with", f.value]);
    await expect(d).resolves.toEqual(["failed with", undefined]);
  });

  it("accepts any thenable, also a function", async () => {
    const thenable = Object.assign(() => {}, {
      then(resolve: (value: string) => void) {
        resolve("from afar");
      },
    }) as unknown as PromiseLike<string>;
    await expect(succeed(1).addCallback(() => thenable)).resolves.toBe("from afar");
  });

  it("takes only the first settlement of a thenable that settles twice", async () => {
    const fickle = {
      then(resolve: (value: string) => void, reject: (reason: unknown) => void) {
        resolve("first");
        resolve("second");
        reject(boom);
      },
    } as PromiseLike<string>;
    await expect(succeed(1).addCallback(() => fickle)).resolves.toBe("first");
  });

  it("fails when `then` throws, in its getter or its call", async () => {
    const unreadable = {
      get then(): never {
        throw boom;
      },
    };
    const throwing = {
      then() {
        throw boom;
      },
    };
    expect(errorOf(succeed(1).addCallback((): unknown => unreadable))).toBe(boom);
    expect(errorOf(succeed<unknown>(unreadable))).toBe(boom);
    await expect(succeed(1).addCallback((): unknown => throwing)).rejects.toBe(boom);
  });
});

describe("chainDeferred", () => {
  it("fires the other with the result, and continues with undefined", () => {
    const other = new Deferred<number>();
    const d = succeed(1);
    d.chainDeferred(other);
    expect(watch(other)).toEqual([1]);
    expect(watch(d)).toEqual([undefined]);
  });

  it("fires the other with the failure, which is then the other's to report", () => {
    const failure = new Failure(boom);
    const other = new Deferred<number>();
    const d = new Deferred<number>();
    d.chainDeferred(other);
    d.errback(failure);
    expect(watch(d)).toEqual([undefined]);
    let seen: unknown;
    other.addErrback((f) => {
      seen = f;
    });
    expect(seen).toBe(failure);
  });

  it("fires the other at its place in the chain", () => {
    const order: string[] = [];
    const other = new Deferred<string>();
    other.addCallback((r) => order.push(`other ${r}`));
    const d = new Deferred<string>();
    d.addCallback((r) => {
      order.push(`before ${r}`);
      return "changed";
    });
    d.chainDeferred(other);
    d.addCallback((r) => order.push(`after ${String(r)}`));
    d.callback("x");
    expect(order).toEqual(["before x", "other changed", "after undefined"]);
  });

  it("fails with AlreadyCalledError when the other was fired", () => {
    const other = succeed(1);
    const d = succeed(2);
    d.chainDeferred(other);
    expect(errorOf(d)).toBeInstanceOf(AlreadyCalledError);
    expect(watch(other)).toEqual([1]);
  });

  it("to itself fails with AlreadyCalledError", () => {
    const d: Deferred<unknown> = succeed<unknown>(2);
    d.chainDeferred(d);
    expect(errorOf(d)).toBeInstanceOf(AlreadyCalledError);
  });

  it("is ignored once when the other was cancelled", () => {
    const other = new Deferred<number>();
    other.cancel();
    other.addErrback(() => {});
    const d = succeed(2);
    d.chainDeferred(other);
    expect(watch(d)).toEqual([undefined]);
  });

  it("respects a pause of the other", () => {
    const other = new Deferred<number>();
    other.pause();
    const seen = watch(other);
    succeed(1).chainDeferred(other);
    expect(seen).toEqual([]);
    other.unpause();
    expect(seen).toEqual([1]);
  });
});

describe("pausing", () => {
  it("holds a Deferred that has not fired", () => {
    const d = new Deferred<number>();
    d.pause();
    const seen = watch(d);
    d.callback(1);
    expect(seen).toEqual([]);
    d.unpause();
    expect(seen).toEqual([1]);
  });

  it("holds a Deferred that has fired", () => {
    const d = succeed(1);
    d.pause();
    const seen = watch(d);
    expect(seen).toEqual([]);
    d.unpause();
    expect(seen).toEqual([1]);
  });

  it("holds a failure as well", () => {
    const d = fail(boom);
    d.pause();
    const seen: unknown[] = [];
    d.addErrback((f) => seen.push(f.value));
    expect(seen).toEqual([]);
    d.unpause();
    expect(seen).toEqual([boom]);
  });

  it("is counted: each pause() needs an unpause()", () => {
    const d = succeed(1);
    d.pause();
    d.pause();
    const seen = watch(d);
    d.unpause();
    expect(seen).toEqual([]);
    d.unpause();
    expect(seen).toEqual([1]);
  });

  it("inside a callback suspends the callbacks after it", () => {
    const d: Deferred<unknown> = new Deferred<unknown>();
    d.addCallback(() => {
      d.pause();
      return "held back";
    });
    const seen = watch(d);
    d.callback(1);
    expect(seen).toEqual([]);
    d.unpause();
    expect(seen).toEqual(["held back"]);
  });

  it("does not fire anything by itself: unpause() before the fire runs nothing", () => {
    const d = new Deferred<number>();
    const seen = watch(d);
    d.pause();
    d.unpause();
    expect(seen).toEqual([]);
    d.callback(1);
    expect(seen).toEqual([1]);
  });

  it("unpaused once too often neither continues too early nor blocks for ever", () => {
    const inner = new Deferred<number>();
    const d = succeed(0).addCallback(() => inner);
    const seen = watch(d);
    d.unpause();
    expect(seen).toEqual([]);
    inner.callback(1);
    expect(seen).toEqual([1]);
  });

  it("of a Deferred that waits for another suspends it after the other has fired", () => {
    const inner = new Deferred<number>();
    const d = succeed(0).addCallback(() => inner);
    const seen = watch(d);
    d.pause();
    inner.callback(1);
    expect(seen).toEqual([]);
    d.unpause();
    expect(seen).toEqual([1]);
  });

  it("of a waiting Deferred does not suspend the inner one's callbacks", () => {
    const inner = new Deferred<number>();
    const outer = succeed(0).addCallback(() => inner);
    outer.pause();
    const left = watch(inner);
    inner.callback(1);
    expect(left).toEqual([undefined]);
  });
});

describe("depth", () => {
  const LINKS = 1_000_000;
  const NESTED = 100_000;
  const increment = (n: number): number => n + 1;

  it("does not grow the stack: a chain of a million callbacks", () => {
    const d = new Deferred<number>();
    for (let i = 0; i < LINKS; i++) d.addCallback(increment);
    const seen = watch(d);
    d.callback(0);
    expect(seen).toEqual([LINKS]);
  });

  it("does not grow the stack: a failure that skips a million callbacks", () => {
    const d = new Deferred<number>();
    for (let i = 0; i < LINKS; i++) d.addCallback(increment);
    d.errback(boom);
    expect(errorOf(d)).toBe(boom);
  });

  /** Each callback returns the next Deferred. */
  function nested(): Deferred<number>[] {
    const all = Array.from({ length: NESTED }, () => new Deferred<number>());
    for (const [i, d] of all.entries()) {
      const next = all[i + 1];
      if (next !== undefined) d.addCallback(() => next).addCallback(increment);
    }
    return all;
  }

  it("does not grow the stack: a hundred thousand fired from the outermost to the innermost", () => {
    const all = nested();
    const seen = watch(all[0]!);
    for (const d of all) d.callback(0);
    expect(seen).toEqual([NESTED - 1]);
  });

  it("does not grow the stack: a hundred thousand fired from the innermost to the outermost", () => {
    const all = nested();
    const seen = watch(all[0]!);
    for (const d of all.reverse()) d.callback(0);
    expect(seen).toEqual([NESTED - 1]);
  });

  it("does not grow the stack: a failure of the innermost", () => {
    const all = nested();
    const innermost = all.pop()!;
    for (const d of all) d.callback(0);
    innermost.errback(boom);
    expect(errorOf(all[0]!)).toBe(boom);
  });

  it("does not grow the stack: callbacks that remain after each passed its result on", () => {
    let left = 0;
    const all = nested();
    const seen = watch(all[0]!);
    const innermost = all.pop()!;
    for (const d of all) d.callback(0);
    for (const d of all) d.addCallback(() => left++);
    innermost.callback(0);
    expect(seen).toEqual([NESTED - 1]);
    expect(left).toBe(NESTED - 1);
  });

  it("does not grow the stack: chainDeferred()", () => {
    const all = Array.from({ length: NESTED }, () => new Deferred<number>());
    for (const [i, d] of all.entries()) {
      const next = all[i + 1];
      if (next !== undefined) d.addCallback(increment).chainDeferred(next);
    }
    const seen = watch(all.at(-1)!);
    all[0]!.callback(0);
    expect(seen).toEqual([NESTED - 1]);
  });

  it("does not grow the stack: cancel()", () => {
    const all = nested();
    const innermost = all.at(-1)!;
    for (const d of all.slice(0, -1)) d.callback(0);
    all[0]!.addErrback(() => {});
    all[0]!.cancel();
    expect(innermost.called).toBe(true);
  });
});
