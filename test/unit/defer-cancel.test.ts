import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AlreadyCalledError, CancelledError, Deferred, fail, succeed } from "../../src/entries/defer.ts";
import { SkeinError, TimeoutError } from "../../src/internet/error.ts";
import { Failure } from "../../src/internet/failure.ts";
import type { DelayedCall, ReactorTime } from "../../src/internet/time.ts";
import type { LogEvent } from "../../src/logger/event.ts";
import { setObserver } from "../../src/logger/log.ts";

const boom = new Error("boom");
let logged: LogEvent[];

beforeEach(() => {
  logged = [];
  setObserver((event) => logged.push(event));
});
afterEach(() => {
  setObserver(undefined);
});

/** What `d` came to, again and again; failures count as handled. */
function watch(d: Deferred<unknown>): unknown[] {
  const seen: unknown[] = [];
  d.addBoth((result) => {
    seen.push(result instanceof Failure ? result.value : result);
  });
  return seen;
}

describe("cancelling a Deferred without canceller", () => {
  it("fires it with CancelledError", () => {
    const d = new Deferred<number>();
    d.cancel();
    expect(d.called).toBe(true);
    expect(watch(d)).toEqual([expect.any(CancelledError)]);
  });

  it.each<[string, (d: Deferred<number>) => void]>([
    ["callback", (d) => d.callback(1)],
    ["errback", (d) => d.errback(boom)],
  ])("ignores one later %s, and no second", (_, fire) => {
    const d = new Deferred<number>();
    d.cancel();
    const seen = watch(d);
    fire(d);
    expect(seen).toEqual([expect.any(CancelledError)]);
    expect(() => fire(d)).toThrow(AlreadyCalledError);
  });

  it("a second time has no effect, and does not ignore a second fire", () => {
    const d = new Deferred<number>();
    d.cancel();
    d.cancel();
    const seen = watch(d);
    d.callback(1);
    expect(seen).toHaveLength(1);
    expect(() => d.callback(2)).toThrow(AlreadyCalledError);
  });

  it("passes the cause to the CancelledError", () => {
    const d = new Deferred<number>();
    d.cancel(boom);
    const [error] = watch(d);
    expect((error as CancelledError).cause).toBe(boom);
    const e = new Deferred<number>();
    e.cancel();
    expect(watch(e)[0]).not.toHaveProperty("cause");
  });

  it("again after the ignored fire has no effect, and does not ignore a further fire", () => {
    const d = new Deferred<number>();
    d.cancel();
    d.callback(1);
    d.cancel();
    expect(() => d.callback(2)).toThrow(AlreadyCalledError);
    expect(() => d.errback(boom)).toThrow(AlreadyCalledError);
    expect(watch(d)).toEqual([expect.any(CancelledError)]);
  });
});

describe("cancelling a Deferred with a canceller", () => {
  it("calls it once, with the Deferred, and fires CancelledError when it did not fire", () => {
    const given: unknown[] = [];
    const d = new Deferred<number>((who) => given.push(who));
    d.cancel();
    d.cancel();
    expect(given).toEqual([d]);
    expect(watch(d)).toEqual([expect.any(CancelledError)]);
  });

  it("does not ignore a later fire: the canceller should prevent it", () => {
    const d = new Deferred<number>(() => {});
    d.cancel();
    watch(d);
    expect(() => d.callback(1)).toThrow(AlreadyCalledError);
  });

  it("takes the result of a canceller that fires", () => {
    const good = new Deferred<string>((d) => d.callback("as far as it got"));
    good.cancel();
    expect(watch(good)).toEqual(["as far as it got"]);
    const bad = new Deferred<string>((d) => d.errback(boom));
    bad.cancel();
    expect(watch(bad)).toEqual([boom]);
  });

  it("logs what the canceller throws, and fires CancelledError all the same", () => {
    const d = new Deferred<number>(() => {
      throw boom;
    });
    expect(() => d.cancel()).not.toThrow();
    expect(watch(d)).toEqual([expect.any(CancelledError)]);
    expect(logged).toEqual([
      expect.objectContaining({ level: "error", error: boom, message: "The canceller of a Deferred threw" }),
    ]);
  });

  it("logs what the canceller throws after it fired, and keeps that result", () => {
    const d = new Deferred<number>((who) => {
      who.callback(1);
      throw boom;
    });
    d.cancel();
    expect(watch(d)).toEqual([1]);
    expect(logged.map((event) => event.error)).toEqual([boom]);
  });

  it("does not recurse when the canceller cancels", () => {
    let calls = 0;
    const d = new Deferred<number>((who) => {
      calls++;
      who.cancel();
    });
    d.cancel();
    expect(calls).toBe(1);
    expect(watch(d)).toEqual([expect.any(CancelledError)]);
  });

  it("runs the chain within cancel()", () => {
    const order: string[] = [];
    const d = new Deferred<number>(() => order.push("canceller"));
    d.addErrback(() => order.push("errback"));
    d.cancel();
    order.push("cancel() returned");
    expect(order).toEqual(["canceller", "errback", "cancel() returned"]);
  });
});

describe("cancelling a Deferred that has fired", () => {
  it("does nothing, and calls no canceller", () => {
    let calls = 0;
    const canceller = (): void => {
      calls++;
    };
    const good = new Deferred<number>(canceller);
    good.callback(1);
    good.cancel();
    expect(watch(good)).toEqual([1]);
    const bad = new Deferred<number>(canceller);
    bad.errback(boom);
    bad.cancel();
    expect(watch(bad)).toEqual([boom]);
    expect(calls).toBe(0);
  });

  it("does nothing from inside its own callbacks", () => {
    const d: Deferred<number> = new Deferred<number>();
    d.addCallback((r) => {
      d.cancel();
      return r;
    });
    d.callback(1);
    expect(watch(d)).toEqual([1]);
    expect(() => d.callback(2)).toThrow(AlreadyCalledError);
  });

  it("does nothing while it is paused", () => {
    const d = succeed(1);
    d.pause();
    d.cancel();
    const seen = watch(d);
    d.unpause();
    expect(seen).toEqual([1]);
  });
});

describe("cancelling a Deferred that waits for another", () => {
  it("cancels the other, not itself", () => {
    const calls: string[] = [];
    const inner = new Deferred<number>(() => calls.push("inner"));
    const outer = new Deferred<number>(() => calls.push("outer"));
    outer.addCallback(() => inner);
    outer.callback(0);
    const seen = watch(outer);
    outer.cancel();
    expect(calls).toEqual(["inner"]);
    expect(seen).toEqual([expect.any(CancelledError)]);
  });

  it("gets the other's result or failure", () => {
    const inner = new Deferred<string>();
    const outer = succeed(0).addCallback(() =>
      inner.addErrback((f) => {
        f.trap(CancelledError);
        return "instead";
      }),
    );
    outer.cancel();
    expect(watch(outer)).toEqual(["instead"]);
  });

  it("works through any number of waiting Deferreds", () => {
    const innermost = new Deferred<number>();
    const middle = succeed(0).addCallback(() => innermost);
    const outer = succeed(0).addCallback(() => middle);
    outer.cancel(boom);
    expect(innermost.called).toBe(true);
    const [error] = watch(outer);
    expect(error).toBeInstanceOf(CancelledError);
    expect((error as CancelledError).cause).toBe(boom);
  });

  it("may be repeated when the next callback waits again", () => {
    const first = new Deferred<number>();
    const second = new Deferred<number>();
    const outer = succeed(0)
      .addCallback(() => first)
      .addErrback(() => second);
    outer.cancel();
    expect([first.called, second.called]).toEqual([true, false]);
    outer.cancel();
    expect(second.called).toBe(true);
    expect(watch(outer)).toEqual([expect.any(CancelledError)]);
  });

  it("does nothing when it no longer waits", () => {
    const inner = new Deferred<number>();
    const outer = succeed(0).addCallback(() => inner);
    inner.callback(5);
    outer.cancel();
    expect(watch(outer)).toEqual([5]);
  });

  it("does not affect a promise, whose settlement is then ignored", async () => {
    for (const end of [
      (): string => "too late",
      (): never => {
        throw boom;
      },
    ]) {
      let finish: () => void = () => {};
      const promise = new Promise<void>((resolve) => {
        finish = resolve;
      }).then(end);
      const outer = succeed(0).addCallback(() => promise);
      outer.cancel();
      expect(watch(outer)).toEqual([expect.any(CancelledError)]);
      finish();
      await promise.catch(() => {});
    }
    expect(logged).toEqual([]);
  });

  it("returns when they wait for each other in a circle", () => {
    const a: Deferred<unknown> = new Deferred<unknown>();
    const b: Deferred<unknown> = new Deferred<unknown>();
    a.addCallback(() => b);
    b.addCallback(() => a);
    const c = succeed(0).addCallback(() => a);
    a.callback(1);
    b.callback(2);
    for (const d of [a, b, c]) d.cancel();
    expect(watch(c)).toEqual([]);
  });
});

describe("CancelledError", () => {
  it("is a SkeinError with a code", () => {
    const error = new CancelledError();
    expect(error).toBeInstanceOf(SkeinError);
    expect([error.name, error.code]).toEqual(["CancelledError", "ERR_CANCELLED"]);
    expect(error.message).toContain("cancelled");
  });
});

/** A clock that stands still until it is told the time. */
class FakeClock implements ReactorTime {
  private now = 0;
  private calls: { due: number; f: () => unknown; state: "pending" | "called" | "cancelled" }[] = [];

  seconds(): number {
    return this.now;
  }

  callLater<A extends unknown[]>(seconds: number, f: (...args: A) => unknown, ...args: A): DelayedCall {
    const call = {
      due: this.now + seconds,
      f: () => f(...args),
      state: "pending" as "pending" | "called" | "cancelled",
    };
    this.calls.push(call);
    return {
      getTime: () => call.due,
      cancel: () => {
        if (call.state !== "pending") throw new Error(`the call was ${call.state} already`);
        call.state = "cancelled";
      },
      delay: (later) => {
        call.due += later;
      },
      reset: (fromNow) => {
        call.due = this.now + fromNow;
      },
      active: () => call.state === "pending",
    };
  }

  getDelayedCalls(): DelayedCall[] {
    return [];
  }

  get pending(): number {
    return this.calls.filter((call) => call.state === "pending").length;
  }

  cancelAll(): void {
    for (const call of this.calls) call.state = "cancelled";
  }

  advance(seconds: number): void {
    this.now += seconds;
    for (const call of this.calls) {
      if (call.state !== "pending" || call.due > this.now) continue;
      call.state = "called";
      call.f();
    }
  }
}

describe("addTimeout", () => {
  it("fails with TimeoutError after the timeout, not before", () => {
    const clock = new FakeClock();
    const d = new Deferred<number>();
    expect(d.addTimeout(2.5, clock)).toBe(d);
    const seen = watch(d);
    clock.advance(2.4);
    expect(seen).toEqual([]);
    clock.advance(0.1);
    expect(seen).toEqual([expect.any(TimeoutError)]);
    expect((seen[0] as TimeoutError).message).toContain("2.5 seconds");
  });

  it("calls the canceller when the time is over", () => {
    const clock = new FakeClock();
    let calls = 0;
    const d = new Deferred<number>(() => {
      calls++;
    }).addTimeout(1, clock);
    clock.advance(1);
    expect(calls).toBe(1);
    expect(watch(d)).toEqual([expect.any(TimeoutError)]);
  });

  it("passes on a result in time, and cancels its delayed call", () => {
    const clock = new FakeClock();
    const d = new Deferred<number>();
    const seen = watch(d.addTimeout(1, clock));
    expect(clock.pending).toBe(1);
    d.callback(7);
    expect(seen).toEqual([7]);
    expect(clock.pending).toBe(0);
  });

  it("passes on a failure in time, and cancels its delayed call", () => {
    const clock = new FakeClock();
    const d = new Deferred<number>();
    const seen = watch(d.addTimeout(1, clock));
    d.errback(boom);
    expect(seen).toEqual([boom]);
    expect(clock.pending).toBe(0);
  });

  it("passes on the CancelledError of a cancellation by other code", () => {
    const clock = new FakeClock();
    const d = new Deferred<number>();
    const seen = watch(d.addTimeout(1, clock));
    d.cancel();
    expect(seen).toEqual([expect.any(CancelledError)]);
    expect(clock.pending).toBe(0);
  });

  it("passes on the result of a canceller", () => {
    const clock = new FakeClock();
    const good = new Deferred<string>((d) => d.callback("what there was")).addTimeout(1, clock);
    const bad = new Deferred<string>((d) => d.errback(boom)).addTimeout(1, clock);
    clock.advance(1);
    expect(watch(good)).toEqual(["what there was"]);
    expect(watch(bad)).toEqual([boom]);
  });

  it("covers Deferreds that earlier callbacks wait for", () => {
    const clock = new FakeClock();
    const inner = new Deferred<number>();
    const d = new Deferred<number>();
    d.addCallback(() => inner);
    const seen = watch(d.addTimeout(1, clock));
    d.callback(0);
    clock.advance(1);
    expect(inner.called).toBe(true);
    expect(seen).toEqual([expect.any(TimeoutError)]);
  });

  it("does not cover Deferreds that later callbacks wait for", () => {
    const clock = new FakeClock();
    const inner = new Deferred<string>();
    const d = new Deferred<number>();
    const seen = watch(d.addTimeout(1, clock).addCallback(() => inner));
    d.callback(0);
    clock.advance(5);
    expect(inner.called).toBe(false);
    inner.callback("in its own time");
    expect(seen).toEqual(["in its own time"]);
  });

  it("lets an earlier errback handle the CancelledError", () => {
    const clock = new FakeClock();
    const d = new Deferred<string>()
      .addErrback((f) => {
        f.trap(CancelledError);
        return "default";
      })
      .addTimeout(1, clock);
    clock.advance(1);
    expect(watch(d)).toEqual(["default"]);
  });

  it("calls onTimeoutCancel, whose result replaces the TimeoutError", () => {
    const clock = new FakeClock();
    const asked: unknown[] = [];
    const d = new Deferred<number>().addTimeout(3, clock, (result, seconds) => {
      asked.push(result, seconds);
      return "gave up";
    });
    clock.advance(3);
    expect(watch(d)).toEqual(["gave up"]);
    expect(asked).toEqual([expect.any(Failure), 3]);
    expect((asked[0] as Failure).value).toBeInstanceOf(CancelledError);
  });

  it("does not call onTimeoutCancel when the result was in time", () => {
    const clock = new FakeClock();
    const d = new Deferred<number>();
    const seen = watch(
      d.addTimeout(3, clock, () => {
        throw boom;
      }),
    );
    d.callback(1);
    clock.advance(10);
    expect(seen).toEqual([1]);
  });

  it("continues with what onTimeoutCancel throws or waits for", () => {
    const clock = new FakeClock();
    const threw = new Deferred<number>().addTimeout(1, clock, () => {
      throw boom;
    });
    const waits = new Deferred<number>().addTimeout(1, clock, () => succeed("waited"));
    clock.advance(1);
    expect(watch(threw)).toEqual([boom]);
    expect(watch(waits)).toEqual(["waited"]);
  });

  it("on a fired Deferred leaves no delayed call", () => {
    const clock = new FakeClock();
    expect(watch(succeed(1).addTimeout(1, clock))).toEqual([1]);
    expect(watch(fail(boom).addTimeout(1, clock))).toEqual([boom]);
    expect(clock.pending).toBe(0);
  });

  it("twice uses the shorter timeout", () => {
    const clock = new FakeClock();
    const d = new Deferred<number>().addTimeout(5, clock).addTimeout(1, clock);
    const seen = watch(d);
    clock.advance(1);
    expect(seen).toEqual([expect.any(TimeoutError)]);
    expect((seen[0] as TimeoutError).message).toContain("1 seconds");
    expect(clock.pending).toBe(0);
  });

  it("works when its delayed call was cancelled by other code", () => {
    const clock = new FakeClock();
    const d = new Deferred<number>().addTimeout(1, clock);
    clock.cancelAll();
    d.callback(1);
    expect(watch(d)).toEqual([1]);
  });

  it("ignores one fire after the timeout", () => {
    const clock = new FakeClock();
    const d = new Deferred<number>();
    const seen = watch(d.addTimeout(1, clock));
    clock.advance(1);
    d.callback(1);
    expect(seen).toEqual([expect.any(TimeoutError)]);
  });

  it("does not call onTimeoutCancel for a failure in time, or a cancellation by other code", () => {
    const clock = new FakeClock();
    let asked = 0;
    const ask = (): void => {
      asked++;
    };
    const failing = new Deferred<number>();
    const cancelled = new Deferred<number>();
    const seen = [watch(failing.addTimeout(1, clock, ask)), watch(cancelled.addTimeout(1, clock, ask))];
    failing.errback(boom);
    cancelled.cancel();
    clock.advance(2);
    expect(seen).toEqual([[boom], [expect.any(CancelledError)]]);
    expect(asked).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("calls onTimeoutCancel also when the canceller has given a result", () => {
    const clock = new FakeClock();
    const asked: unknown[] = [];
    const d = new Deferred<string>((who) => who.callback("what there was")).addTimeout(1, clock, (result) => {
      asked.push(result);
      return "instead";
    });
    clock.advance(1);
    expect(watch(d)).toEqual(["instead"]);
    expect(asked).toEqual(["what there was"]);
  });

  it("calls onTimeoutCancel also when an earlier errback has handled the CancelledError", () => {
    const clock = new FakeClock();
    const asked: unknown[] = [];
    const before: unknown[] = [];
    const d = new Deferred<string>()
      .addErrback((f) => {
        before.push(f.value);
        return "dealt with";
      })
      .addTimeout(1, clock, (result) => {
        asked.push(result);
        return "instead";
      });
    clock.advance(1);
    expect(watch(d)).toEqual(["instead"]);
    expect(before).toEqual([expect.any(CancelledError)]);
    expect(asked).toEqual(["dealt with"]);
  });

  it("passes CancelledError to earlier errbacks, and TimeoutError to later ones", () => {
    const clock = new FakeClock();
    const before: unknown[] = [];
    const d = new Deferred<string>()
      .addErrback((f) => {
        before.push(f.value);
        return f;
      })
      .addTimeout(1, clock);
    clock.advance(1);
    expect(before).toEqual([expect.any(CancelledError)]);
    expect(watch(d)).toEqual([expect.any(TimeoutError)]);
  });

  it("runs callbacks that the canceller adds after its own", () => {
    const clock = new FakeClock();
    const order: unknown[] = [];
    const d = new Deferred<string>((who) => {
      who.addCallback((r) => {
        order.push(r);
        return "changed after the timeout's own link";
      });
      who.callback("from the canceller");
    }).addTimeout(1, clock);
    clock.advance(1);
    expect(order).toEqual(["from the canceller"]);
    expect(watch(d)).toEqual(["changed after the timeout's own link"]);
  });
});
