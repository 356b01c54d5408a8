import { describe, expect, it } from "vitest";
import {
  CancelledError,
  DeferredQueue,
  QueueClosed,
  QueueOverflow,
  QueueUnderflow,
  succeed,
} from "../../src/entries/defer.ts";
import { SkeinError } from "../../src/internet/error.ts";
import { Failure } from "../../src/internet/failure.ts";
import { errorOf, watch } from "../helpers/outcome.ts";

const boom = new Error("boom");

describe("DeferredQueue", () => {
  it("returns items in the order in which they were put in", () => {
    const queue = new DeferredQueue<number>();
    for (const i of [1, 2, 3]) queue.put(i);
    expect(queue.pending).toBe(3);
    expect([queue.get(), queue.get(), queue.get()].flatMap(watch)).toEqual([1, 2, 3]);
    expect(queue.pending).toBe(0);
  });

  it("gives an item to the first waiter", () => {
    const queue = new DeferredQueue<string>();
    const [first, second] = [watch(queue.get()), watch(queue.get())];
    expect(queue.waiting).toBe(2);
    queue.put("a");
    expect([first, second]).toEqual([["a"], []]);
    queue.put("b");
    expect(second).toEqual(["b"]);
    expect([queue.waiting, queue.pending]).toEqual([0, 0]);
  });

  it.each([[undefined], [null], [0], [""], [false]])("holds %s like any other item", (item) => {
    const queue = new DeferredQueue<unknown>();
    queue.put(item);
    expect(queue.pending).toBe(1);
    expect(watch(queue.get())).toEqual([item]);
  });

  it("holds as many items as its size allows, not counting items for waiters", () => {
    const queue = new DeferredQueue<number>(2);
    const waiter = watch(queue.get());
    for (const i of [1, 2, 3]) queue.put(i);
    expect(() => queue.put(4)).toThrow(QueueOverflow);
    expect(waiter).toEqual([1]);
    expect([queue.get(), queue.get()].flatMap(watch)).toEqual([2, 3]);
    queue.put(5);
    expect(queue.pending).toBe(1);
  });

  it("holds as many waiters as its backlog allows", () => {
    const queue = new DeferredQueue<number>(2, 2);
    const waiters = [queue.get(), queue.get()].map(watch);
    expect(() => queue.get()).toThrow(QueueUnderflow);
    queue.put(1);
    queue.put(2);
    expect(waiters).toEqual([[1], [2]]);
    queue.put(3);
    expect(watch(queue.get())).toEqual([3]);
  });

  it("with size 0 or backlog 0 only passes an item directly to a waiter", () => {
    const noItems = new DeferredQueue<number>(0);
    expect(() => noItems.put(1)).toThrow(QueueOverflow);
    const waiter = watch(noItems.get());
    noItems.put(2);
    expect(waiter).toEqual([2]);
    const noWaiters = new DeferredQueue<number>(1, 0);
    expect(() => noWaiters.get()).toThrow(QueueUnderflow);
    noWaiters.put(3);
    expect(watch(noWaiters.get())).toEqual([3]);
  });

  it("has no limits by default", () => {
    const queue = new DeferredQueue<number>();
    expect([queue.size, queue.backlog]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
    const waiters = Array.from({ length: 1000 }, () => watch(queue.get()));
    for (let i = 0; i < 2000; i++) queue.put(i);
    expect(waiters.flat()).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(queue.pending).toBe(1000);
  });

  it("gives no item to a cancelled waiter, and frees its place in the backlog", () => {
    const queue = new DeferredQueue<string>(1, 2);
    const [gaveUp, stayed] = [queue.get(), queue.get()];
    gaveUp.cancel();
    errorOf(gaveUp, CancelledError);
    expect(queue.waiting).toBe(1);
    const third = watch(queue.get());
    queue.put("a");
    queue.put("b");
    expect([watch(stayed), third]).toEqual([["a"], ["b"]]);
  });

  it("ignores a cancellation after the item was given", () => {
    const queue = new DeferredQueue<string>();
    const d = queue.get();
    queue.put("a");
    d.cancel();
    expect(watch(d)).toEqual(["a"]);
  });

  it("get() accepts a signal, which takes no item when it aborts", () => {
    const queue = new DeferredQueue<string>();
    const controller = new AbortController();
    const d = queue.get({ signal: controller.signal });
    controller.abort(boom);
    expect(errorOf(d, CancelledError).cause).toBe(boom);
    queue.put("kept");
    errorOf(queue.get({ signal: controller.signal }), CancelledError);
    expect(queue.pending).toBe(1);
  });

  it("leaves no listener on a signal that did not abort", () => {
    const queue = new DeferredQueue<string>();
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: [string, never]): void => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: [string, never]): void => {
      listeners--;
      removeEventListener.apply(signal, args);
    };
    const seen = watch(queue.get({ signal }));
    expect(listeners).toBe(1);
    queue.put("x");
    expect(seen).toEqual(["x"]);
    expect(listeners).toBe(0);
  });

  it("fails the get() that receives a Failure, pending or later", () => {
    const queue = new DeferredQueue<string>();
    const waiting = watch(queue.get());
    queue.put(new Failure(boom));
    queue.put(new Failure(boom));
    expect(waiting).toEqual([boom]);
    expect(watch(queue.get())).toEqual([boom]);
  });

  it("gives the result of a Deferred that was put in", () => {
    const queue = new DeferredQueue<string>();
    queue.put(succeed("inside"));
    expect(watch(queue.get())).toEqual(["inside"]);
  });

  it("allows put() and get() inside the callback of another get()", () => {
    const queue = new DeferredQueue<number>();
    const seen: number[] = [];
    queue.get().addCallback((first) => {
      seen.push(first);
      queue.put(first + 1);
      queue.get().addCallback((next) => seen.push(next));
    });
    queue.put(1);
    expect(seen).toEqual([1, 2]);
  });

  it("handles hundreds of thousands of items and waiters, and of waiters cancelled from the end", () => {
    const queue = new DeferredQueue<number>();
    const n = 200_000;
    let sum = 0;
    for (let i = 0; i < n; i++) queue.put(1);
    for (let i = 0; i < n; i++) {
      queue.get().addCallback((r) => {
        sum += r;
      });
    }
    const waiters = Array.from({ length: n }, () => queue.get());
    for (let i = n - 1; i >= 0; i -= 2) {
      waiters[i]?.addErrback(() => {});
      waiters[i]?.cancel();
    }
    for (let i = 0; i < n / 2; i++) queue.put(1);
    expect([sum, queue.waiting, queue.pending]).toEqual([n, 0, 0]);
  });
});

describe("a DeferredQueue of which the program has fired a get() itself", () => {
  it("gives the item to the next, and tells all others when it is closed", () => {
    const queue = new DeferredQueue<string>();
    queue.get().callback("the program's");
    const second = watch(queue.get());
    queue.put("item");
    expect(second).toEqual(["item"]);
    queue.get().callback("the program's");
    const last = queue.get();
    queue.close();
    errorOf(last, QueueClosed);
  });
});

describe("closing a DeferredQueue", () => {
  it("refuses further items", () => {
    const queue = new DeferredQueue<number>();
    expect(queue.closed).toBe(false);
    queue.close();
    expect(queue.closed).toBe(true);
    expect(() => queue.put(1)).toThrow(QueueClosed);
  });

  it("lets the remaining items be taken, then fails every get()", () => {
    const queue = new DeferredQueue<number>();
    queue.put(1);
    queue.close();
    expect(watch(queue.get())).toEqual([1]);
    errorOf(queue.get(), QueueClosed);
    errorOf(queue.get(), QueueClosed);
  });

  it("fails pending get() calls", () => {
    const queue = new DeferredQueue<number>();
    const waiters = [queue.get(), queue.get()];
    queue.close();
    for (const d of waiters) errorOf(d, QueueClosed);
  });

  it("a second time does nothing", () => {
    const queue = new DeferredQueue<number>();
    queue.put(1);
    queue.close();
    queue.close();
    expect(watch(queue.get())).toEqual([1]);
  });
});

describe("for await over a DeferredQueue", () => {
  it("takes items until the queue is closed", async () => {
    const queue = new DeferredQueue<number>();
    queue.put(1);
    const seen: number[] = [];
    const loop = (async () => {
      for await (const item of queue) {
        seen.push(item);
        if (item === 3) queue.close();
      }
    })();
    queue.put(2);
    queue.put(3);
    queue.put(4);
    await loop;
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it("ends when the queue is closed while it waits", async () => {
    const queue = new DeferredQueue<number>();
    const seen: number[] = [];
    const loop = (async () => {
      for await (const item of queue) seen.push(item);
    })();
    expect(queue.waiting).toBe(1);
    queue.close();
    await loop;
    expect(seen).toEqual([]);
  });

  it("leaves the remaining items when the loop breaks", async () => {
    const queue = new DeferredQueue<number>();
    for (const i of [1, 2, 3]) queue.put(i);
    for await (const item of queue) if (item === 2) break;
    expect(queue.pending).toBe(1);
    expect(queue.waiting).toBe(0);
    expect(await queue.get()).toBe(3);
  });

  it("shares the items between several loops", async () => {
    const queue = new DeferredQueue<number>();
    const seen: number[] = [];
    const loop = async (): Promise<void> => {
      for await (const item of queue) seen.push(item);
    };
    const loops = [loop(), loop()];
    for (let i = 0; i < 10; i++) queue.put(i);
    queue.close();
    await Promise.all(loops);
    expect(seen.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("throws the error of a Failure that was put in", async () => {
    const queue = new DeferredQueue<number>();
    queue.put(1);
    queue.put(new Failure(boom));
    const seen: number[] = [];
    const loop = async (): Promise<void> => {
      for await (const item of queue) seen.push(item);
    };
    await expect(loop()).rejects.toBe(boom);
    expect(seen).toEqual([1]);
  });

  it("throws QueueUnderflow when too many wait already", async () => {
    const queue = new DeferredQueue<number>(1, 1);
    const first = watch(queue.get());
    await expect(queue[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(QueueUnderflow);
    queue.put(1);
    expect(first).toEqual([1]);
  });

  it("answers several next() calls in order, and return() ends the pending ones", async () => {
    const queue = new DeferredQueue<string>();
    const items = queue[Symbol.asyncIterator]();
    expect(items[Symbol.asyncIterator]()).toBe(items);
    const answers = [items.next(), items.next(), items.next()];
    queue.put("a");
    expect(await items.return?.()).toEqual({ done: true, value: undefined });
    expect(await Promise.all(answers)).toEqual([
      { done: false, value: "a" },
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
    expect(await items.next()).toEqual({ done: true, value: undefined });
    expect(queue.waiting).toBe(0);
    queue.put("not taken");
    expect(queue.pending).toBe(1);
  });
});

describe("the errors of a DeferredQueue", () => {
  it("are SkeinErrors with a code, a name and advice", () => {
    const errors = [new QueueOverflow(), new QueueUnderflow(), new QueueClosed()];
    expect(errors.map((e) => [e instanceof SkeinError, e.name, e.code])).toEqual([
      [true, "QueueOverflow", "ERR_QUEUE_OVERFLOW"],
      [true, "QueueUnderflow", "ERR_QUEUE_UNDERFLOW"],
      [true, "QueueClosed", "ERR_QUEUE_CLOSED"],
    ]);
    expect(errors[0]?.message).toContain("larger size");
    expect(errors[1]?.message).toContain("larger backlog");
  });
});
