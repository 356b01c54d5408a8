import { AsyncLocalStorage } from "node:async_hooks";
import { MessageChannel } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deferred } from "../../src/entries/defer.ts";
import { AlreadyCalled, ReactorAlreadyRunning, ReactorNotRunning } from "../../src/internet/error.ts";
import type { TriggerId, TriggerPhase } from "../../src/internet/interfaces.ts";
import { ReactorBase } from "../../src/internet/reactor/base.ts";
import { type LogEvent, setObserver } from "../../src/logger/logger.ts";

/** A reactor without I/O: a port that is open keeps the process alive. It notes what is asked of it. */
class QuietReactor extends ReactorBase {
  readonly asked: string[] = [];
  /** What disconnectAll() returns. */
  disconnected: Deferred<unknown> | undefined;
  ioError: Error | undefined;
  #channel: MessageChannel | undefined;

  protected override startIO(): void {
    this.asked.push("startIO");
    if (this.ioError !== undefined) throw this.ioError;
    this.#channel = new MessageChannel();
    this.#channel.port1.on("message", () => undefined);
  }

  protected override stopIO(): void {
    this.asked.push("stopIO");
    this.#channel?.port1.close();
    this.#channel = undefined;
  }

  protected override disconnectAll(): Deferred<unknown> | undefined {
    this.asked.push("disconnectAll");
    return this.disconnected;
  }
}

const logged: LogEvent[] = [];
let reactor: QuietReactor;

beforeEach(() => {
  logged.length = 0;
  setObserver((event) => logged.push(event));
  reactor = new QuietReactor();
});

afterEach(() => {
  reactor.crash();
  setObserver(undefined);
  vi.restoreAllMocks();
});

const errors = () => logged.filter(({ level }) => level === "error").map(({ error }) => (error as Error).message);
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Run the reactor while `body` runs. */
async function during(body: () => unknown): Promise<void> {
  const ended = reactor.run();
  await body();
  reactor.stop();
  await ended;
}

describe("run and stop", () => {
  it("is running when run() returns, and run() resolves after the shutdown", async () => {
    const ended = reactor.run();
    expect(reactor.running).toBe(true);
    expect(reactor.asked).toEqual(["startIO"]);
    reactor.stop();
    expect(reactor.running).toBe(true);
    await ended;
    expect(reactor.running).toBe(false);
    expect(reactor.asked).toEqual(["startIO", "disconnectAll", "stopIO"]);
  });

  it("refuses run() while it is running", async () => {
    await during(() => {
      expect(() => reactor.run()).toThrow(ReactorAlreadyRunning);
    });
  });

  it("refuses run() while it shuts down", async () => {
    const ended = reactor.run();
    const before = new Deferred<void>();
    reactor.addSystemEventTrigger("before", "shutdown", () => before);
    reactor.stop();
    expect(() => reactor.run()).toThrow(ReactorAlreadyRunning);
    await turn();
    expect(() => reactor.run()).toThrow(ReactorAlreadyRunning);
    before.callback();
    await ended;
  });

  it("refuses stop() before it runs, a second time, and after it ran", async () => {
    expect(() => reactor.stop()).toThrow(ReactorNotRunning);
    const ended = reactor.run();
    reactor.stop();
    expect(() => reactor.stop()).toThrow(ReactorNotRunning);
    await ended;
    expect(() => reactor.stop()).toThrow(ReactorNotRunning);
  });

  it("can be run again after it stopped", async () => {
    const ran: string[] = [];
    for (const name of ["first", "second"]) {
      reactor.callWhenRunning(() => ran.push(name));
      await during(() => new Promise<void>((resolve) => reactor.callLater(0, resolve)));
    }
    expect(ran).toEqual(["first", "second"]);
    expect(reactor.asked).toEqual([..."ab"].flatMap(() => ["startIO", "disconnectAll", "stopIO"]));
  });

  it("stops from a delayed call", async () => {
    const ended = reactor.run();
    reactor.callLater(0, () => reactor.stop());
    await ended;
    expect(reactor.running).toBe(false);
  });

  it("rejects the promise of run() when the I/O cannot start, and can be run later", async () => {
    reactor.ioError = new Error("no descriptors");
    let started = 0;
    reactor.callWhenRunning(() => started++);
    await expect(reactor.run()).rejects.toThrow("no descriptors");
    expect(reactor.running).toBe(false);
    expect(started).toBe(0);
    reactor.ioError = undefined;
    await during(() => expect(started).toBe(1));
  });

  it("completes the shutdown when ending the connections fails", async () => {
    const ended = reactor.run();
    reactor.disconnected = new Deferred<unknown>();
    reactor.disconnected.errback(new Error("stuck"));
    reactor.stop();
    await ended;
    expect(errors()).toEqual(["stuck"]);
  });

  it("is stopped and waited for by `await using`", async () => {
    const ended = reactor.run();
    let over = false;
    reactor.addSystemEventTrigger("after", "shutdown", () => {
      over = true;
    });
    await reactor[Symbol.asyncDispose]();
    expect(over).toBe(true);
    await ended;
  });

  it("does nothing on disposal when it is not running, and waits for a stop in progress", async () => {
    await reactor[Symbol.asyncDispose]();
    const ended = reactor.run();
    reactor.stop();
    await reactor[Symbol.asyncDispose]();
    expect(reactor.running).toBe(false);
    await ended;
  });
});

describe("crash", () => {
  it("stops at once, without the shutdown event, and lets the reactor run again", async () => {
    let fired = 0;
    reactor.addSystemEventTrigger("before", "shutdown", () => fired++);
    const ended = reactor.run();
    reactor.crash();
    expect(reactor.running).toBe(false);
    expect(reactor.asked).toEqual(["startIO", "stopIO"]);
    await ended;
    expect(fired).toBe(0);
    await during(() => undefined);
    expect(fired).toBe(1);
  });

  it("does nothing when the reactor is idle", () => {
    reactor.crash();
    expect(reactor.asked).toEqual([]);
  });

  it("keeps due calls for the next run", async () => {
    const calls: string[] = [];
    reactor.callLater(0, () => reactor.crash());
    reactor.callLater(0, () => calls.push("second"));
    await reactor.run();
    await turn();
    expect(calls).toEqual([]);
    await during(turn);
    expect(calls).toEqual(["second"]);
  });

  it("ends a shutdown that is waiting", async () => {
    const ended = reactor.run();
    const after: string[] = [];
    const before = new Deferred<void>();
    reactor.addSystemEventTrigger("before", "shutdown", () => before);
    reactor.addSystemEventTrigger("after", "shutdown", () => after.push("after"));
    reactor.stop();
    await turn();
    reactor.crash();
    await ended;
    before.callback();
    expect(after).toEqual([]);
    expect(reactor.asked).toEqual(["startIO", "stopIO"]);
  });
});

describe("system events", () => {
  it("run before, during, after triggers in order at startup; running is true from during on", async () => {
    const ran: string[] = [];
    const note = (name: string) => ran.push(`${name} ${reactor.running}`);
    reactor.callWhenRunning(note, "when running 1");
    reactor.addSystemEventTrigger("after", "startup", note, "after");
    reactor.addSystemEventTrigger("during", "startup", note, "during");
    reactor.addSystemEventTrigger("before", "startup", note, "before");
    reactor.callWhenRunning(note, "when running 2");
    await during(() => undefined);
    expect(ran).toEqual(["before false", "during true", "when running 1 true", "after true", "when running 2 true"]);
  });

  it("run before, during, after triggers in order at shutdown; running is false from during on", async () => {
    const ran: string[] = [];
    for (const phase of ["after", "during", "before"] as const) {
      reactor.addSystemEventTrigger(phase, "shutdown", () => {
        ran.push(`${phase} ${reactor.running} ${reactor.asked.slice(1)}`);
      });
    }
    await during(() => undefined);
    expect(ran).toEqual(["before true ", "during false disconnectAll", "after false disconnectAll"]);
  });

  it("wait for Deferreds of before-startup triggers, while timers run", async () => {
    const before = new Deferred<void>();
    reactor.addSystemEventTrigger("before", "startup", () => before);
    const ended = reactor.run();
    expect(reactor.running).toBe(false);
    expect(reactor.asked).toEqual([]);
    reactor.callLater(0, () => before.callback());
    await new Promise<void>((resolve) => reactor.callWhenRunning(resolve));
    expect(reactor.running).toBe(true);
    reactor.stop();
    await ended;
  });

  it("wait for Deferreds of before-shutdown triggers, while timers and I/O run", async () => {
    const ended = reactor.run();
    const waiting = new Deferred<void>();
    reactor.addSystemEventTrigger("before", "shutdown", () => waiting);
    reactor.stop();
    await turn();
    await new Promise<void>((resolve) => reactor.callLater(0.001, resolve));
    expect(reactor.running).toBe(true);
    expect(reactor.asked).toEqual(["startIO"]);
    waiting.callback();
    await ended;
  });

  it("wait during shutdown until every connection has ended, while timers run", async () => {
    const ran: string[] = [];
    const ended = reactor.run();
    const disconnected = new Deferred<unknown>();
    reactor.disconnected = disconnected;
    reactor.addSystemEventTrigger("during", "shutdown", () => ran.push("during"));
    reactor.stop();
    await turn();
    reactor.callLater(0, () => {
      ran.push("timer");
      disconnected.callback(undefined);
    });
    await ended;
    expect(ran).toEqual(["timer", "during"]);
  });

  it("continue when a trigger fails", async () => {
    const ended = reactor.run();
    reactor.addSystemEventTrigger("before", "shutdown", () => {
      throw new Error("exploded");
    });
    reactor.addSystemEventTrigger("before", "shutdown", () => Promise.reject(new Error("rejected")));
    reactor.stop();
    await ended;
    expect(errors()).toEqual(["exploded", "rejected"]);
  });

  it("complete the startup before a stop() that a startup trigger calls", async () => {
    const ran: string[] = [];
    reactor.addSystemEventTrigger("before", "startup", () => reactor.stop());
    reactor.addSystemEventTrigger("after", "startup", () => ran.push("after startup"));
    reactor.addSystemEventTrigger("before", "shutdown", () => ran.push("before shutdown"));
    await reactor.run();
    expect(ran).toEqual(["after startup", "before shutdown"]);
    expect(reactor.asked).toEqual(["startIO", "disconnectAll", "stopIO"]);
  });

  it("abandon a startup that is waiting when the reactor is stopped", async () => {
    const before = new Deferred<void>();
    reactor.addSystemEventTrigger("before", "startup", () => before);
    const ended = reactor.run();
    reactor.stop();
    await ended;
    before.callback();
    expect(reactor.running).toBe(false);
    expect(reactor.asked).toEqual(["startIO", "disconnectAll", "stopIO"]);
  });

  it("may have any name, and are fired by name", () => {
    const ran: string[] = [];
    reactor.addSystemEventTrigger("after", "reload", () => ran.push("after"));
    reactor.addSystemEventTrigger("before", "reload", (name: string) => ran.push(name), "before");
    reactor.fireSystemEvent("reload");
    reactor.fireSystemEvent("reload");
    reactor.fireSystemEvent("nobody listens");
    expect(ran).toEqual(["before", "after"]);
  });

  it("are not fired again while they are in progress", () => {
    const ran: string[] = [];
    const before = new Deferred<void>();
    reactor.addSystemEventTrigger("before", "reload", () => before);
    reactor.addSystemEventTrigger("after", "reload", () => ran.push("after"));
    reactor.fireSystemEvent("reload");
    reactor.fireSystemEvent("reload");
    before.callback();
    expect(ran).toEqual(["after"]);
  });

  it("stop the reactor when the event shutdown is fired", async () => {
    const ended = reactor.run();
    reactor.fireSystemEvent("shutdown");
    await ended;
    expect(reactor.asked).toEqual(["startIO", "disconnectAll", "stopIO"]);
  });

  it("do not run a removed trigger, and refuse to remove it again or once it ran", async () => {
    const ran: string[] = [];
    const removed = reactor.addSystemEventTrigger("before", "startup", () => ran.push("removed"));
    const kept = reactor.callWhenRunning(() => ran.push("kept")) as TriggerId;
    reactor.removeSystemEventTrigger(removed);
    expect(() => reactor.removeSystemEventTrigger(removed)).toThrow(RangeError);
    await during(() => undefined);
    expect(() => reactor.removeSystemEventTrigger(kept)).toThrow(RangeError);
    expect(() => reactor.removeSystemEventTrigger({ phase: "before", event: "never heard of" })).toThrow(
      /There is no such "before never heard of" trigger/,
    );
    expect(ran).toEqual(["kept"]);
  });

  it("refuse an unknown phase, and a trigger that is not a function", () => {
    expect(() => reactor.addSystemEventTrigger("amid" as TriggerPhase, "startup", () => 0)).toThrow(RangeError);
    expect(() => reactor.addSystemEventTrigger("before", "startup", "f" as unknown as () => void)).toThrow(TypeError);
  });
});

describe("callWhenRunning", () => {
  it("calls at once when the reactor is running", async () => {
    await during(() => {
      const calls: unknown[] = [];
      expect(reactor.callWhenRunning((...args: number[]) => calls.push(args), 1, 2)).toBeUndefined();
      expect(calls).toEqual([[1, 2]]);
    });
  });
});

describe("seconds", () => {
  it("counts from the epoch and never goes back", () => {
    expect(Math.abs(reactor.seconds() - Date.now() / 1000)).toBeLessThan(5);
    let last = reactor.seconds();
    for (let i = 0; i < 1000; i++) {
      const next = reactor.seconds();
      expect(next).toBeGreaterThanOrEqual(last);
      last = next;
    }
  });
});

describe("callLater", () => {
  it("never calls early by seconds(), and passes the arguments", async () => {
    await during(async () => {
      for (const delay of [0, 0.0004, 0.001, 0.0015, 0.004, 0.01]) {
        const start = reactor.seconds();
        const got = await new Promise((resolve) => reactor.callLater(delay, (...args) => resolve(args), "a", 1));
        expect(reactor.seconds() - start).toBeGreaterThanOrEqual(delay - 1e-6); // seconds() has steps of 0.24 µs
        expect(got).toEqual(["a", 1]);
      }
    });
  });

  it("calls in time order", async () => {
    await during(async () => {
      const calls: number[] = [];
      await new Promise<void>((resolve) => {
        for (const delay of [0.004, 0, 0.002, 0.0001]) reactor.callLater(delay, () => calls.push(delay));
        reactor.callLater(0.004, resolve);
      });
      expect(calls).toEqual([0, 0.0001, 0.002, 0.004]);
    });
  });

  it("makes a call that is due now in the next tick, not in this one", async () => {
    await during(async () => {
      let called = false;
      reactor.callLater(0, () => {
        called = true;
      });
      await Promise.resolve();
      expect(called).toBe(false);
      await turn();
      expect(called).toBe(true);
    });
  });

  it("makes calls that a call schedules in a later tick, so that I/O is not starved", async () => {
    await during(async () => {
      let rounds = 0;
      const again = () => {
        rounds++;
        reactor.callLater(0, again);
      };
      reactor.callLater(0, again);
      for (let i = 1; i <= 5; i++) {
        await turn();
        expect(rounds).toBeLessThanOrEqual(i);
      }
      expect(rounds).toBeGreaterThan(0);
    });
  });

  it("isolates each call: an exception or rejection is logged, and the others are made", async () => {
    await during(async () => {
      const calls: string[] = [];
      reactor.callLater(0, () => {
        throw new Error("thrown");
      });
      reactor.callLater(0, async () => {
        throw new Error("rejected");
      });
      reactor.callLater(0, () => calls.push("third"));
      await turn();
      expect(calls).toEqual(["third"]);
    });
    expect(errors()).toEqual(["thrown", "rejected"]);
    expect(logged[0]?.message).toBe("A delayed call failed");
  });

  it("makes no call before the reactor runs, and overdue calls in its first tick", async () => {
    const timeouts = vi.spyOn(globalThis, "setTimeout");
    const immediates = vi.spyOn(globalThis, "setImmediate");
    const calls: string[] = [];
    reactor.callLater(0, () => calls.push("call"));
    reactor.callLater(60, () => calls.push("never"));
    expect(timeouts).not.toHaveBeenCalled();
    expect(immediates).not.toHaveBeenCalled();
    await during(turn);
    expect(calls).toEqual(["call"]);
  });

  it("refuses a delay that is negative or not a number, and what is not a function", () => {
    expect(() => reactor.callLater(-1, () => 0)).toThrow(RangeError);
    expect(() => reactor.callLater(Number.NaN, () => 0)).toThrow(/0 or more, not NaN/);
    expect(() => reactor.callLater(1, undefined as unknown as () => void)).toThrow(/needs a function/);
  });

  it("lists the pending calls in time order", async () => {
    const [late, soon] = [reactor.callLater(20, () => 0), reactor.callLater(10, () => 0)];
    reactor.callLater(5, () => 0).cancel();
    expect(reactor.getDelayedCalls()).toEqual([soon, late]);
    await during(() => new Promise<void>((resolve) => reactor.callLater(0, resolve)));
    expect(reactor.getDelayedCalls()).toEqual([soon, late]);
  });

  it("refuses a reset after the call with AlreadyCalled", async () => {
    await during(async () => {
      const call = reactor.callLater(0, () => 0);
      await turn();
      expect(() => call.reset(1)).toThrow(AlreadyCalled);
    });
  });

  it("does not leak the AsyncLocalStorage store of the code that armed Node's timer into calls", async () => {
    const store = new AsyncLocalStorage<string>();
    await during(async () => {
      const seen: unknown[] = [];
      for (const delay of [0, 0.001]) {
        const called = new Promise<void>((resolve) => {
          reactor.callLater(delay + 0.001, () => {
            seen.push(store.getStore());
            resolve();
          });
          store.run("somebody's", () => reactor.callLater(delay, () => seen.push(store.getStore())));
        });
        await called;
      }
      expect(seen).toEqual([undefined, undefined, undefined, undefined]);
    });
  });
});

describe("Node's timers", () => {
  /** Timeouts that the test fires, and a time that it sets. */
  function control() {
    const state = { time: 1_700_000_000, armed: [] as { ms: number; fire: () => void }[] };
    vi.spyOn(ReactorBase.prototype, "seconds").mockImplementation(() => state.time);
    vi.spyOn(globalThis, "setTimeout").mockImplementation(((fire: () => void, ms: number) => {
      state.armed.push({ ms, fire });
      return {};
    }) as unknown as typeof setTimeout);
    reactor = new QuietReactor();
    return state;
  }

  it("are armed once for many calls, unless an earlier one is added", async () => {
    const { armed } = control();
    await during(() => {
      reactor.callLater(5, () => 0);
      for (let i = 0; i < 1000; i++) reactor.callLater(5 + i, () => 0);
      expect(armed.map(({ ms }) => ms)).toEqual([5000]);
      reactor.callLater(2, () => 0);
      expect(armed.map(({ ms }) => ms)).toEqual([5000, 2000]);
    });
  });

  it("are not changed by a call with a far deadline and its cancellation", async () => {
    const { armed } = control();
    const cleared = vi.spyOn(globalThis, "clearTimeout");
    const ended = reactor.run();
    reactor.callLater(1, () => 0);
    for (let i = 0; i < 100; i++) reactor.callLater(30, () => 0).cancel();
    expect(armed).toHaveLength(1);
    expect(cleared).toHaveBeenCalledTimes(1); // of no timeout, before the first was armed
    reactor.crash();
    await ended;
  });

  it("wait for a call in thirty days in several steps", async () => {
    const state = control();
    let calls = 0;
    const ended = reactor.run();
    reactor.callLater(30 * 86_400, () => calls++);
    expect(state.armed.map(({ ms }) => ms)).toEqual([2 ** 31 - 1]);
    state.time += (2 ** 31 - 1) / 1000;
    state.armed[0]!.fire();
    expect(calls).toBe(0);
    expect(state.armed).toHaveLength(2);
    expect(state.armed[1]!.ms).toBe(30 * 86_400_000 - (2 ** 31 - 1));
    state.time = 1_700_000_000 + 30 * 86_400;
    state.armed[1]!.fire();
    expect(calls).toBe(1);
    expect(state.armed).toHaveLength(2);
    reactor.crash();
    await ended;
  });

  it("need two ticks at most for a call that is due in 0.4 ms, though they may fire early", async () => {
    const state = control();
    let calls = 0;
    const ended = reactor.run();
    reactor.callLater(0.0004, () => calls++);
    state.time += 0.0003;
    state.armed[0]!.fire();
    expect(calls).toBe(0);
    expect(state.armed.map(({ ms }) => ms)).toEqual([1, 1]);
    state.time += 0.001;
    state.armed[1]!.fire();
    expect(calls).toBe(1);
    expect(state.armed).toHaveLength(2);
    reactor.crash();
    await ended;
  });

  it("are all cleared at the end of the run", async () => {
    const timeouts = vi.spyOn(globalThis, "setTimeout");
    const cleared = vi.spyOn(globalThis, "clearTimeout");
    const calls: string[] = [];
    const ended = reactor.run();
    reactor.callLater(60, () => calls.push("late"));
    reactor.callLater(0, () => calls.push("now"));
    reactor.crash();
    await ended;
    expect(cleared).toHaveBeenCalledWith(timeouts.mock.results[0]?.value);
    await turn();
    expect(calls).toEqual([]);
  });
});

describe("signals", () => {
  const listeners = () => process.listenerCount("SIGINT") + process.listenerCount("SIGTERM");

  it("stop the reactor at the first SIGTERM", async () => {
    const before = listeners();
    const ended = reactor.run();
    expect(listeners()).toBe(before + 2);
    process.kill(process.pid, "SIGTERM");
    await ended;
    expect(listeners()).toBe(before);
    expect(reactor.asked).toContain("disconnectAll");
    expect(logged[0]).toMatchObject({ level: "info" });
    expect(logged[0]?.message).toMatch(/^Received SIGTERM: shutting down/);
  });

  it("terminate the process at the second, by the signal itself", async () => {
    const before = listeners();
    const kill = vi.spyOn(process, "kill").mockImplementation(() => {
      expect(listeners()).toBe(before); // nobody of ours keeps the signal from its default
      return true;
    });
    const ended = reactor.run();
    reactor.addSystemEventTrigger("before", "shutdown", () => new Deferred<void>());
    process.emit("SIGINT", "SIGINT");
    await turn();
    expect(kill).not.toHaveBeenCalled();
    process.emit("SIGINT", "SIGINT");
    expect(kill).toHaveBeenCalledExactlyOnceWith(process.pid, "SIGINT");
    await ended;
    expect(reactor.asked).toEqual(["startIO", "stopIO"]);
  });

  it("are not handled with installSignalHandlers: false", async () => {
    const before = listeners();
    const ended = reactor.run({ installSignalHandlers: false });
    expect(listeners()).toBe(before);
    reactor.stop();
    await ended;
  });
});

describe("resolve", () => {
  it("returns a literal address as it is", async () => {
    expect(await reactor.resolve("192.0.2.1")).toBe("192.0.2.1");
  });
});
