import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  AlreadyCalledError,
  CancelledError,
  Deferred,
  DeferredList,
  DeferredLock,
  FailureGroup,
  FirstError,
  fail,
  gatherResults,
  getDebugging,
  inlineCallbacks,
  race,
  setDebugging,
  succeed,
} from "../../src/entries/defer.ts";
import { Failure } from "../../src/internet/failure.ts";
import type { LogEvent } from "../../src/logger/event.ts";
import { setObserver } from "../../src/logger/log.ts";

let logged: LogEvent[];

beforeEach(() => {
  logged = [];
  setObserver((event) => logged.push(event));
});
afterEach(() => {
  setDebugging(false);
  setObserver(undefined);
});

/** Its report shows that those before it have come. */
class LastOne extends Error {}

const MAX_COLLECTIONS = 100;

/** Collects garbage until `done()`. */
async function collectUntil(done: () => boolean): Promise<void> {
  for (let i = 0; i < MAX_COLLECTIONS; i++) {
    await nextTurn();
    gc!();
    await nextTurn();
    if (done()) return;
  }
  throw new Error(`not done after ${MAX_COLLECTIONS} collections; logged: ${JSON.stringify(logged)}`);
}

/** Runs `make`, drops the Deferreds that it returns, and waits until each was collected and what was to be logged is. */
async function afterDropping(make: () => Deferred<unknown>[] | Promise<Deferred<unknown>[]>): Promise<LogEvent[]> {
  const refs = await (async () => (await make()).map((d) => new WeakRef(d)))();
  await collectUntil(() => refs.every((ref) => ref.deref() === undefined));
  // Reports come in the order of the collections at best: this one is dropped last.
  const last = new LastOne();
  (() => {
    fail(last);
  })();
  await collectUntil(() => logged.some((event) => event.error === last));
  return logged.filter((event) => !(event.error instanceof LastOne));
}

const report = (error: unknown): unknown =>
  expect.objectContaining({ level: "error", message: "Unhandled error in Deferred", error });

describe("a failure that nobody handles", () => {
  it("is logged once the Deferred was collected, once", async () => {
    const error = new Error("lost");
    expect(await afterDropping(() => [fail(error)])).toEqual([report(error)]);
  });

  it("is logged for each of many, each once", async () => {
    const errors = Array.from({ length: 3000 }, (_, i) => new Error(`number ${i}`));
    const events = await afterDropping(() => errors.map((error) => fail(error)));
    expect(events).toHaveLength(errors.length);
    expect(new Set(events.map((event) => event.error))).toEqual(new Set(errors));
  });

  it("is not logged while the Deferred is alive", async () => {
    const d = fail(new Error("kept"));
    expect(await afterDropping(() => [])).toEqual([]);
    d.addErrback(() => {});
  });

  it("is logged when a callback threw it with the Deferred on its stack", async () => {
    const events = await afterDropping(() => [
      succeed(1).addCallback(() => {
        throw new Error("from inside");
      }),
    ]);
    expect(events).toEqual([report(expect.objectContaining({ message: "from inside" }))]);
  });

  it("is logged when a method of an object that holds the Deferred made it", async () => {
    class Client {
      readonly done = new Deferred<number>();
      stop(): this {
        this.done.errback(new Error("stopped", { cause: new Error("by hand") }));
        return this;
      }
    }
    const events = await afterDropping(() => [new Client().stop().done]);
    expect(events).toEqual([report(expect.objectContaining({ message: "stopped" }))]);
  });

  it("is logged when it skipped callbacks", async () => {
    const error = new Error("passed by");
    const events = await afterDropping(() => {
      const d = new Deferred<number>();
      const chained = d.addCallback((r) => r + 1).addCallback(String);
      d.errback(error);
      return [chained];
    });
    expect(events).toEqual([report(error)]);
  });

  it("is logged when an errback threw it in place of another", async () => {
    const second = new Error("second");
    const events = await afterDropping(() => [
      fail(new Error("first")).addErrback(() => {
        throw second;
      }),
    ]);
    expect(events).toEqual([report(second)]);
  });

  it("is logged once, as the error that replaced it many collections later", async () => {
    const held = [fail(new Error("first"))];
    await afterDropping(() => []);
    const second = new Error("second");
    held[0]?.addErrback(() => {
      throw second;
    });
    expect(await afterDropping(() => held.splice(0))).toEqual([report(second)]);
  });

  it("is logged when it is not an Error", async () => {
    expect(await afterDropping(() => [fail("only text")])).toEqual([report("only text")]);
  });

  it("is logged when its causes form a cycle", async () => {
    const error = new Error("round");
    error.cause = new Error("and round", { cause: error });
    const events = await afterDropping(() => [fail(error)]);
    expect(events.map((event) => event.error === error)).toEqual([true]);
  });

  it("is logged when the Deferred is paused for good", async () => {
    const error = new Error("paused");
    const events = await afterDropping(() => {
      const d = new Deferred<number>();
      d.pause();
      d.addErrback(() => {});
      d.errback(error);
      return [d];
    });
    expect(events).toEqual([report(error)]);
  });

  it("is logged when it is a cancellation", async () => {
    const events = await afterDropping(() => {
      const d = new Deferred<number>();
      d.cancel();
      return [d];
    });
    expect(events).toEqual([report(expect.any(CancelledError))]);
  });

  it("is logged when it is a promise's rejection", async () => {
    const error = new Error("rejected");
    const events = await afterDropping(() => [Deferred.fromPromise(Promise.reject(error))]);
    expect(events).toEqual([report(error)]);
  });
});

describe("a failure that is handled", () => {
  it("at once is not logged", async () => {
    const events = await afterDropping(() => [
      fail(new Error("a")).addErrback(() => {}),
      fail(new Error("b")).addBoth(() => {}),
      fail(new Error("c")).addCallbacks(
        () => {},
        () => {},
      ),
    ]);
    expect(events).toEqual([]);
  });

  it("does not keep the Deferred alive until the end of the tick", () => {
    const heap = (): number => {
      gc!();
      return process.memoryUsage().heapUsed;
    };
    const before = heap();
    for (let i = 0; i < 20_000; i++) {
      const d = fail("handled at once");
      Object.assign(d, { ballast: new Array(1000).fill(i) });
      d.addErrback(() => {});
    }
    // All of them would be 160 MB.
    expect(heap() - before).toBeLessThan(40e6);
  });

  it("many turns and collections later is not logged", async () => {
    const held = [fail(new Error("patience"))];
    await afterDropping(() => []);
    held[0]?.addErrback(() => {});
    expect(await afterDropping(() => held.splice(0))).toEqual([]);
  });

  it("after a pause is not logged", async () => {
    const events = await afterDropping(() => {
      const d: Deferred<unknown> = fail(new Error("paused"));
      d.pause();
      d.addErrback(() => {});
      d.unpause();
      return [d];
    });
    expect(events).toEqual([]);
  });

  /** Awaits `d`, and comes to nothing. */
  async function swallow(d: Deferred<unknown>): Promise<void> {
    try {
      await d;
    } catch {
      return;
    }
    throw new Error("it did not fail");
  }

  it("by await is not logged, whether it came before or during the await", async () => {
    const events = await afterDropping(async () => {
      const before = fail(new Error("a"));
      await swallow(before);
      const during = new Deferred<number>();
      setImmediate(() => during.errback(new Error("b")));
      await swallow(during);
      return [before, during];
    });
    expect(events).toEqual([]);
  });

  it("by then() or asPromise() is not logged", async () => {
    const events = await afterDropping(async () => {
      const all = [fail(new Error("a")), fail(new Error("b"))];
      await all[0]?.then(undefined, () => {});
      await all[1]?.asPromise().catch(() => {});
      return all;
    });
    expect(events).toEqual([]);
  });

  it("by await is not logged when it skips further callbacks", async () => {
    const events = await afterDropping(async () => {
      const d = fail(new Error("a"));
      await swallow(d);
      return [d.addCallback(() => 1)];
    });
    expect(events).toEqual([]);
  });

  it("by await is not logged, but another one after it is", async () => {
    const second = new Error("second");
    const events = await afterDropping(async () => {
      const d = succeed(1).addCallback(() => {
        throw new Error("first, with the Deferred in its stack");
      });
      await swallow(d);
      return [
        d.addErrback(() => {
          throw second;
        }),
      ];
    });
    expect(events).toEqual([report(second)]);
  });

  it("and replaced by another is logged as the other", async () => {
    const held = [fail(new Error("first"))] as Deferred<unknown>[];
    await afterDropping(() => []);
    const second = new Error("second");
    held[0]?.addErrback(() => {});
    held[0]?.addCallback(() => {
      throw second;
    });
    expect(await afterDropping(() => held.splice(0))).toEqual([report(second)]);
  });

  it("does not keep the Deferred alive", async () => {
    const held = [fail(new Error("first"))] as Deferred<unknown>[];
    await afterDropping(() => []);
    held[0]?.addErrback(() => {
      throw new Error("second, with the Deferred in its stack");
    });
    await held[0]?.asPromise().catch(() => {});
    expect(await afterDropping(() => held.splice(0))).toEqual([]);
  });
});

describe("a failure that is handed to another Deferred", () => {
  it("is reported for the other when it was returned from a callback", async () => {
    const error = new Error("inner");
    const events = await afterDropping(() => {
      const ready = fail(error);
      const late = new Deferred<number>();
      const outers = [succeed(1).addCallback(() => ready), succeed(1).addCallback(() => late)];
      late.errback(new Error("handled outside"));
      outers[1]?.addErrback(() => {});
      return [ready, late, ...outers];
    });
    expect(events).toEqual([report(error)]);
  });

  it("is reported for the other when it was chained", async () => {
    const error = new Error("chained");
    const events = await afterDropping(() => {
      const other = new Deferred<number>();
      const d = new Deferred<number>();
      const all = [other, d, d.chainDeferred(other)];
      d.errback(error);
      return all;
    });
    expect(events).toEqual([report(error)]);
  });

  it("many collections after it occurred is logged for the other alone", async () => {
    const error = new Error("late hand-over");
    const held = [fail(error)];
    await afterDropping(() => []);
    const events = await afterDropping(() => {
      const [inner] = held.splice(0);
      return [succeed(1).addCallback(() => inner!), inner!];
    });
    expect(events).toEqual([report(error)]);
  });
});

describe("the failure of one among many", () => {
  it("in a DeferredList is logged once, for the member", async () => {
    const error = new Error("member");
    const events = await afterDropping(() => {
      const member = new Deferred<number>();
      const list = new DeferredList([succeed(1), member]);
      member.errback(error);
      return [member, list];
    });
    expect(events).toEqual([report(error)]);
  });

  it("in a DeferredList is logged once when the member had failed before", async () => {
    const error = new Error("before");
    const events = await afterDropping(() => {
      const member = fail(error);
      return [member, new DeferredList([member])];
    });
    expect(events).toEqual([report(error)]);
  });

  it("in a DeferredList is not logged when the member handles it afterwards, or the list consumes errors", async () => {
    const events = await afterDropping(() => {
      const handled = fail(new Error("handled"));
      const consumed = fail(new Error("consumed"));
      const lists = [new DeferredList([handled]), new DeferredList([consumed], { consumeErrors: true })];
      handled.addErrback(() => {});
      return [handled, consumed, ...lists];
    });
    expect(events).toEqual([]);
  });

  it.each([[false], [true]])(
    "is the list's to answer for when that fails with it, consumeErrors %s",
    async (consume) => {
      const error = new Error("first");
      const events = await afterDropping(() => {
        const member = fail(error);
        return [member, gatherResults([member], consume)];
      });
      expect(events).toEqual([report(expect.any(FirstError))]);
      expect(events[0]?.error).toHaveProperty("cause", error);
    },
  );

  it("is logged for the member when the list handled only the first failure", async () => {
    const second = new Error("second");
    const events = await afterDropping(() => {
      const members = [new Deferred<number>(), new Deferred<number>()];
      const all = gatherResults(members).addErrback(() => {});
      members[1]?.errback(new Error("first"));
      members[0]?.errback(second);
      return [...members, all];
    });
    expect(events).toEqual([report(second)]);
  });

  it("is logged as the error that a later errback of the member makes of it", async () => {
    const second = new Error("thrown by a later link");
    const events = await afterDropping(() => {
      const member = fail(new Error("first"));
      const all = gatherResults([member]).addErrback(() => {});
      return [
        all,
        member.addErrback(() => {
          throw second;
        }),
      ];
    });
    expect(events).toEqual([report(second)]);
  });

  it("is logged for the list alone when the member is a promise", async () => {
    const error = new Error("rejected");
    const rejections: unknown[] = [];
    const listener = (reason: unknown): void => {
      rejections.push(reason);
    };
    process.on("unhandledRejection", listener);
    const events = await afterDropping(async () => {
      const plain = new DeferredList([Promise.reject(new Error("among the results"))]);
      await plain;
      const all = gatherResults([Promise.reject(error), Promise.reject(new Error("second"))]);
      await nextTurn();
      return [plain, all];
    });
    process.off("unhandledRejection", listener);
    expect(events).toEqual([report(expect.any(FirstError))]);
    expect(events[0]?.error).toHaveProperty("cause", error);
    expect(rejections).toEqual([]);
  });

  it("in a race is logged only when every member failed, together with the others", async () => {
    const events = await afterDropping(() => {
      const winner = new Deferred<number>();
      const loser = new Deferred<number>();
      const won = race([fail(new Error("early")), winner, loser]);
      winner.callback(1);
      return [won, winner, loser, race([fail(new Error("a")), fail(new Error("b"))])];
    });
    expect(events).toEqual([report(expect.any(FailureGroup))]);
  });

  it("of a function that runs under a lock is logged once", async () => {
    const error = new Error("under the lock");
    const events = await afterDropping(() => {
      const lock = new DeferredLock();
      return [lock.run(() => fail(error)), lock.run(() => 1)];
    });
    expect(events).toEqual([report(error)]);
  });

  it("is logged when the Deferred refers to itself", async () => {
    const error = new Error("in a circle");
    const events = await afterDropping(() => {
      const d: Deferred<number> = new Deferred<number>();
      Object.assign(d, { self: d });
      d.addCallback(() => {
        void d;
        throw error;
      });
      d.callback(1);
      return [d];
    });
    expect(events).toEqual([report(error)]);
  });

  it("is handled by an errback that returns a Deferred which never fires", async () => {
    const events = await afterDropping(() => {
      const never = new Deferred<number>();
      return [fail(new Error("oh no")).addErrback(() => never), never];
    });
    expect(events).toEqual([]);
  });
});

describe("debugging", () => {
  it("is off by default, and can be switched on and off", () => {
    expect(getDebugging()).toBe(false);
    setDebugging(true);
    expect(getDebugging()).toBe(true);
    setDebugging(false);
    expect(getDebugging()).toBe(false);
  });

  function makeItHere(): Deferred<number> {
    return new Deferred<number>();
  }
  function fireItHere(d: Deferred<number>): void {
    d.callback(1);
  }
  function failItHere(d: Deferred<number>, reason: Error): void {
    d.errback(reason);
  }
  function messageOfSecondFire(d: Deferred<number>): string {
    try {
      d.callback(2);
    } catch (error) {
      expect(error).toBeInstanceOf(AlreadyCalledError);
      return (error as Error).message;
    }
    throw new Error("the second fire was accepted");
  }

  it("adds to AlreadyCalledError where the Deferred was created and first fired", () => {
    setDebugging(true);
    const d = makeItHere();
    fireItHere(d);
    const message = messageOfSecondFire(d);
    expect(message).toMatch(/It was created:\n +at makeItHere .*defer-unhandled\.test\.ts/);
    expect(message).toMatch(/It was first fired:[\s\S]*at fireItHere .*defer-unhandled\.test\.ts/);
  });

  it("adds that to the report of an unhandled failure, in one event", async () => {
    setDebugging(true);
    const error = new Error("traced");
    const [event, ...more] = await afterDropping(() => {
      const d = makeItHere();
      failItHere(d, error);
      return [d];
    });
    expect(more).toEqual([]);
    expect(event?.error).toBe(error);
    expect(event?.message).toMatch(/^Unhandled error in Deferred\nIt was created:\n +at makeItHere /);
    expect(event?.message).toMatch(/It was first fired:[\s\S]*at failItHere /);
  });

  it("does not report what is handled", async () => {
    setDebugging(true);
    expect(await afterDropping(() => [fail(new Error("x")).addErrback(() => {}), makeItHere()])).toEqual([]);
  });

  it("adds no place while it is off", () => {
    const d = makeItHere();
    setDebugging(true);
    fireItHere(d);
    expect(messageOfSecondFire(d)).not.toContain("It was");
  });

  it("does not change how a chain runs", () => {
    setDebugging(true);
    const inner = new Deferred<number>();
    let seen: unknown;
    succeed(0)
      .addCallback(() => inner)
      .addBoth((r) => {
        seen = r;
      });
    const failure = new Failure("no");
    inner.errback(failure);
    expect(seen).toBe(failure);
  });

  const fires = {
    callback: (d: Deferred<number>): void => fireItHere(d),
    errback: (d: Deferred<number>): void => failItHere(d, new Error("fired with an error")),
  };

  it.each([
    ["callback", "callback"],
    ["callback", "errback"],
    ["errback", "callback"],
    ["errback", "errback"],
  ] as const)("tells of the first fire by %s when the second is by %s", (first, second) => {
    setDebugging(true);
    const d = makeItHere();
    d.addErrback(() => 0);
    fires[first](d);
    expect(() => fires[second](d)).toThrow(/It was created:\n +at makeItHere [\s\S]*It was first fired:[\s\S]*ItHere /);
  });

  it("adds where an inlineCallbacks function was called, once, and not for the Deferred that it waited for", async () => {
    setDebugging(true);
    const error = new Error("inline");
    const f = inlineCallbacks(function* () {
      yield fail(error);
    });
    function callItHere(): Deferred<unknown> {
      return f();
    }
    const events = await afterDropping(() => [callItHere()]);
    expect(events.map((event) => event.error)).toEqual([error]);
    expect(events[0]?.message).toMatch(/It was created:[\s\S]*at callItHere /);
  });

  it("reports an error that was raised while another was handled as the new one", async () => {
    setDebugging(true);
    const other = new Error("raised then");
    const events = await afterDropping(() => {
      const d = makeItHere();
      d.addErrback(() => 1).addCallback(() => {
        throw other;
      });
      failItHere(d, new Error("handled"));
      return [d];
    });
    expect(events.map((event) => event.error)).toEqual([other]);
    expect(events[0]?.message).toMatch(/It was created:\n +at makeItHere /);
  });

  it("adds where a DeferredList was created", async () => {
    setDebugging(true);
    function listItHere(): Deferred<unknown> {
      return gatherResults([Promise.reject(new Error("x"))]);
    }
    const events = await afterDropping(async () => {
      const list = listItHere();
      await nextTurn();
      return [list];
    });
    expect(events).toHaveLength(1);
    expect(events[0]?.message).toMatch(/It was created:[\s\S]*at listItHere /);
  });
});
