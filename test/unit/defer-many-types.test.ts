import { describe, expectTypeOf, it } from "vitest";
import {
  Deferred,
  DeferredFilesystemLock,
  DeferredList,
  DeferredLock,
  DeferredQueue,
  DeferredSemaphore,
  FailureGroup,
  gatherResults,
  race,
  timeout,
} from "../../src/entries/defer.ts";
import type { Failure } from "../../src/internet/failure.ts";
import { Clock } from "../../src/testing/clock.ts";

/** Checked by the compiler, never run. */
function unrun(_: () => void): void {}

const n = new Deferred<number>();
const s = new Deferred<string>();
const p = Promise.resolve(true);
const numbers: Deferred<number>[] = [];
const set = new Set<Promise<string>>();

type Good<T> = [success: true, result: T];
type Bad = [success: false, failure: Failure];
type Item<T> = Good<T> | Bad;

describe("the type of a DeferredList's result", () => {
  it("is a tuple of pairs for a tuple", () => {
    unrun(() => {
      new DeferredList([n, s, p]).addCallback((items) => {
        expectTypeOf(items).toEqualTypeOf<[Item<number>, Item<string>, Item<boolean>]>();
        const [good, value] = items[0];
        if (good) expectTypeOf(value).toEqualTypeOf<number>();
        else expectTypeOf(value).toEqualTypeOf<Failure>();
      });
      new DeferredList([n, s], {}).addCallback((items) =>
        expectTypeOf(items).toEqualTypeOf<[Item<number>, Item<string>]>(),
      );
      new DeferredList([n], { consumeErrors: true }).addCallback((items) =>
        expectTypeOf(items).toEqualTypeOf<[Item<number>]>(),
      );
    });
  });

  it("is an array of pairs for an array or any other iterable", () => {
    unrun(() => {
      new DeferredList(numbers).addCallback((items) => expectTypeOf(items).toEqualTypeOf<Item<number>[]>());
      new DeferredList(set).addCallback((items) => expectTypeOf(items).toEqualTypeOf<Item<string>[]>());
    });
  });

  it("has no failures with fireOnOneErrback", () => {
    unrun(() => {
      new DeferredList([n, s], { fireOnOneErrback: true }).addCallback((items) =>
        expectTypeOf(items).toEqualTypeOf<[Good<number>, Good<string>]>(),
      );
      new DeferredList(numbers, { fireOnOneErrback: true }).addCallback((items) =>
        expectTypeOf(items).toEqualTypeOf<Good<number>[]>(),
      );
    });
  });

  it("is a result and its index, or all failures, with fireOnOneCallback", () => {
    unrun(() => {
      new DeferredList([n, s], { fireOnOneCallback: true }).addCallback((first) =>
        expectTypeOf(first).toEqualTypeOf<[result: number | string, index: number] | [Bad, Bad]>(),
      );
      new DeferredList(numbers, { fireOnOneCallback: true }).addCallback((first) =>
        expectTypeOf(first).toEqualTypeOf<[result: number, index: number] | Bad[]>(),
      );
    });
  });

  it("is a result and its index with both flags", () => {
    unrun(() => {
      new DeferredList([n, s], { fireOnOneCallback: true, fireOnOneErrback: true }).addCallback((first) =>
        expectTypeOf(first).toEqualTypeOf<[result: number | string, index: number]>(),
      );
    });
  });

  it("is the union of all forms when the flags are not literals", () => {
    unrun(() => {
      const flag: boolean = numbers.length > 1;
      new DeferredList(numbers, { fireOnOneCallback: flag }).addCallback((result) =>
        expectTypeOf(result).toEqualTypeOf<[result: number, index: number] | Item<number>[]>(),
      );
    });
  });

  it("accepts only thenables, and checks its flags", () => {
    unrun(() => {
      // @ts-expect-error: a number is no Deferred
      new DeferredList([n, 1]);
      // @ts-expect-error: no such flag
      new DeferredList([n], { fireOnOneCallbck: true });
    });
  });
});

describe("the type of gatherResults", () => {
  it("is a tuple for a tuple, an array for anything else", () => {
    unrun(() => {
      expectTypeOf(gatherResults([n, s, p])).toEqualTypeOf<Deferred<[number, string, boolean]>>();
      expectTypeOf(gatherResults([n, s] as const, true)).toEqualTypeOf<Deferred<[number, string]>>();
      expectTypeOf(gatherResults(numbers)).toEqualTypeOf<Deferred<number[]>>();
      expectTypeOf(gatherResults(set)).toEqualTypeOf<Deferred<string[]>>();
      expectTypeOf(gatherResults([])).toEqualTypeOf<Deferred<[]>>();
    });
  });
});

describe("the type of race", () => {
  it("narrows the result by the index", () => {
    unrun(() => {
      race([n, s]).addCallback((winner) => {
        expectTypeOf(winner).toEqualTypeOf<[index: 0, result: number] | [index: 1, result: string]>();
        if (winner[0] === 1) expectTypeOf(winner[1]).toEqualTypeOf<string>();
      });
      expectTypeOf(race(numbers)).toEqualTypeOf<Deferred<[index: number, result: number]>>();
      expectTypeOf(race(set)).toEqualTypeOf<Deferred<[index: number, result: string]>>();
      expectTypeOf(new FailureGroup([]).failures).toEqualTypeOf<readonly Failure[]>();
    });
  });
});

describe("the types of locks and queues", () => {
  it("are the lock itself for acquire(), so that `using` releases it", () => {
    unrun(() => {
      const lock = new DeferredLock();
      expectTypeOf(lock.acquire()).toEqualTypeOf<Deferred<DeferredLock>>();
      expectTypeOf(new DeferredSemaphore(1).acquire()).toEqualTypeOf<Deferred<DeferredSemaphore>>();
      expectTypeOf(new DeferredFilesystemLock("x").deferUntilLocked()).toEqualTypeOf<
        Deferred<DeferredFilesystemLock>
      >();
      expectTypeOf(lock).toExtend<Disposable>();
    });
  });

  it("follow the function that runs under a lock", () => {
    unrun(() => {
      const lock = new DeferredLock();
      expectTypeOf(lock.run((a: number) => `${a}`, 1)).toEqualTypeOf<Deferred<string>>();
      expectTypeOf(lock.run(async () => 1)).toEqualTypeOf<Deferred<number>>();
      expectTypeOf(lock.run(() => s)).toEqualTypeOf<Deferred<string>>();
      // @ts-expect-error: the function wants a number
      lock.run((a: number) => a, "1");
    });
  });

  it("are the items for a queue", () => {
    unrun(async () => {
      const queue = new DeferredQueue<string>();
      expectTypeOf(queue.get()).toEqualTypeOf<Deferred<string>>();
      for await (const item of queue) expectTypeOf(item).toEqualTypeOf<string>();
      // @ts-expect-error: a queue of strings
      queue.put(1);
    });
  });

  it("are the same with a timeout", () => {
    unrun(() => {
      expectTypeOf(timeout(p, 1, new Clock())).toEqualTypeOf<Deferred<boolean>>();
      expectTypeOf(timeout(n, 1)).toEqualTypeOf<Deferred<number>>();
    });
  });
});
