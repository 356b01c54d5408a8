import { describe, expect, it } from "vitest";
import {
  CancelledError,
  Deferred,
  DeferredLock,
  DeferredSemaphore,
  NotAcquiredError,
  succeed,
} from "../../src/entries/defer.ts";
import { SkeinError } from "../../src/internet/error.ts";
import { errorOf, watch } from "../helpers/outcome.ts";

const boom = new Error("boom");

describe("DeferredLock", () => {
  it("is acquired at once when it is free, and fires with itself", () => {
    const lock = new DeferredLock();
    expect(lock.locked).toBe(false);
    expect(watch(lock.acquire())).toEqual([lock]);
    expect(lock.locked).toBe(true);
  });

  it("passes over a waiter whose Deferred the program has fired itself", () => {
    const lock = new DeferredLock();
    lock.acquire();
    lock.acquire().callback(lock);
    const third = watch(lock.acquire());
    lock.release();
    expect(third).toEqual([lock]);
    lock.release();
    expect(lock.locked).toBe(false);
  });

  it("is acquired by one caller after the other, in the order of their calls", () => {
    const lock = new DeferredLock();
    const order: number[] = [];
    for (const i of [1, 2, 3]) lock.acquire().addCallback(() => order.push(i));
    expect(order).toEqual([1]);
    lock.release();
    expect(order).toEqual([1, 2]);
    expect(lock.locked).toBe(true);
    lock.release();
    expect(order).toEqual([1, 2, 3]);
    lock.release();
    expect(lock.locked).toBe(false);
  });

  it("can be acquired again after it was released", () => {
    const lock = new DeferredLock();
    lock.acquire();
    lock.release();
    expect(watch(lock.acquire())).toEqual([lock]);
  });

  it("cannot be released when it is not acquired", () => {
    const lock = new DeferredLock();
    expect(() => lock.release()).toThrow(NotAcquiredError);
    lock.acquire();
    lock.release();
    expect(() => lock.release()).toThrow(NotAcquiredError);
    expect(lock.locked).toBe(false);
  });

  it("stays acquired when its holder cancels after the acquisition", () => {
    const lock = new DeferredLock();
    const d = lock.acquire();
    d.cancel();
    expect(watch(d)).toEqual([lock]);
    expect(lock.locked).toBe(true);
  });

  it("is not given to cancelled waiters", () => {
    const lock = new DeferredLock();
    lock.acquire();
    const gaveUp = lock.acquire();
    const stayed = watch(lock.acquire());
    gaveUp.cancel();
    errorOf(gaveUp, CancelledError);
    lock.release();
    expect(stayed).toEqual([lock]);
    lock.release();
    expect(lock.locked).toBe(false);
  });

  it("can be acquired with a signal", () => {
    const lock = new DeferredLock();
    lock.acquire();
    const controller = new AbortController();
    const d = lock.acquire({ signal: controller.signal });
    controller.abort(boom);
    expect(errorOf(d, CancelledError).cause).toBe(boom);
    lock.release();
    expect(lock.locked).toBe(false);
  });

  it("is not acquired with a signal that has aborted, even when it is free", () => {
    const lock = new DeferredLock();
    errorOf(lock.acquire({ signal: AbortSignal.abort(boom) }), CancelledError);
    expect(lock.locked).toBe(false);
  });

  it("stays acquired when the signal aborts after the acquisition", () => {
    const lock = new DeferredLock();
    lock.acquire();
    const controller = new AbortController();
    const d = lock.acquire({ signal: controller.signal });
    lock.release();
    controller.abort();
    expect(watch(d)).toEqual([lock]);
    expect(lock.locked).toBe(true);
  });

  it("passes through a hundred thousand waiters that release at once without growing the stack", () => {
    const lock = new DeferredLock();
    lock.acquire();
    let turns = 0;
    for (let i = 0; i < 100_000; i++) lock.run(() => turns++);
    lock.release();
    expect(turns).toBe(100_000);
    expect(lock.locked).toBe(false);
  });

  it("is not taken ahead of the waiters by an acquire() during a release", () => {
    const lock = new DeferredLock();
    const order: string[] = [];
    lock.acquire();
    lock.acquire().addCallback(() => {
      order.push("first");
      lock.release();
      expect(lock.locked).toBe(true);
      lock.acquire().addCallback(() => order.push("asked again"));
    });
    lock.acquire().addCallback(() => {
      order.push("second");
      lock.release();
    });
    lock.release();
    expect(order).toEqual(["first", "second", "asked again"]);
    expect(lock.locked).toBe(true);
  });
});

describe("run", () => {
  it("calls the function with its arguments while it has the lock, and gives its result", () => {
    const lock = new DeferredLock();
    const d = lock.run((a: number, b: number) => [a + b, lock.locked], 1, 2);
    expect(watch(d)).toEqual([[3, true]]);
    expect(lock.locked).toBe(false);
  });

  it("keeps the lock until the Deferred that the function returned has a result", () => {
    const lock = new DeferredLock();
    const work = new Deferred<string>();
    const seen = watch(lock.run(() => work));
    const next = watch(lock.acquire());
    expect([lock.locked, seen, next]).toEqual([true, [], []]);
    work.callback("done");
    expect(seen).toEqual(["done"]);
    expect(next).toEqual([lock]);
  });

  it("keeps the lock until an async function has returned", async () => {
    const lock = new DeferredLock();
    const order: string[] = [];
    const job = (name: string) => async (): Promise<string> => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
      return name;
    };
    expect(await Promise.all([lock.run(job("a")), lock.run(job("b"))])).toEqual(["a", "b"]);
    expect(order).toEqual(["a begins", "a ends", "b begins", "b ends"]);
  });

  it("releases the lock when the function throws or what it returns fails", () => {
    const lock = new DeferredLock();
    const threw = lock.run(() => {
      throw boom;
    });
    expect(watch(threw)).toEqual([boom]);
    const work = new Deferred<string>();
    const failed = lock.run(() => work);
    work.errback(boom);
    expect(watch(failed)).toEqual([boom]);
    expect(lock.locked).toBe(false);
  });

  it("does not call the function when it is cancelled before its turn", () => {
    const lock = new DeferredLock();
    lock.acquire();
    let calls = 0;
    const d = lock.run(() => calls++);
    d.cancel();
    errorOf(d, CancelledError);
    lock.release();
    expect(calls).toBe(0);
    expect(lock.locked).toBe(false);
  });

  it("cancels what the function returned when it is cancelled after that, and releases the lock", () => {
    const lock = new DeferredLock();
    const work = new Deferred<string>();
    const d = lock.run(() => work);
    d.cancel();
    expect(work.called).toBe(true);
    errorOf(d, CancelledError);
    expect(lock.locked).toBe(false);
  });
});

describe("DeferredSemaphore", () => {
  it("lets as many callers in as it has tokens, and others as those release", () => {
    const semaphore = new DeferredSemaphore(3);
    const order: number[] = [];
    for (let i = 1; i <= 5; i++) semaphore.acquire().addCallback(() => order.push(i));
    expect(order).toEqual([1, 2, 3]);
    expect([semaphore.tokens, semaphore.limit]).toEqual([0, 3]);
    semaphore.release();
    expect(order).toEqual([1, 2, 3, 4]);
    semaphore.release();
    expect(order).toEqual([1, 2, 3, 4, 5]);
    for (const left of [1, 2, 3]) {
      semaphore.release();
      expect(semaphore.tokens).toBe(left);
    }
  });

  it("fires with itself, and counts its tokens", () => {
    const semaphore = new DeferredSemaphore(2);
    expect(semaphore.tokens).toBe(2);
    expect(watch(semaphore.acquire())).toEqual([semaphore]);
    expect(semaphore.tokens).toBe(1);
    semaphore.release();
    expect(semaphore.tokens).toBe(2);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("cannot have %s tokens", (tokens) => {
    expect(() => new DeferredSemaphore(tokens)).toThrow(RangeError);
  });

  it("cannot be released more often than it was acquired", () => {
    const semaphore = new DeferredSemaphore(2);
    semaphore.acquire();
    semaphore.release();
    expect(() => semaphore.release()).toThrow(NotAcquiredError);
    expect(semaphore.tokens).toBe(2);
  });

  it("stays acquired when its holder cancels after the acquisition", () => {
    const semaphore = new DeferredSemaphore(1);
    const d = semaphore.acquire();
    d.cancel();
    expect(watch(d)).toEqual([semaphore]);
    expect(semaphore.tokens).toBe(0);
  });

  it("lets waiters cancel, anywhere in the queue", () => {
    const semaphore = new DeferredSemaphore(1);
    semaphore.acquire();
    const line = Array.from({ length: 5 }, () => semaphore.acquire());
    for (const i of [4, 0, 2]) {
      line[i]?.cancel();
      errorOf(line[i]!, CancelledError);
    }
    const [second, fourth] = [watch(line[1]!), watch(line[3]!)];
    semaphore.release();
    expect([second, fourth]).toEqual([[semaphore], []]);
    semaphore.release();
    expect(fourth).toEqual([semaphore]);
    semaphore.release();
    expect(semaphore.tokens).toBe(1);
  });

  it("runs as many at a time as it has tokens", () => {
    const semaphore = new DeferredSemaphore(2);
    const jobs: Deferred<number>[] = [];
    const results = Array.from({ length: 5 }, (_, i) =>
      watch(
        semaphore.run((n: number) => {
          const job = new Deferred<number>();
          jobs.push(job);
          return job.addCallback((r) => r + n);
        }, i),
      ),
    );
    expect(jobs).toHaveLength(2);
    jobs[1]?.callback(100);
    expect(jobs).toHaveLength(3);
    for (let i = 0; i < 5; i++) if (i !== 1) jobs[i]?.callback(100);
    expect(results).toEqual([[100], [101], [102], [103], [104]]);
    expect(semaphore.tokens).toBe(2);
  });
});

describe("using", () => {
  it("releases the acquired lock", async () => {
    const lock = new DeferredLock();
    const semaphore = new DeferredSemaphore(2);
    {
      using held = await lock.acquire();
      await using token = await semaphore.acquire();
      expect([held.locked, token.tokens]).toEqual([true, 1]);
    }
    expect([lock.locked, semaphore.tokens]).toEqual([false, 2]);
  });

  it("releases when the block throws", async () => {
    const lock = new DeferredLock();
    const block = async (): Promise<void> => {
      using _held = await lock.acquire();
      throw boom;
    };
    await expect(block()).rejects.toBe(boom);
    expect(lock.locked).toBe(false);
  });

  it("queues callers that await the same lock", async () => {
    const lock = new DeferredLock();
    const order: string[] = [];
    const block = async (name: string): Promise<void> => {
      using _held = await lock.acquire();
      order.push(`${name} in`);
      await succeed();
      order.push(`${name} out`);
    };
    await Promise.all([block("a"), block("b"), block("c")]);
    expect(order).toEqual(["a in", "a out", "b in", "b out", "c in", "c out"]);
  });
});

describe("NotAcquiredError", () => {
  it("is a SkeinError with a code and advice", () => {
    const error = new NotAcquiredError();
    expect(error).toBeInstanceOf(SkeinError);
    expect(error.code).toBe("ERR_NOT_ACQUIRED");
    expect(error.message).toContain("run()");
  });
});
