import { beforeEach, describe, expect, it } from "vitest";
import { fail, setDebugging } from "../../src/entries/defer.ts";
import { Clock, connectedServerAndClient, MemoryReactor, StringTransport } from "../../src/entries/testing.ts";
import { Factory, Protocol } from "../../src/internet/protocol.ts";
import { capturedLogs, err } from "../../src/logger/log.ts";
import { checkLeaks, flushLoggedErrors } from "../../src/testing/vitest.ts";
import { revoked } from "../helpers/hostilevalues.ts";

class Boom extends Error {}

/** Run `f` while nothing is written to standard error. */
async function quietly(f: () => unknown): Promise<void> {
  const write = process.stderr.write;
  process.stderr.write = () => true;
  try {
    await f();
  } finally {
    process.stderr.write = write;
  }
}

describe("tests without leaks", () => {
  checkLeaks();

  it("pass", () => {
    const clock = new Clock();
    clock.callLater(1, () => undefined);
    clock.advance(1);
    clock.callLater(1, () => undefined).cancel();
    new StringTransport().connect(new Protocol()).lose();
    const { client, pump } = connectedServerAndClient(Protocol, Protocol);
    client.transport.loseConnection();
    pump.flush();
    fail(new Boom()).addErrback(() => undefined);
  });

  it("can flush the errors that they log, by class", async () => {
    const error = new Boom();
    await quietly(() => {
      err(error, "meant");
      err(new TypeError(), "meant as well");
      err(revoked({}), "meant, too");
    });
    expect(flushLoggedErrors(RangeError)).toEqual([]);
    expect(flushLoggedErrors(Boom)).toEqual([error]);
    expect(flushLoggedErrors(TypeError)).toEqual([expect.any(TypeError)]);
    expect(flushLoggedErrors()).toHaveLength(1);
    expect(flushLoggedErrors()).toEqual([]);
  });
});

describe("what a test leaks", () => {
  /** Whatever the test below leaves makes it fail: the check runs after it, and before this says what was to come. */
  checkLeaks();

  beforeEach(() => setDebugging(true));

  it.fails("a call that is still to come", () => {
    new Clock().callLater(1, () => undefined);
  });

  it.fails("an open transport", () => {
    new StringTransport().connect(new Protocol());
  });

  it.fails("an open connection in memory", () => {
    connectedServerAndClient(Protocol, Protocol);
  });

  it.fails("a failure that nobody handled", () => {
    const d = fail(new Boom());
    expect(d.called).toBe(true);
  });

  it.fails("a port that listens", () => {
    new MemoryReactor().listenTCP(1, Factory.forProtocol(Protocol));
  });

  it.fails("a failure that nobody handled, though it was collected and reported", () => quietly(leakAndCollect));

  it.fails("an error that was logged", () => quietly(() => err(new Boom(), "unexpected")));
});

function leak(error: unknown): void {
  fail(error);
}

/** Give the collector time to find what was left, and to report it. */
async function collect(): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await new Promise(setImmediate);
    gc?.();
  }
}

/** Leave a failure to the collector, and let it find that. */
async function leakAndCollect(): Promise<void> {
  leak(new Boom("leaked"));
  await collect();
}

describe("a failure that nobody handled", () => {
  checkLeaks();

  const error = new Boom("of the first test");

  it.fails("fails the test that left it", () => {
    leak(error);
  });

  it("and not the next one, in which it is collected and logged", async () => {
    const logs = capturedLogs();
    await quietly(collect);
    logs.stop();
    expect(logs.events.map((event) => event.error)).toContain(error);
    expect(flushLoggedErrors()).toEqual([]);
  });

  it.fails("cannot be flushed, for its report comes when the collector likes", async () => {
    await quietly(leakAndCollect);
    flushLoggedErrors();
  });
});

describe("with `errors: false`, an unhandled failure", () => {
  checkLeaks({ errors: false });

  it.fails("is found also when it was collected", () => quietly(leakAndCollect));
});

describe("with `failures: false`", () => {
  checkLeaks({ failures: false });

  it("a report of an unhandled failure passes, but another log event with the same error is found", async () => {
    const error = new Boom("leaked");
    await quietly(async () => {
      leak(error);
      await collect();
      err(error, "and logged");
    });
    expect(flushLoggedErrors()).toEqual([error]);
  });
});

describe("nested checks", () => {
  checkLeaks();

  describe("with `failures: false` inside", () => {
    checkLeaks({ failures: false });

    it("ignore unhandled failures, also when they are collected and logged", () => quietly(leakAndCollect));

    it.fails("and finds the rest", () => {
      new Clock().callLater(1, () => undefined);
    });
  });

  it.fails("does not change what is checked outside of it", () => {
    leak(new Boom());
  });
});

describe("a check with everything off", () => {
  checkLeaks({ timers: false, transports: false, errors: false });

  it("ignores what it does not check", async () => {
    new Clock().callLater(1, () => undefined);
    new StringTransport().connect(new Protocol());
    await quietly(() => err(new Boom(), "unexpected"));
  });
});

describe("without a check", () => {
  it("flushLoggedErrors() throws", () => {
    expect(() => flushLoggedErrors()).toThrow(/checkLeaks/);
  });
});
