import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import {
  ThrottlingFactory,
  type ThrottlingOptions,
  type ThrottlingProtocol,
} from "../../src/entries/protocols/policies.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { Clock } from "../../src/testing/clock.ts";
import { turns } from "../helpers/gate.ts";
import { connect, type HalfTransport, type Keeper, keepers, logged, PEER, Told } from "../helpers/wrapped.ts";

let clock: Clock;

beforeEach(() => {
  clock = new Clock();
});

interface Throttled {
  factory: ThrottlingFactory<Keeper>;
  wrapper: ThrottlingProtocol<Keeper>;
  wrapped: Keeper;
  transport: HalfTransport;
}

function throttled(options: ThrottlingOptions): Throttled {
  const factory = new ThrottlingFactory(keepers(), { clock, ...options });
  return { factory, ...connect(factory) };
}

describe("the number of connections", () => {
  it("is not limited by default", () => {
    const factory = new ThrottlingFactory(keepers());
    for (let i = 0; i < 1000; i++) expect(factory.buildProtocol(PEER)).not.toBeNull();
  });

  it("is limited to maxConnectionCount, and one more is accepted when one is lost", () => {
    const { factory, transport } = throttled({ maxConnectionCount: 2 });
    connect(factory);
    expect(factory.buildProtocol(PEER)).toBeNull();
    expect([factory.connectionCount, factory.protocols.size]).toEqual([2, 2]);
    transport.lose();
    expect(factory.buildProtocol(PEER)).not.toBeNull();
  });

  it("does not count a connection for which the wrapped factory built nothing", () => {
    const none = keepers();
    none.buildProtocol = () => null;
    const factory = new ThrottlingFactory(none, { maxConnectionCount: 1 });
    expect(factory.buildProtocol(PEER)).toBeNull();
    expect(factory.connectionCount).toBe(0);
  });
});

describe("reading", () => {
  it("goes on up to one second's worth", () => {
    const { wrapped, transport } = throttled({ readLimit: 10 });
    transport.receive("0123456789");
    expect(transport.paused).toBe(false);
    expect(wrapped.received).toBe("0123456789");
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("pauses above it until the rate allows more, and loses nothing", () => {
    const { wrapped, transport } = throttled({ readLimit: 10 });
    transport.receive("0123456789");
    transport.receive("abcdefghij");
    expect(wrapped.received).toBe("0123456789abcdefghij");
    expect(transport.paused).toBe(true);
    clock.advance(1.95);
    expect(transport.paused).toBe(true);
    clock.advance(0.1);
    expect(transport.paused).toBe(false);
  });

  it("keeps to its rate in the long run", () => {
    const { wrapped, transport } = throttled({ readLimit: 100 });
    for (let i = 0; i < 1000; i++) {
      if (!transport.paused) transport.receive("x".repeat(50));
      clock.advance(0.1);
    }
    expect(wrapped.received.length / 100).toBeGreaterThan(90);
    expect(wrapped.received.length / 100).toBeLessThan(110);
  });

  it("never pauses below the limit", () => {
    const { transport } = throttled({ readLimit: 100 });
    for (let i = 0; i < 1000; i++) {
      transport.receive("123456789");
      clock.advance(0.1);
      expect(transport.paused).toBe(false);
    }
  });

  it("waits longer for bytes that were in flight when it paused", () => {
    const { transport } = throttled({ readLimit: 10 });
    transport.receive("x".repeat(20));
    clock.advance(1);
    transport.receive("x".repeat(10));
    clock.advance(1.5);
    expect(transport.paused).toBe(true);
    clock.advance(0.6);
    expect(transport.paused).toBe(false);
  });

  it("is limited for all connections together, including new ones", () => {
    const { factory, transport } = throttled({ readLimit: 10 });
    const other = connect(factory);
    transport.receive("012345");
    other.transport.receive("678901");
    const late = connect(factory);
    expect([transport.paused, other.transport.paused, late.transport.paused]).toEqual([true, true, true]);
    clock.advance(1.3);
    expect([transport.paused, other.transport.paused, late.transport.paused]).toEqual([false, false, false]);
  });

  it("stays paused when the wrapped protocol has paused", () => {
    const { wrapped, transport } = throttled({ readLimit: 10 });
    wrapped.transport.pauseProducing();
    transport.receive("x".repeat(20));
    clock.advance(3);
    expect(transport.paused).toBe(true);
    wrapped.transport.resumeProducing();
    expect(transport.paused).toBe(false);
  });

  it("stays paused when the wrapped protocol resumes meanwhile", () => {
    const { wrapped, transport } = throttled({ readLimit: 10 });
    transport.receive("x".repeat(20));
    wrapped.transport.pauseProducing();
    wrapped.transport.resumeProducing();
    expect(transport.paused).toBe(true);
    clock.advance(2);
    expect(transport.paused).toBe(false);
  });

  it("leaves no timer when the last connection is lost, and remembers what was read", () => {
    const { factory, transport } = throttled({ readLimit: 10 });
    const other = connect(factory);
    transport.receive("x".repeat(20));
    transport.lose();
    expect(clock.getDelayedCalls()).toHaveLength(1);
    other.transport.lose();
    expect(clock.getDelayedCalls()).toEqual([]);
    const next = connect(factory);
    expect(next.transport.paused).toBe(false);
    next.transport.receive("x");
    expect(next.transport.paused).toBe(true);
  });
});

describe("writing", () => {
  it("counts the bytes of strings and sequences", () => {
    const written: number[] = [];
    class Counting extends ThrottlingFactory<Keeper> {
      override registerWritten(length: number): void {
        written.push(length);
        super.registerWritten(length);
      }
    }
    const { wrapped, transport } = connect(new Counting(keepers(), { clock, writeLimit: 1000 }));
    wrapped.transport.write("é");
    wrapped.transport.writeSequence([Buffer.from("abc"), "de"]);
    expect(written).toEqual([2, 3, 2]);
    expect(transport.take()).toBe("éabcde");
  });

  it("is not limited by what a kept transport is given after its loss, its abort or its half-close", () => {
    for (const end of ["lost", "abortConnection", "loseWriteConnection"] as const) {
      const { factory, wrapper, transport } = throttled({ writeLimit: 10 });
      const other = connect(factory);
      const producer = new Told();
      other.wrapper.registerProducer(producer, true);
      if (end === "lost") transport.lose();
      else wrapper[end]();
      wrapper.write("x".repeat(1000));
      expect([end, producer.calls]).toEqual([end, []]);
    }
  });

  it("ends the connection of a producer that rejects, whoever asked it", async () => {
    const rejecting = async (): Promise<never> => {
      throw new RangeError("no more");
    };
    const producer = { pauseProducing: rejecting, resumeProducing: rejecting, stopProducing() {} };
    const registered = throttled({ writeLimit: 10 });
    registered.wrapper.write("x".repeat(20));
    registered.wrapper.registerProducer(producer, true);
    const paused = throttled({ writeLimit: 10 });
    paused.wrapper.registerProducer(producer, true);
    paused.wrapper.write("x".repeat(20));
    const resumed = throttled({ writeLimit: 10 });
    resumed.wrapper.registerProducer({ ...producer, pauseProducing() {} }, true);
    resumed.wrapper.write("x".repeat(20));
    clock.advance(3);
    await turns(1);
    expect([registered, paused, resumed].map(({ transport }) => transport.aborted)).toEqual([true, true, true]);
  });

  it("is not held back without a producer", () => {
    const { wrapped, transport } = throttled({ writeLimit: 10 });
    wrapped.transport.write("x".repeat(100));
    wrapped.transport.write("y");
    expect(transport.take().length).toBe(101);
  });

  it("pauses a push producer above the limit, and resumes it", () => {
    const { wrapped } = throttled({ writeLimit: 10 });
    const producer = new Told();
    wrapped.transport.registerProducer(producer, true);
    wrapped.transport.write("x".repeat(10));
    expect(producer.calls).toEqual([]);
    wrapped.transport.write("x".repeat(10));
    expect(producer.calls).toEqual(["pause"]);
    clock.advance(1.95);
    expect(producer.calls).toEqual(["pause"]);
    clock.advance(0.1);
    expect(producer.calls).toEqual(["pause", "resume"]);
  });

  it("stops asking a pull producer above the limit, and asks it again later", () => {
    const { wrapped, transport } = throttled({ writeLimit: 10 });
    const producer = new Told();
    wrapped.transport.registerProducer(producer, false);
    transport.drain();
    expect(producer.calls).toEqual(["resume"]);
    wrapped.transport.write("x".repeat(20));
    transport.drain();
    expect(producer.calls).toEqual(["resume"]);
    clock.advance(2);
    expect(producer.calls).toEqual(["resume", "resume"]);
    wrapped.transport.write("x".repeat(20));
    clock.advance(2);
    expect(producer.calls).toEqual(["resume", "resume"]);
  });

  it.each<[string, string[], string[]]>([
    [
      "the transport's pause outlasts the throttle",
      ["congest", "throttle", "unthrottle", "drain"],
      ["pause", "resume"],
    ],
    [
      "the throttle outlasts the transport's pause",
      ["congest", "throttle", "drain", "unthrottle"],
      ["pause", "resume"],
    ],
    ["a transport pauses while it is throttled", ["throttle", "congest", "unthrottle", "drain"], ["pause", "resume"]],
    ["it is told twice", ["throttle", "throttle", "unthrottle", "unthrottle"], ["pause", "resume"]],
  ])("is paused and resumed once when %s", (_, steps, calls) => {
    const { wrapper, wrapped, transport } = throttled({});
    const producer = new Told();
    wrapped.transport.registerProducer(producer, true);
    for (const step of steps) {
      if (step === "congest") transport.congest();
      else if (step === "drain") transport.drain();
      else if (step === "throttle") wrapper.throttleWrites();
      else wrapper.unthrottleWrites();
    }
    expect(producer.calls).toEqual(calls);
  });

  it("pauses a producer that registers while it is throttled", () => {
    const { factory, wrapped } = throttled({ writeLimit: 10 });
    wrapped.transport.write("x".repeat(20));
    const late = connect(factory);
    const producer = new Told();
    late.wrapped.transport.registerProducer(producer, true);
    expect(producer.calls).toEqual(["pause"]);
  });

  it("does not resume a producer that has unregistered", () => {
    const { wrapped, transport } = throttled({ writeLimit: 10 });
    const producer = new Told();
    wrapped.transport.registerProducer(producer, true);
    wrapped.transport.unregisterProducer();
    expect(transport.producer).toBeNull();
    wrapped.transport.write("x".repeat(20));
    clock.advance(3);
    expect(producer.calls).toEqual([]);
  });

  it.each(["pauseProducing", "resumeProducing"] as const)("ends only the connection whose %s() throws", (method) => {
    const log = logged();
    const { factory, wrapped, transport } = throttled({ writeLimit: 10 });
    const bad = new Told();
    bad[method] = () => {
      throw new RangeError("no more");
    };
    wrapped.transport.registerProducer(bad, true);
    const other = connect(factory);
    const producer = new Told();
    other.wrapped.transport.registerProducer(producer, true);
    other.wrapped.transport.write("x".repeat(20));
    clock.advance(3);
    expect(producer.calls).toEqual(["pause", "resume"]);
    expect([transport.aborted, other.transport.aborted]).toEqual([true, false]);
    expect(log.join()).toContain("Keeper (ThrottlingProtocol) threw");
  });

  it("stops the producer when the connection is lost", () => {
    const { wrapped, transport } = throttled({ writeLimit: 10 });
    const producer = new Told();
    wrapped.transport.registerProducer(producer, true);
    wrapped.transport.write("x".repeat(20));
    transport.lose();
    expect(producer.calls).toEqual(["pause", "stop"]);
    expect(clock.getDelayedCalls()).toEqual([]);
  });
});

describe("a ThrottlingFactory", () => {
  it.each([0, -1, Number.NaN])("refuses a limit of %d bytes", (limit) => {
    expect(() => throttled({ readLimit: limit })).toThrow(
      /: options.readLimit must be a number above 0, or null, not /,
    );
    expect(() => throttled({ writeLimit: limit })).toThrow(/: options.writeLimit must be a number above 0/);
  });

  it("needs a clock only with a byte limit, and says so", () => {
    expect(() => new ThrottlingFactory(keepers(), { maxConnectionCount: 1 })).not.toThrow();
    expect(() => new ThrottlingFactory(keepers(), { readLimit: 1 })).toThrow(/pass a clock/);
  });

  it("logs the connections that it closes once a minute at most", () => {
    const said = logged();
    const { factory } = throttled({ maxConnectionCount: 1 });
    factory.noisy = true;
    for (let i = 0; i < 100; i++) factory.buildProtocol(PEER);
    clock.advance(60);
    factory.buildProtocol(PEER);
    const line = "Factory (ThrottlingFactory) has its 1 connections, and closes a new one";
    expect(said).toEqual([line, `${line} (99 more like it since the last such line)`]);
  });

  it("counts those that it closes by a clock that nobody sets back", () => {
    const said = logged();
    const wall = vi.spyOn(Date, "now");
    const monotonic = vi.spyOn(performance, "now").mockReturnValue(1_000_000);
    onTestFinished(() => {
      wall.mockRestore();
      monotonic.mockRestore();
    });
    const factory = new ThrottlingFactory(keepers(), { maxConnectionCount: 0 });
    factory.noisy = true;
    factory.buildProtocol(PEER);
    wall.mockReturnValue(Date.now() - 86_400_000);
    monotonic.mockReturnValue(1_060_000);
    factory.buildProtocol(PEER);
    expect(said.length).toBe(2);
  });

  it("logs once a minute at most that it throttles", () => {
    const said = logged();
    const { factory, wrapped, transport } = throttled({ readLimit: 10, writeLimit: 10 });
    factory.noisy = true;
    const both = (): void => {
      transport.receive("x".repeat(20));
      wrapped.transport.write("x".repeat(20));
      clock.advance(2);
    };
    for (let i = 0; i < 20; i++) both();
    clock.advance(60);
    both();
    const lines = ["throttles reading", "throttles writing", "resumes reading", "resumes writing"].map(
      (what) => `Factory (ThrottlingFactory) ${what}`,
    );
    expect(said).toEqual([...lines, ...lines.map((line) => `${line} (19 more like it since the last such line)`)]);
  });

  it("logs when it throttles, if it is noisy", () => {
    const said = logged();
    const { factory, wrapped, transport } = throttled({ maxConnectionCount: 1, readLimit: 10, writeLimit: 10 });
    factory.noisy = true;
    factory.buildProtocol(PEER);
    transport.receive("x".repeat(20));
    wrapped.transport.write("x".repeat(20));
    clock.advance(2);
    const name = "Factory (ThrottlingFactory)";
    expect(said).toEqual([
      `${name} has its 1 connections, and closes a new one`,
      `${name} throttles reading`,
      `${name} throttles writing`,
      `${name} resumes reading`,
      `${name} resumes writing`,
    ]);
  });

  it("works with an echo protocol that is its own producer", () => {
    class Echo extends Protocol {
      override connectionMade(): void {
        this.transport.registerProducer(this.transport, true);
      }
      override dataReceived(data: Buffer): void {
        this.transport.write(data);
      }
    }
    const { transport } = connect(new ThrottlingFactory(keepers(Echo), { clock, writeLimit: 10 }));
    transport.receive("x".repeat(20));
    expect(transport.paused).toBe(true);
    transport.congest();
    clock.advance(2);
    expect(transport.paused).toBe(true);
    transport.drain();
    expect(transport.paused).toBe(false);
  });
});
