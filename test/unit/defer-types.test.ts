import { describe, expectTypeOf, it } from "vitest";
import {
  Deferred,
  ensureDeferred,
  execute,
  fail,
  maybeDeferred,
  type Outcome,
  succeed,
} from "../../src/entries/defer.ts";
import { Failure } from "../../src/internet/failure.ts";
import type { ReactorTime } from "../../src/internet/time.ts";

// The type checker tests here; nothing needs to run.
const unrun = (f: () => unknown): void => void f;

describe("the type of a chain", () => {
  it("follows its callbacks", () => {
    unrun(() => {
      const d = succeed("text");
      expectTypeOf(d).toEqualTypeOf<Deferred<string>>();
      expectTypeOf(d.addCallback((s) => s.length)).toEqualTypeOf<Deferred<number>>();
      expectTypeOf(d.addCallback(() => {})).toEqualTypeOf<Deferred<void>>();
      expectTypeOf(d.addCallback((s) => s.length).addCallback((n) => n > 1)).toEqualTypeOf<Deferred<boolean>>();
    });
  });

  it("unwraps Deferreds and promises", () => {
    unrun(() => {
      const d = succeed(1);
      expectTypeOf(d.addCallback((n) => succeed(`${n}`))).toEqualTypeOf<Deferred<string>>();
      expectTypeOf(d.addCallback(async (n) => `${n}`)).toEqualTypeOf<Deferred<string>>();
      expectTypeOf(d.addCallback((n) => (n > 1 ? succeed(n) : n))).toEqualTypeOf<Deferred<number>>();
      expectTypeOf(d.addCallback((n): Outcome<string | number> => (n > 1 ? succeed("a") : n))).toEqualTypeOf<
        Deferred<string | number>
      >();
    });
  });

  it("excludes failures", () => {
    unrun(() => {
      const d = succeed(1);
      expectTypeOf(d.addCallback((n) => (n > 1 ? new Failure("x") : n))).toEqualTypeOf<Deferred<number>>();
      expectTypeOf(
        d.addCallback(() => {
          throw new Error("x");
        }),
      ).toEqualTypeOf<Deferred<never>>();
      expectTypeOf(d.addErrback((f) => f)).toEqualTypeOf<Deferred<number>>();
    });
  });

  it("is the union of an errback's result and of results that skip it", () => {
    unrun(() => {
      expectTypeOf(succeed(1).addErrback(() => "default")).toEqualTypeOf<Deferred<number | string>>();
      expectTypeOf(fail(new Error("x")).addErrback(() => "default")).toEqualTypeOf<Deferred<string>>();
      expectTypeOf(
        succeed(1).addErrback((f) => {
          f.trap(TypeError);
          return null;
        }),
      ).toEqualTypeOf<Deferred<number | null>>();
    });
  });

  it("is the union of both results of addCallbacks", () => {
    unrun(() => {
      const d = succeed(1);
      expectTypeOf(
        d.addCallbacks(
          (n) => `${n}`,
          () => true,
        ),
      ).toEqualTypeOf<Deferred<string | boolean>>();
      expectTypeOf(d.addCallbacks((n) => `${n}`)).toEqualTypeOf<Deferred<string>>();
      expectTypeOf(d.addCallbacks((n, s: string) => n + s.length, undefined, ["x"])).toEqualTypeOf<Deferred<number>>();
    });
  });

  it("gives addBoth a result or a Failure", () => {
    unrun(() => {
      const d = succeed(1).addBoth((r) => {
        expectTypeOf(r).toEqualTypeOf<number | Failure>();
        return r;
      });
      expectTypeOf(d).toEqualTypeOf<Deferred<number>>();
    });
  });

  it("is kept in generic code", () => {
    unrun(() => {
      const passThrough = <T>(d: Deferred<T>): Deferred<T> => d.addBoth((r) => r);
      const recover = <T>(d: Deferred<T>, value: T): Deferred<T> => d.addErrback(() => value);
      const call = <T>(f: () => Outcome<T>): Deferred<T> => maybeDeferred(f);
      const wrap = <T>(value: T): Deferred<T> => succeed(value);
      return [passThrough, recover, call, wrap];
    });
  });

  it("checks extra arguments", () => {
    unrun(() => {
      const d = succeed(1);
      expectTypeOf(d.addCallback((n, by: number) => n * by, 2)).toEqualTypeOf<Deferred<number>>();
      // @ts-expect-error: a string is no number
      d.addCallback((n, by: number) => n * by, "2");
      // @ts-expect-error: the argument is missing
      d.addCallback((n, by: number) => n * by);
      // @ts-expect-error: one argument too many
      d.addCallback((n) => n, 2);
      // @ts-expect-error: an errback gets a Failure
      d.addErrback((n: number) => n);
    });
  });

  it("checks the argument of callback()", () => {
    unrun(() => {
      const d = new Deferred<string>();
      d.callback("x");
      d.callback(succeed("x"));
      d.callback(new Failure("x"));
      // @ts-expect-error: a number is no string
      d.callback(1);
      new Deferred<void>().callback();
      // @ts-expect-error: there must be a reason
      fail();
    });
  });

  it("is covariant", () => {
    unrun(() => {
      expectTypeOf<Deferred<string>>().toExtend<Deferred<string | number>>();
      expectTypeOf<Deferred<never>>().toExtend<Deferred<string>>();
      expectTypeOf<Deferred<string>>().toExtend<Deferred<unknown>>();
      expectTypeOf<Deferred<string>>().toExtend<PromiseLike<string>>();
      expectTypeOf<Deferred<string>>().not.toExtend<Deferred<number>>();
    });
  });
});

describe("the type of the result", () => {
  it("by await is the result's", () => {
    unrun(async () => {
      expectTypeOf(await succeed(1)).toEqualTypeOf<number>();
      expectTypeOf<Awaited<Deferred<string>>>().toEqualTypeOf<string>();
      expectTypeOf(succeed(1).asPromise()).toEqualTypeOf<Promise<number>>();
      expectTypeOf(succeed(1).then((n) => `${n}`)).toEqualTypeOf<Promise<string>>();
      expectTypeOf(
        succeed(1).then(
          (n) => `${n}`,
          () => null,
        ),
      ).toEqualTypeOf<Promise<string | null>>();
    });
  });

  it("by a timeout is the same, or the union with onTimeoutCancel's result", () => {
    unrun((clock?: ReactorTime) => {
      expectTypeOf(succeed(1).addTimeout(1, clock!)).toEqualTypeOf<Deferred<number>>();
      expectTypeOf(
        succeed(1).addTimeout(1, clock!, (r, seconds) => {
          expectTypeOf(r).toEqualTypeOf<number | Failure>();
          expectTypeOf(seconds).toBeNumber();
          return "late";
        }),
      ).toEqualTypeOf<Deferred<number | string>>();
    });
  });
});

describe("the type of the functions that create a Deferred", () => {
  it("follows their arguments", () => {
    unrun(() => {
      expectTypeOf(succeed()).toEqualTypeOf<Deferred<void>>();
      expectTypeOf(succeed(Promise.resolve(1))).toEqualTypeOf<Deferred<number>>();
      expectTypeOf(fail(new Error("x"))).toEqualTypeOf<Deferred<never>>();
      expectTypeOf(execute((n: number) => `${n}`, 1)).toEqualTypeOf<Deferred<string>>();
      expectTypeOf(maybeDeferred((n: number) => n, 1)).toEqualTypeOf<Deferred<number>>();
      expectTypeOf(maybeDeferred(async () => "x")).toEqualTypeOf<Deferred<string>>();
      expectTypeOf(maybeDeferred(() => succeed(true))).toEqualTypeOf<Deferred<boolean>>();
      expectTypeOf(ensureDeferred(Promise.resolve(1))).toEqualTypeOf<Deferred<number>>();
      expectTypeOf(Deferred.fromPromise(Promise.resolve("x"))).toEqualTypeOf<Deferred<string>>();
      expectTypeOf(Deferred.fromCoroutine((async () => 1)())).toEqualTypeOf<Deferred<number>>();
      // @ts-expect-error: f wants a number
      maybeDeferred((n: number) => n, "1");
    });
  });

  it("gives a canceller its Deferred", () => {
    unrun(() => new Deferred<string>((d) => expectTypeOf(d).toEqualTypeOf<Deferred<string>>()));
  });
});
