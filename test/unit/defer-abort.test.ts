/** One AbortSignal that many wait for. */
import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { CancelledError, Deferred, DeferredLock, DeferredQueue } from "../../src/entries/defer.ts";
import { onAbort } from "../../src/internet/defer/onabort.ts";

const WAITERS = 100_000;

test("100,000 waits for one signal share one listener, which is removed with the last, without a warning", async () => {
  const warnings: unknown[] = [];
  const warned = (warning: unknown): void => void warnings.push(warning);
  process.on("warning", warned);
  const { signal } = new AbortController();
  const lock = new DeferredLock();
  lock.acquire();
  const waits = Array.from({ length: WAITERS }, () => lock.acquire({ signal }));
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  let granted = 0;
  for (const wait of waits) wait.addCallback(() => granted++);
  for (let i = 0; i < WAITERS; i++) lock.release();
  expect(granted).toBe(WAITERS);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", warned);
  expect(warnings).toEqual([]);
});

test("an abort cancels everything that waits for the signal, in order, except what has stopped waiting", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const queue = new DeferredQueue<number>();
  const cancelled: number[] = [];
  const waits = Array.from({ length: WAITERS }, (_, i) =>
    queue.get({ signal }).addErrback((failure) => {
      failure.trap(CancelledError);
      cancelled.push(i);
    }),
  );
  waits[1]!.cancel();
  controller.abort(new Error("enough"));
  expect(cancelled).toHaveLength(WAITERS);
  expect(cancelled.slice(0, 4)).toEqual([1, 0, 2, 3]);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("promises of Deferreds share the listener", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const promises = Array.from({ length: 20 }, () => new Deferred<void>().asPromise({ signal }));
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  controller.abort();
  expect((await Promise.allSettled(promises)).every(({ status }) => status === "rejected")).toBe(true);
});

test("a wait that ends during the abort is not called, and ending twice removes no other wait", () => {
  const controller = new AbortController();
  const calls: string[] = [];
  const leaves: (() => void)[] = [];
  onAbort(controller.signal, () => {
    calls.push("first");
    leaves[0]!();
    leaves[0]!();
  });
  leaves.push(onAbort(controller.signal, () => calls.push("second")));
  onAbort(controller.signal, () => calls.push("third"));
  controller.abort();
  expect(calls).toEqual(["first", "third"]);
});
