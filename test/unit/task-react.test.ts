import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Deferred, fail, succeed } from "../../src/entries/defer.ts";
import { react, SystemExit } from "../../src/entries/task.ts";
import { ReactorBase } from "../../src/internet/reactor/base.ts";
import { type LogEvent, setObserver } from "../../src/logger/logger.ts";

let logged: LogEvent[];
beforeEach(() => {
  logged = [];
  setObserver((event) => logged.push(event));
});
afterEach(() => {
  setObserver(undefined);
});

/** A reactor without I/O. */
class TestReactor extends ReactorBase {
  runs = 0;
  protected override startIO(): void {
    this.runs++;
  }
  protected override stopIO(): void {}
  protected override disconnectAll(): undefined {}
}

type Main = (reactor: TestReactor, ...argv: string[]) => unknown;

/** Run `main`; the exit codes that were set. */
async function codes(main: Main, argv: string[] = [], reactor = new TestReactor()): Promise<number[]> {
  const set: number[] = [];
  const code = await react<TestReactor, string[]>(main, argv, {
    reactor,
    exit: (exitCode) => set.push(exitCode),
    installSignalHandlers: false,
  });
  expect(set).toEqual([code]);
  expect(reactor.running).toBe(false);
  expect(reactor.runs).toBe(1);
  return set;
}

describe("react", () => {
  it("runs the reactor until main's Deferred fires", async () => {
    let ran = false;
    expect(
      await codes((reactor) => {
        const d = new Deferred<void>();
        reactor.callLater(0, () => {
          ran = reactor.running;
          d.callback();
        });
        return d;
      }),
    ).toEqual([0]);
    expect(ran).toBe(true);
  });

  it("runs an async function", async () => {
    expect(
      await codes(async (reactor) => {
        await new Promise<void>((resolve) => reactor.callLater(0, () => resolve()));
      }),
    ).toEqual([0]);
  });

  it("ends at once when main's Deferred has already fired", async () => {
    expect(await codes(() => succeed(1))).toEqual([0]);
    expect(await codes(() => undefined)).toEqual([0]);
  });

  it("exits with 1 when main fails, and logs the error", async () => {
    const error = new Error("boom");
    expect(await codes(() => fail(error))).toEqual([1]);
    expect(logged.map((event) => [event.message, event.error])).toEqual([["main function encountered error", error]]);
  });

  it("exits with 1 when main fails later", async () => {
    const error = new Error("boom");
    expect(
      await codes((reactor) => {
        const d = new Deferred<void>();
        reactor.callLater(0, () => d.errback(error));
        return d;
      }),
    ).toEqual([1]);
    expect(logged.map((event) => event.error)).toEqual([error]);
  });

  it("exits with 1 when main throws", async () => {
    expect(
      await codes(() => {
        throw new Error("at once");
      }),
    ).toEqual([1]);
    expect(logged).toHaveLength(1);
  });

  it("exits with 1 when an async main rejects", async () => {
    expect(
      await codes(async () => {
        throw new Error("async");
      }),
    ).toEqual([1]);
    expect(logged).toHaveLength(1);
  });

  it("passes the reactor and the arguments", async () => {
    const reactor = new TestReactor();
    const seen: unknown[] = [];
    await codes((...args) => void seen.push(...args), ["a", "b"], reactor);
    expect(seen).toEqual([reactor, "a", "b"]);
  });

  it.each([0, 1, 23])("exits with the code %s of a SystemExit, and logs nothing", async (exitCode) => {
    expect(await codes(() => fail(new SystemExit(exitCode)))).toEqual([exitCode]);
    expect(
      await codes(async (reactor) => {
        await new Promise<void>((resolve) => reactor.callLater(0, () => resolve()));
        throw new SystemExit(exitCode);
      }),
    ).toEqual([exitCode]);
    expect(logged).toEqual([]);
  });

  it("exits with 0 when main stops the reactor and never fires", async () => {
    expect(
      await codes((reactor) => {
        reactor.callWhenRunning(() => reactor.stop());
        return new Deferred<void>();
      }),
    ).toEqual([0]);
  });

  it("allows main to stop the reactor and then fire", async () => {
    expect(
      await codes((reactor) => {
        const d = new Deferred<void>();
        reactor.callWhenRunning(() => {
          reactor.stop();
          d.callback();
        });
        return d;
      }),
    ).toEqual([0]);
    expect(logged).toEqual([]);
  });

  it("exits with 1 for a failure during the shutdown", async () => {
    expect(
      await codes((reactor) => {
        const d = new Deferred<void>();
        reactor.addSystemEventTrigger("before", "shutdown", () => d.errback(new Error("while it ends")));
        reactor.callWhenRunning(() => reactor.stop());
        return d;
      }),
    ).toEqual([1]);
    expect(logged).toHaveLength(1);
  });

  it("waits for shutdown triggers", async () => {
    let cleaned = false;
    await codes((reactor) => {
      reactor.addSystemEventTrigger("before", "shutdown", () => {
        const d = new Deferred<void>();
        reactor.callLater(0, () => {
          cleaned = true;
          d.callback();
        });
        return d;
      });
    });
    expect(cleaned).toBe(true);
  });

  it("sets the process's exit code by default", async () => {
    const before = process.exitCode;
    try {
      await react<TestReactor>(() => fail(new SystemExit(7)), [], {
        reactor: new TestReactor(),
        installSignalHandlers: false,
      });
      expect(process.exitCode).toBe(7);
    } finally {
      process.exitCode = before;
    }
  });
});
