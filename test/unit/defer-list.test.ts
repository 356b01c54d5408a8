import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  CancelledError,
  Deferred,
  DeferredList,
  FirstError,
  fail,
  gatherResults,
  succeed,
} from "../../src/entries/defer.ts";
import { SkeinError } from "../../src/internet/error.ts";
import { Failure } from "../../src/internet/failure.ts";
import type { LogEvent } from "../../src/logger/event.ts";
import { setObserver } from "../../src/logger/log.ts";
import { errorOf, watch } from "../helpers/outcome.ts";

const boom = new Error("boom");
let logged: LogEvent[];

beforeEach(() => {
  logged = [];
  setObserver((event) => logged.push(event));
});
afterEach(() => {
  setObserver(undefined);
});

const answering = (answer: string): Deferred<string> => new Deferred<string>((d) => d.callback(answer));

describe("DeferredList", () => {
  it("fires once the last of its members has, with a pair for each in their order", () => {
    const [a, b, c] = [new Deferred<string>(), new Deferred<string>(), new Deferred<string>()];
    const seen = watch(new DeferredList([a, b, c]));
    c.callback("third");
    b.addErrback(() => {});
    b.errback(boom);
    expect(seen).toEqual([]);
    a.callback("first");
    expect(seen).toEqual([
      [
        [true, "first"],
        [false, new Failure(boom)],
        [true, "third"],
      ],
    ]);
  });

  it("passes on a member's own Failure, not a copy", () => {
    const failure = new Failure(boom);
    const d = fail(failure);
    const [pairs] = watch(new DeferredList([d]));
    expect((pairs as unknown[][])[0]?.[1]).toBe(failure);
    d.addErrback(() => {});
  });

  it("is a Deferred", () => {
    const list = new DeferredList([succeed(1)]);
    expect(list).toBeInstanceOf(Deferred);
    expect(list.addCallback(() => 1)).toBe(list);
  });

  it("fires at once when all members have fired already, and when there are none", () => {
    const bad = fail(boom);
    expect(watch(new DeferredList([succeed(1), bad]))).toEqual([
      [
        [true, 1],
        [false, expect.any(Failure)],
      ],
    ]);
    bad.addErrback(() => {});
    expect(watch(new DeferredList([]))).toEqual([[]]);
  });

  it("takes members from any iterable, once", () => {
    let runs = 0;
    function* members(): Generator<Deferred<number>> {
      runs++;
      yield succeed(1);
      yield succeed(2);
    }
    expect(watch(new DeferredList(members()))).toEqual([
      [
        [true, 1],
        [true, 2],
      ],
    ]);
    expect(watch(new DeferredList(new Set([succeed(3)])))).toEqual([[[true, 3]]]);
    expect(runs).toBe(1);
  });

  it("ignores members added to the array afterwards", () => {
    const late = new Deferred<number>();
    const members = [new Deferred<number>()];
    const list = new DeferredList(members);
    members.push(late);
    list.cancel();
    expect(late.called).toBe(false);
    expect(watch(members[0]!)).toEqual([expect.any(CancelledError)]);
    expect(watch(list)).toHaveLength(1);
  });

  it("gets a member's result after the callbacks that the member already has", () => {
    const d = new Deferred<number>();
    d.addCallback((n) => n * 2);
    const seen = watch(new DeferredList([d]));
    d.callback(21);
    expect(seen).toEqual([[[true, 42]]]);
  });

  it("waits while a member is paused or waits for another Deferred", () => {
    const inner = new Deferred<string>();
    const paused = succeed("paused");
    paused.pause();
    const seen = watch(new DeferredList([succeed(0).addCallback(() => inner), paused]));
    inner.callback("inner");
    expect(seen).toEqual([]);
    paused.unpause();
    expect(seen).toEqual([
      [
        [true, "inner"],
        [true, "paused"],
      ],
    ]);
  });

  it("leaves a member's result in place for callbacks added later", () => {
    const d = new Deferred<string>();
    new DeferredList([d]);
    const seen = watch(d);
    d.callback("kept");
    expect(seen).toEqual(["kept"]);
  });

  it("leaves a member's failure in place for errbacks added later", () => {
    const d = new Deferred<string>();
    const list = watch(new DeferredList([d]));
    const seen = watch(d);
    d.errback(boom);
    expect(seen).toEqual([boom]);
    expect(list).toEqual([[[false, new Failure(boom)]]]);
  });

  it("turns a member's failure into undefined with consumeErrors", () => {
    const d = new Deferred<string>();
    const list = watch(new DeferredList([d, succeed("good")], { consumeErrors: true }));
    const seen = watch(d);
    d.errback(boom);
    expect(seen).toEqual([undefined]);
    expect(list).toEqual([
      [
        [false, new Failure(boom)],
        [true, "good"],
      ],
    ]);
  });

  it("accepts the same member twice", () => {
    const d = new Deferred<number>();
    const seen = watch(new DeferredList([d, d]));
    d.callback(1);
    expect(seen).toEqual([
      [
        [true, 1],
        [true, 1],
      ],
    ]);
  });

  it("works when a callback of one member fires another", () => {
    const b = new Deferred<string>();
    const a = new Deferred<string>();
    a.addCallback((r) => {
      b.callback("b");
      return r;
    });
    const seen = watch(new DeferredList([a, b]));
    a.callback("a");
    expect(seen).toEqual([
      [
        [true, "a"],
        [true, "b"],
      ],
    ]);
  });

  it("accepts promises and other thenables as members", async () => {
    const thenable: PromiseLike<string> = Promise.resolve("foreign");
    const list = new DeferredList([Promise.resolve(1), thenable, succeed(true), Promise.reject(boom)]);
    expect(await list).toEqual([
      [true, 1],
      [true, "foreign"],
      [true, true],
      [false, new Failure(boom)],
    ]);
  });

  it("fires with a hundred thousand members as with one", () => {
    const members = Array.from({ length: 100_000 }, () => new Deferred<number>());
    const seen = watch(new DeferredList(members));
    for (const [i, d] of members.entries()) d.callback(i);
    expect((seen[0] as unknown[]).length).toBe(members.length);
    expect((seen[0] as unknown[]).at(-1)).toEqual([true, 99_999]);
  });
});

describe("DeferredList with fireOnOneCallback", () => {
  it("fires with the first result and its index, once", () => {
    const [a, b] = [new Deferred<string>(), new Deferred<string>()];
    const list = new DeferredList([a, b], { fireOnOneCallback: true });
    const seen = watch(list);
    b.callback("second");
    a.callback("first");
    expect(seen).toEqual([["second", 1]]);
  });

  it("ignores failures while another member may still succeed", () => {
    const [a, b] = [new Deferred<string>(), new Deferred<string>()];
    const seen = watch(new DeferredList([a, b], { fireOnOneCallback: true, consumeErrors: true }));
    a.errback(boom);
    expect(seen).toEqual([]);
    b.callback("good");
    expect(seen).toEqual([["good", 1]]);
  });

  it("fires with all the failures when none succeeds", () => {
    const [a, b] = [new Deferred<string>(), new Deferred<string>()];
    const seen = watch(new DeferredList([a, b], { fireOnOneCallback: true, consumeErrors: true }));
    b.errback(boom);
    a.errback("also");
    expect(seen).toEqual([
      [
        [false, new Failure("also")],
        [false, new Failure(boom)],
      ],
    ]);
  });

  it("takes the first of several members that have already fired", () => {
    expect(watch(new DeferredList([succeed("a"), succeed("b")], { fireOnOneCallback: true }))).toEqual([["a", 0]]);
  });

  it("never fires without members, but can be cancelled", () => {
    const list = new DeferredList([], { fireOnOneCallback: true });
    expect(list.called).toBe(false);
    list.cancel();
    expect(watch(list)).toEqual([expect.any(CancelledError)]);
  });

  it("with fireOnOneErrback takes the first result or failure, whichever comes first", () => {
    const flags = { fireOnOneCallback: true, fireOnOneErrback: true, consumeErrors: true } as const;
    const good = [new Deferred<string>(), new Deferred<string>()] as const;
    const happy = watch(new DeferredList(good, flags));
    good[1].callback("quick");
    good[0].errback(boom);
    expect(happy).toEqual([["quick", 1]]);
    const bad = [new Deferred<string>(), new Deferred<string>()] as const;
    const sad = watch(new DeferredList(bad, flags));
    bad[0].errback(boom);
    bad[1].callback("late");
    expect(sad).toEqual([expect.any(FirstError)]);
  });
});

describe("DeferredList with fireOnOneErrback", () => {
  it("fails with FirstError at the first failure, with the index of the member", () => {
    const [a, b, c] = [new Deferred<string>(), new Deferred<string>(), new Deferred<string>()];
    const list = new DeferredList([a, b, c], { fireOnOneErrback: true });
    const seen = watch(list);
    b.addErrback(() => {});
    a.callback("a");
    expect(seen).toEqual([]);
    const failure = new Failure(boom);
    b.errback(failure);
    const error = seen[0] as FirstError;
    expect(error).toBeInstanceOf(FirstError);
    expect(error.subFailure).toBe(failure);
    expect(error.index).toBe(1);
    expect(c.called).toBe(false);
  });

  it("fails at once when a member has already failed", () => {
    const bad = fail(boom);
    const list = new DeferredList([new Deferred<string>(), bad], { fireOnOneErrback: true });
    expect(errorOf(list, FirstError).index).toBe(1);
    bad.addErrback(() => {});
  });

  it("fires with all pairs when none fails", () => {
    expect(watch(new DeferredList([succeed(1), succeed(2)], { fireOnOneErrback: true }))).toEqual([
      [
        [true, 1],
        [true, 2],
      ],
    ]);
    expect(watch(new DeferredList([], { fireOnOneErrback: true }))).toEqual([[]]);
  });

  it("works with consumeErrors", () => {
    const d = new Deferred<string>();
    const list = new DeferredList([d], { fireOnOneErrback: true, consumeErrors: true });
    d.errback(boom);
    expect(errorOf(list, FirstError).subFailure.value).toBe(boom);
    expect(watch(d)).toEqual([undefined]);
  });
});

describe("FirstError", () => {
  it("is a SkeinError with a code, a cause and the cause's message in its own", () => {
    const error = new FirstError(new Failure(boom), 7);
    expect(error).toBeInstanceOf(SkeinError);
    expect([error.name, error.code, error.cause]).toEqual(["FirstError", "ERR_FIRST", boom]);
    expect(error.message).toContain("7");
    expect(error.message).toContain("boom");
  });
});

describe("cancelling a DeferredList", () => {
  it("cancels every member, and fires with their results and failures", () => {
    const plain = new Deferred<string>();
    const list = new DeferredList([answering("as far as it got"), plain]);
    list.cancel();
    expect(watch(plain)).toEqual([expect.any(CancelledError)]);
    const [pairs] = watch(list) as [[boolean, unknown][]];
    expect(pairs[0]).toEqual([true, "as far as it got"]);
    expect(pairs[1]?.[1]).toHaveProperty("value", expect.any(CancelledError));
  });

  it("passes the cause to the members' cancellers", () => {
    const member = new Deferred<string>();
    new DeferredList([member]).cancel(boom);
    expect(errorOf(member, CancelledError).cause).toBe(boom);
  });

  it("with fireOnOneCallback cancels every member, and fires with the result that a canceller gives", () => {
    const [a, b] = [new Deferred<string>(), new Deferred<string>()];
    const none = new DeferredList([a, b], { fireOnOneCallback: true });
    none.cancel();
    expect([...watch(a), ...watch(b)]).toEqual([expect.any(CancelledError), expect.any(CancelledError)]);
    expect(watch(none)).toEqual([
      [
        [false, expect.any(Failure)],
        [false, expect.any(Failure)],
      ],
    ]);
    const late = new Deferred<string>();
    const one = new DeferredList([answering("quick"), late], { fireOnOneCallback: true });
    one.cancel();
    expect(watch(one)).toEqual([["quick", 0]]);
    expect(watch(late)).toEqual([expect.any(CancelledError)]);
  });

  it("with fireOnOneErrback fails with the FirstError of the cancellation", () => {
    const [a, b] = [new Deferred<string>(), new Deferred<string>()];
    const list = new DeferredList([a, b], { fireOnOneErrback: true });
    list.cancel();
    expect([...watch(a), ...watch(b)]).toEqual([expect.any(CancelledError), expect.any(CancelledError)]);
    expect(errorOf(list, FirstError).subFailure.value).toBeInstanceOf(CancelledError);
  });

  it("with fireOnOneErrback succeeds when every canceller gives a result", () => {
    const list = new DeferredList([answering("a"), answering("b")], { fireOnOneErrback: true });
    list.cancel();
    expect(watch(list)).toEqual([
      [
        [true, "a"],
        [true, "b"],
      ],
    ]);
  });

  it("logs a canceller that throws, and cancels the other members", () => {
    const throws = new Deferred<string>(() => {
      throw boom;
    });
    const other = new Deferred<string>();
    const list = new DeferredList([throws, other], { consumeErrors: true });
    list.cancel();
    expect(other.called).toBe(true);
    expect(logged.map((event) => event.error)).toEqual([boom]);
    expect(watch(list)).toHaveLength(1);
  });

  it("does not cancel members once it has fired", () => {
    const first = new Deferred<string>();
    const second = new Deferred<string>();
    const onOne = new DeferredList([first, second], { fireOnOneCallback: true });
    first.callback("x");
    onOne.cancel();
    expect(second.called).toBe(false);

    const bad = new Deferred<string>();
    const third = new Deferred<string>();
    const onError = new DeferredList([bad, third], { fireOnOneErrback: true });
    bad.errback(boom);
    onError.cancel();
    expect(third.called).toBe(false);
    expect(watch(bad)).toEqual([boom]);
    expect(watch(onError)).toEqual([expect.any(FirstError)]);
  });

  it("cancels the Deferred that a callback of the list waits for", () => {
    const after = new Deferred<string>();
    const list = new DeferredList([succeed(1)]).addCallback(() => after);
    list.cancel();
    expect(watch(list)).toEqual([expect.any(CancelledError)]);
    expect(after.called).toBe(true);
  });

  it("cancels the members when a Deferred that waits for the list is cancelled", () => {
    const member = new Deferred<string>();
    const outer = succeed(0).addCallback(() => new DeferredList([member], { consumeErrors: true }));
    outer.cancel();
    expect(member.called).toBe(true);
    expect(watch(outer)).toEqual([[[false, expect.any(Failure)]]]);
  });

  it("fails with CancelledError when members ignore their cancellation", () => {
    const paused = succeed("kept back");
    paused.pause();
    const list = new DeferredList([paused]);
    list.cancel("enough");
    expect(errorOf(list, CancelledError).cause).toBe("enough");
    paused.unpause();
    expect(watch(paused)).toEqual(["kept back"]);
  });
});

describe("gatherResults", () => {
  it("fires with the results, in the order of the members, once all have fired", () => {
    const [a, b] = [new Deferred<number>(), new Deferred<number>()];
    const seen = watch(gatherResults([a, b]));
    b.callback(2);
    expect(seen).toEqual([]);
    a.callback(1);
    expect(seen).toEqual([[1, 2]]);
  });

  it("fires at once when all have already fired, and with an empty array for no members", () => {
    expect(watch(gatherResults([succeed(1), succeed("x")]))).toEqual([[1, "x"]]);
    expect(watch(gatherResults([]))).toEqual([[]]);
  });

  it("fails with FirstError as soon as one fails, and does not cancel the others", () => {
    const [a, b] = [new Deferred<number>(), new Deferred<number>()];
    const all = gatherResults([a, b]);
    b.errback(boom);
    const error = errorOf(all, FirstError);
    expect([error.index, error.subFailure.value]).toEqual([1, boom]);
    expect(a.called).toBe(false);
    expect(watch(b)).toEqual([boom]);
  });

  it("turns members' failures into undefined with consumeErrors", () => {
    const bad = fail(boom);
    const all = gatherResults([succeed(1), bad], true);
    expect(watch(bad)).toEqual([undefined]);
    expect(errorOf(all, FirstError).subFailure.value).toBe(boom);
  });

  it("cancels every member when it is cancelled", () => {
    const [a, b] = [new Deferred<number>(), new Deferred<number>()];
    const all = gatherResults([a, b]);
    all.cancel();
    expect([...watch(a), ...watch(b)]).toEqual([expect.any(CancelledError), expect.any(CancelledError)]);
    expect(errorOf(all, FirstError).subFailure.value).toBeInstanceOf(CancelledError);
  });

  it("fires when every canceller gives a result", () => {
    const all = gatherResults([answering("a"), answering("b")]);
    all.cancel();
    expect(watch(all)).toEqual([["a", "b"]]);
  });

  it("suspends the chain when a callback returns it", () => {
    const a = new Deferred<string>();
    const order: unknown[] = [];
    const middle = succeed<unknown>(undefined)
      .addCallback(() => gatherResults([a]))
      .addCallback((results) => {
        order.push(["middle", results]);
      });
    succeed(0)
      .addCallback(() => middle)
      .addCallback(() => order.push("outer"));
    expect(order).toEqual([]);
    a.callback("withers");
    expect(order).toEqual([["middle", ["withers"]], "outer"]);
  });

  it("accepts promises beside Deferreds, and fails with the error of a promise", async () => {
    expect(await gatherResults([Promise.resolve(1), succeed("two")])).toEqual([1, "two"]);
    const error = await gatherResults([new Deferred<number>(), Promise.reject(boom)]).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(FirstError);
    expect((error as FirstError).cause).toBe(boom);
  });
});
