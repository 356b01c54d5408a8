import { beforeEach, describe, expect, it } from "vitest";
import { fail, setDebugging } from "../../src/internet/defer.ts";
import { Factory, Protocol } from "../../src/internet/protocol.ts";
import { err } from "../../src/logger/log.ts";
import { Clock, connectedServerAndClient, MemoryReactor, StringTransport } from "../../src/testing/testing.ts";
import { checkLeaks, flushLoggedErrors } from "../../src/testing/vitest.ts";

class Boom extends Error {}

describe("tests that leave nothing", () => {
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

  it("see the errors that they log, by their classes", () => {
    const write = process.stderr.write;
    process.stderr.write = () => true;
    const error = new Boom();
    try {
      err(error, "meant");
      err(new TypeError(), "meant as well");
    } finally {
      process.stderr.write = write;
    }
    expect(flushLoggedErrors(RangeError)).toEqual([]);
    expect(flushLoggedErrors(Boom)).toEqual([error]);
    expect(flushLoggedErrors()).toEqual([expect.any(TypeError)]);
    expect(flushLoggedErrors()).toEqual([]);
  });
});

describe("what a test leaves", () => {
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

  it.fails("a failure that nobody handled, though it was collected and reported", async () => {
    const write = process.stderr.write;
    process.stderr.write = () => true;
    await leakAndCollect();
    process.stderr.write = write;
  });

  it.fails("an error that was logged", () => {
    const write = process.stderr.write;
    process.stderr.write = () => true;
    err(new Boom(), "unexpected");
    process.stderr.write = write;
  });
});

/** Leave a failure to the collector, and let it find that. */
async function leakAndCollect(): Promise<void> {
  (() => {
    fail(new Boom("leaked"));
  })();
  for (let i = 0; i < 20; i++) {
    await new Promise(setImmediate);
    gc?.();
  }
}

describe("a check in a check", () => {
  checkLeaks();

  describe("that leaves out failures", () => {
    checkLeaks({ failures: false });

    it("lets those pass, also when they are collected and logged", async () => {
      const write = process.stderr.write;
      process.stderr.write = () => true;
      await leakAndCollect();
      process.stderr.write = write;
    });

    it.fails("and finds the rest", () => {
      new Clock().callLater(1, () => undefined);
    });
  });
});

describe("a check that is switched off", () => {
  checkLeaks({ timers: false, transports: false, errors: false });

  it("lets pass what it does not check", () => {
    new Clock().callLater(1, () => undefined);
    new StringTransport().connect(new Protocol());
    const write = process.stderr.write;
    process.stderr.write = () => true;
    err(new Boom(), "unexpected");
    process.stderr.write = write;
  });
});

describe("without a check", () => {
  it("there is nothing to flush", () => {
    expect(() => flushLoggedErrors()).toThrow(/checkLeaks/);
  });
});
