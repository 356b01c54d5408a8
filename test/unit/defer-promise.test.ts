import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import {
  AlreadyCalledError,
  CancelledError,
  Deferred,
  DeferredLock,
  DeferredQueue,
  fail,
  succeed,
} from "../../src/entries/defer.ts";
import { Failure } from "../../src/internet/failure.ts";
import { capturedLogs } from "../../src/logger/log.ts";

const boom = new Error("boom");

describe("await", () => {
  it("returns a result that is there already, or comes later", async () => {
    expect(await succeed(1)).toBe(1);
    const d = new Deferred<string>();
    setImmediate(() => d.callback("later"));
    expect(await d).toBe("later");
  });

  it("throws the error itself, not the Failure", async () => {
    await expect(async () => await fail(boom)).rejects.toBe(boom);
    const d = new Deferred<number>();
    setImmediate(() => d.errback(new Failure("text")));
    await expect(async () => await d).rejects.toBe("text");
  });

  it("returns the result at its place in the chain", async () => {
    const d = new Deferred<number>();
    const before = d.asPromise();
    d.addCallback((r) => r * 2);
    const after = d.asPromise();
    d.callback(21);
    expect(await Promise.all([before, after])).toEqual([21, 42]);
  });

  it("leaves the result in the Deferred for the next await", async () => {
    const d = succeed(1);
    expect([await d, await d]).toEqual([1, 1]);
    expect(await d.addCallback((r) => r + 1)).toBe(2);
  });

  it("leaves the failure in the Deferred for later errbacks", async () => {
    const failure = new Failure(boom);
    const d = fail(failure);
    await expect(d).rejects.toBe(boom);
    await expect(d).rejects.toBe(boom);
    expect(await d.addErrback((f) => ["seen", f])).toEqual(["seen", failure]);
  });

  it("waits while the Deferred waits for another", async () => {
    const inner = new Deferred<string>();
    const d = succeed(0).addCallback(() => inner);
    setImmediate(() => inner.callback("through"));
    expect(await d).toBe("through");
  });

  it("works in Promise.all and Promise.race", async () => {
    expect(await Promise.all([succeed(1), 2, succeed("3")])).toEqual([1, 2, "3"]);
    expect(await Promise.race([new Deferred<number>(), succeed("first")])).toBe("first");
  });
});

describe("then()", () => {
  it("calls its handlers in a microtask, never at once", async () => {
    const order: string[] = [];
    const done = succeed("r").then((r) => order.push(`then ${r}`));
    order.push("sync");
    await done;
    expect(order).toEqual(["sync", "then r"]);
  });

  it("returns a promise of what the handlers return", async () => {
    const promise = succeed(1).then((r) => r + 1);
    expect(promise).toBeInstanceOf(Promise);
    expect(await promise).toBe(2);
    expect(await fail(boom).then(undefined, (e) => ["handled", e])).toEqual(["handled", boom]);
    await expect(fail(boom).then(() => 1, null)).rejects.toBe(boom);
  });
});

describe("asPromise()", () => {
  it("returns a promise of the result or the error", async () => {
    await expect(succeed(1).asPromise()).resolves.toBe(1);
    await expect(fail(boom).asPromise()).rejects.toBe(boom);
  });

  it("cancels the Deferred when the signal aborts, with the reason as the cause", async () => {
    const controller = new AbortController();
    let cancelled = 0;
    const promise = new Deferred<number>(() => {
      cancelled++;
    }).asPromise({ signal: controller.signal });
    const reason = new Error("the user left");
    controller.abort(reason);
    const error = await promise.catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CancelledError);
    expect((error as CancelledError).cause).toBe(reason);
    expect(cancelled).toBe(1);
  });

  it("cancels at once when the signal has already aborted", async () => {
    const promise = new Deferred<number>().asPromise({ signal: AbortSignal.abort("no") });
    const error = await promise.catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CancelledError);
    expect((error as CancelledError).cause).toBe("no");
  });

  it("resolves with a result that is already there even if the signal has aborted", async () => {
    await expect(succeed(1).asPromise({ signal: AbortSignal.abort() })).resolves.toBe(1);
  });

  it("cancels the Deferred that this one waits for", async () => {
    const controller = new AbortController();
    const inner = new Deferred<number>();
    const promise = succeed(0)
      .addCallback(() => inner)
      .asPromise({ signal: controller.signal });
    controller.abort();
    await expect(promise).rejects.toBeInstanceOf(CancelledError);
    expect(inner.called).toBe(true);
  });

  it("settles with the canceller's result", async () => {
    const controller = new AbortController();
    const promise = new Deferred<string>((d) => d.callback("partial")).asPromise({ signal: controller.signal });
    controller.abort();
    await expect(promise).resolves.toBe("partial");
  });

  it("leaves no listener on the signal once it is settled", async () => {
    const { signal } = new AbortController();
    const d = new Deferred<number>();
    const promise = d.asPromise({ signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    d.callback(1);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    await promise;
    await succeed(2).asPromise({ signal });
    await fail(boom)
      .asPromise({ signal })
      .catch(() => {});
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("does not cancel callbacks that are later in the chain", async () => {
    const controller = new AbortController();
    const inner = new Deferred<string>();
    const d = succeed(1);
    await d.asPromise({ signal: controller.signal });
    const later = d.addCallback(() => inner);
    controller.abort();
    inner.callback("untouched");
    expect(await later).toBe("untouched");
  });
});

/** Looks like an AbortSignal. */
const FALSE_SIGNAL = {
  aborted: false,
  addEventListener() {
    throw boom;
  },
} as unknown as AbortSignal;

describe("a signal that throws", () => {
  it("leaves a Deferred, a lock and a queue as they were", () => {
    const d = new Deferred<number>();
    expect(() => d.asPromise({ signal: FALSE_SIGNAL })).toThrow(boom);
    d.errback(new Error("reported by nobody else"));
    d.addErrback(() => undefined);
    const lock = new DeferredLock();
    lock.acquire();
    expect(() => lock.acquire({ signal: FALSE_SIGNAL })).toThrow(boom);
    lock.release();
    expect(lock.locked).toBe(false);
    const queue = new DeferredQueue<number>();
    expect(() => queue.get({ signal: FALSE_SIGNAL })).toThrow(boom);
    queue.put(1);
    expect([queue.waiting, queue.pending]).toEqual([0, 1]);
  });
});

describe("fromPromise and fromCoroutine", () => {
  it("follow a promise to its result", async () => {
    expect(await Deferred.fromPromise(Promise.resolve(1))).toBe(1);
    expect(await Deferred.fromCoroutine((async () => 2)())).toBe(2);
  });

  it("follow a promise to its error, even one without a value", async () => {
    const caught = (d: Deferred<unknown>): Promise<unknown> => d.addErrback((f) => ["caught", f.value]).asPromise();
    expect(await caught(Deferred.fromPromise(Promise.reject(boom)))).toEqual(["caught", boom]);
    expect(await caught(Deferred.fromPromise(Promise.reject(undefined)))).toEqual(["caught", undefined]);
  });

  it("run callbacks once the promise has settled", async () => {
    const d = Deferred.fromPromise(Promise.resolve(20)).addCallback((r) => r + 1);
    expect(d.called).toBe(false);
    expect(await d).toBe(21);
  });

  it("log it when the program has fired the Deferred itself, and end nothing", async () => {
    using logs = capturedLogs();
    for (const promise of [Promise.resolve(1), Promise.reject(boom)]) {
      const d = Deferred.fromPromise(promise);
      d.callback(2);
      await promise.catch(() => undefined);
      expect(await d).toBe(2);
    }
    expect(logs.events.map(({ error }) => error)).toEqual(Array(2).fill(expect.any(AlreadyCalledError)));
  });

  it("can be cancelled, after which the promise's end is ignored", async () => {
    for (const promise of [Promise.resolve(1), Promise.reject(boom)]) {
      const d = Deferred.fromPromise(promise);
      d.cancel();
      await expect(d).rejects.toBeInstanceOf(CancelledError);
    }
  });

  it("convert a Deferred to a promise and back", async () => {
    const d = new Deferred<string>();
    const back = Deferred.fromPromise(d.asPromise());
    d.callback("home");
    expect(await back).toBe("home");
  });
});
