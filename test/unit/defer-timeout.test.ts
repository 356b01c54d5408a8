import { afterEach, describe, expect, it, vi } from "vitest";
import { CancelledError, Deferred, succeed, timeout } from "../../src/entries/defer.ts";
import { NoClockError, SkeinError, TimeoutError } from "../../src/internet/error.ts";
import type { Reactor } from "../../src/internet/interfaces.ts";
import * as installation from "../../src/internet/reactor/installation.ts";
import { Clock } from "../../src/testing/clock.ts";
import { errorOf, watch } from "../helpers/outcome.ts";

vi.mock(import("../../src/internet/reactor/installation.ts"), { spy: true });

afterEach(() => {
  vi.mocked(installation.installedReactor).mockReset();
});

describe("timeout", () => {
  it("cancels a Deferred that takes too long, and fails it with TimeoutError", () => {
    const clock = new Clock();
    let cancelled = false;
    const d = new Deferred<number>(() => {
      cancelled = true;
    });
    expect(timeout(d, 2, clock)).toBe(d);
    clock.advance(1.9);
    expect(cancelled).toBe(false);
    clock.advance(0.1);
    expect(cancelled).toBe(true);
    expect(errorOf(d, TimeoutError).message).toContain("2 seconds");
  });

  it("passes on a result in time, and leaves no delayed call", () => {
    const clock = new Clock();
    const d = new Deferred<number>();
    const seen = watch(timeout(d, 2, clock));
    d.callback(1);
    expect(seen).toEqual([1]);
    expect(clock.getDelayedCalls()).toEqual([]);
    expect(watch(timeout(succeed(2), 1, clock))).toEqual([2]);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("passes on a failure in time, also a cancellation", () => {
    const clock = new Clock();
    const d = new Deferred<number>();
    const limited = timeout(d, 2, clock);
    d.cancel();
    errorOf(limited, CancelledError);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("limits the wait for a promise, which is not affected by the timeout", async () => {
    const clock = new Clock();
    const quick = timeout(Promise.resolve("quick"), 1, clock);
    expect(await quick).toBe("quick");
    const slow = timeout(new Promise<never>(() => {}), 1, clock);
    clock.advance(1);
    await expect(slow).rejects.toBeInstanceOf(TimeoutError);
  });

  it("uses the installed reactor as its clock by default", () => {
    const clock = new Clock();
    vi.mocked(installation.installedReactor).mockReturnValue(clock as unknown as Reactor);
    const d = timeout(new Deferred<number>(), 1);
    clock.advance(1);
    errorOf(d, TimeoutError);
  });

  it("throws with advice when there is neither a clock nor a reactor", () => {
    vi.mocked(installation.installedReactor).mockReturnValue(undefined);
    expect(() => timeout(new Deferred<number>(), 1)).toThrow(NoClockError);
    const error = new NoClockError();
    expect(error).toBeInstanceOf(SkeinError);
    expect(error.code).toBe("ERR_NO_CLOCK");
    expect(error.message).toContain('import "skein/reactor"');
  });
});
