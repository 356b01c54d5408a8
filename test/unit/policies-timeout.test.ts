import { describe, expect, expectTypeOf, it } from "vitest";
import { LineReceiver } from "../../src/entries/protocols/basic.ts";
import { TimeoutFactory, TimeoutMixin, TimeoutProtocol, type Timeouts } from "../../src/entries/protocols/policies.ts";
import { ConnectionDone } from "../../src/internet/error.ts";
import { Failure } from "../../src/internet/failure.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { QUEUED } from "../../src/internet/stream/sendqueue.ts";
import type { ReactorTime } from "../../src/internet/time.ts";
import { Clock } from "../../src/testing/clock.ts";
import { StringTransportWithDisconnection } from "../../src/testing/stringtransport.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { connect, type HalfTransport, Keeper, keepers, PEER } from "../helpers/wrapped.ts";

class Shy extends TimeoutMixin(Protocol) {
  timedOut = 0;

  constructor(clock: ReactorTime) {
    super();
    this.clock = clock;
  }
  override timeoutConnection(): void {
    this.timedOut++;
    super.timeoutConnection();
  }
}

describe("TimeoutMixin", () => {
  function shy(): { clock: Clock; protocol: Shy; transport: FakeTransport } {
    const clock = new Clock();
    const protocol = new Shy(clock);
    return { clock, protocol, transport: new FakeTransport().connect(protocol) };
  }

  it("has no timer before setTimeout()", () => {
    const { clock, protocol } = shy();
    expect(protocol.timeOut).toBeNull();
    expect(clock.getDelayedCalls()).toEqual([]);
    protocol.resetTimeout();
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("closes the connection after the period, once", () => {
    const { clock, protocol, transport } = shy();
    protocol.setTimeout(3);
    clock.advance(2.9);
    expect(transport.disconnecting).toBe(false);
    clock.advance(0.1);
    expect(transport.disconnecting).toBe(true);
    clock.advance(100);
    expect(protocol.timedOut).toBe(1);
  });

  it("waits for the whole period again after resetTimeout()", () => {
    const { clock, protocol } = shy();
    protocol.setTimeout(3);
    clock.advance(2);
    protocol.resetTimeout();
    clock.advance(2.9);
    expect(protocol.timedOut).toBe(0);
    clock.advance(0.1);
    expect(protocol.timedOut).toBe(1);
  });

  it("moves one timer, however often it is reset or set", () => {
    let made = 0;
    class Counting extends Clock {
      override callLater<A extends unknown[]>(seconds: number, f: (...args: A) => unknown, ...args: A) {
        made++;
        return super.callLater(seconds, f, ...args);
      }
    }
    const clock = new Counting();
    const protocol = new Shy(clock);
    new FakeTransport().connect(protocol);
    protocol.setTimeout(3);
    for (let i = 0; i < 1000; i++) {
      clock.advance(1);
      protocol.resetTimeout();
    }
    protocol.setTimeout(5);
    expect([made, clock.getDelayedCalls().length, protocol.timedOut]).toEqual([1, 1, 0]);
    expect(clock.getDelayedCalls()[0]?.getTime()).toBe(clock.seconds() + 5);
  });

  it("starts a new period at setTimeout()", () => {
    const { clock, protocol } = shy();
    protocol.setTimeout(10);
    clock.advance(2);
    protocol.setTimeout(1);
    clock.advance(1);
    expect(protocol.timedOut).toBe(1);
  });

  it("has no timer after setTimeout(null)", () => {
    const { clock, protocol } = shy();
    protocol.setTimeout(5);
    protocol.setTimeout(null);
    expect(protocol.timeOut).toBeNull();
    expect(clock.getDelayedCalls()).toEqual([]);
    clock.advance(100);
    expect(protocol.timedOut).toBe(0);
  });

  it("returns the previous period", () => {
    const { protocol } = shy();
    expect(protocol.setTimeout(5)).toBeNull();
    expect(protocol.setTimeout(10)).toBe(5);
    expect(protocol.setTimeout(null)).toBe(10);
    expect(protocol.setTimeout(1)).toBeNull();
    expect(protocol.timeOut).toBe(1);
  });

  it("does nothing at resetTimeout() when the period is over", () => {
    const { clock, protocol } = shy();
    protocol.setTimeout(1);
    clock.advance(1);
    protocol.resetTimeout();
    clock.advance(10);
    expect(protocol.timedOut).toBe(1);
  });

  it("can be set again when the period is over", () => {
    const { clock, protocol } = shy();
    protocol.setTimeout(1);
    clock.advance(1);
    protocol.setTimeout(2);
    clock.advance(2);
    expect(protocol.timedOut).toBe(2);
  });

  it("works when its delayed call was cancelled by other code", () => {
    const { clock, protocol } = shy();
    protocol.setTimeout(3);
    clock.getDelayedCalls()[0]?.cancel();
    protocol.resetTimeout();
    protocol.setTimeout(null);
    protocol.setTimeout(2);
    clock.getDelayedCalls()[0]?.cancel();
    protocol.setTimeout(1);
    clock.advance(1);
    expect(protocol.timedOut).toBe(1);
  });

  it("leaves no timer behind a connection that is lost", () => {
    const { clock, protocol, transport } = shy();
    protocol.setTimeout(3);
    transport.lose();
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("calls connectionLost() of its base class", () => {
    const clock = new Clock();
    const protocol = new (TimeoutMixin(Keeper))();
    protocol.clock = clock;
    const transport = new FakeTransport().connect(protocol);
    protocol.setTimeout(3);
    transport.lose();
    expect(protocol.calls).toEqual(["connectionMade", "connectionLost"]);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("resets a connection that is still there as much later: its peer does not read", () => {
    const { clock, protocol, transport } = shy();
    protocol.setTimeout(3);
    clock.advance(3);
    clock.advance(2.9);
    expect([transport.disconnecting, transport.aborted]).toEqual([true, false]);
    clock.advance(0.1);
    expect(transport.aborted).toBe(true);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("does not reset it while the peer reads, however slowly", () => {
    const clock = new Clock();
    const protocol = new Shy(clock);
    const transport = new FakeTransport().connect(protocol);
    transport[QUEUED] = 10;
    protocol.setTimeout(3);
    clock.advance(3);
    while (transport[QUEUED] > 5) {
      transport[QUEUED]--;
      clock.advance(3);
      expect([transport.disconnecting, transport.aborted]).toEqual([true, false]);
    }
    clock.advance(3);
    expect(transport.aborted).toBe(true);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("resets it after 30 seconds if the period is longer", () => {
    const { clock, protocol, transport } = shy();
    protocol.setTimeout(1800);
    clock.advance(1800);
    clock.advance(29.9);
    expect(transport.aborted).toBe(false);
    clock.advance(0.1);
    expect(transport.aborted).toBe(true);
  });

  it("puts the reset off for nothing that happens after the timeout", () => {
    const { clock, protocol, transport } = shy();
    protocol.setTimeout(3);
    clock.advance(3);
    protocol.resetTimeout();
    protocol.setTimeout(2);
    clock.advance(1);
    protocol.resetTimeout();
    clock.advance(1.9);
    expect(transport.aborted).toBe(false);
    clock.advance(0.1);
    expect(transport.aborted).toBe(true);
  });

  it("resets it no later when the timeout expires again meanwhile", () => {
    const { clock, protocol, transport } = shy();
    protocol.setTimeout(3);
    clock.advance(3);
    protocol.setTimeout(1);
    clock.advance(1);
    expect([protocol.timedOut, transport.aborted]).toEqual([2, false]);
    clock.advance(2);
    expect(transport.aborted).toBe(true);
  });

  it("does not reset a connection that is lost in time, nor after setTimeout(null)", () => {
    for (const end of ["lost", "null"]) {
      const { clock, protocol, transport } = shy();
      protocol.setTimeout(3);
      clock.advance(4);
      if (end === "lost") transport.lose();
      else protocol.setTimeout(null);
      expect(clock.getDelayedCalls()).toEqual([]);
      expect(transport.aborted).toBe(false);
    }
  });

  it("has no timer when the connection is lost inside timeoutConnection()", () => {
    const clock = new Clock();
    const protocol = new Shy(clock);
    const transport = new StringTransportWithDisconnection();
    transport.connect(protocol);
    protocol.setTimeout(3);
    clock.advance(3);
    expect([protocol.timedOut, transport.disconnected]).toEqual([1, true]);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it.each<[string, boolean, (protocol: Shy) => void]>([
    [
      "says good bye and closes",
      true,
      ({ transport }) => {
        transport.write("bye");
        transport.loseConnection();
      },
    ],
    [
      "needs the timeout no longer, and closes",
      true,
      (protocol) => {
        protocol.setTimeout(null);
        protocol.transport.loseConnection();
      },
    ],
    [
      "closes and throws",
      true,
      ({ transport }) => {
        transport.loseConnection();
        throw new Error("a bug");
      },
    ],
    [
      "asks the peer whether it is there",
      false,
      (protocol) => {
        protocol.transport.write("ping");
        protocol.setTimeout(3);
      },
    ],
    ["does nothing", false, () => {}],
  ])("with a timeoutConnection() that %s, resets the connection later: %s", (_, reset, act) => {
    class Own extends Shy {
      override timeoutConnection(): void {
        act(this);
      }
    }
    const clock = new Clock();
    const protocol = new Own(clock);
    const transport = new FakeTransport().connect(protocol);
    protocol.setTimeout(3);
    try {
      clock.advance(3);
    } catch (error) {
      expect(String(error)).toBe("Error: a bug");
    }
    clock.advance(2.9);
    expect(transport.aborted).toBe(false);
    clock.advance(0.1);
    expect(transport.aborted).toBe(reset);
  });

  it("needs a clock or a reactor, and says so", () => {
    expect(() => new (TimeoutMixin(Protocol))().setTimeout(1)).toThrow(/pass a clock, or import "skein\/reactor"/);
  });

  it("keeps the statics, the arguments and the members of its base class", () => {
    class Named extends LineReceiver {
      readonly title: string;
      constructor(title: string) {
        super();
        this.title = title;
      }
    }
    class Both extends TimeoutMixin(Named) {
      static override readonly borrows = true;
      lines = 0;
      override lineReceived(): void {
        this.lines++;
        this.resetTimeout();
      }
    }
    const both = new Both("a title");
    new FakeTransport().connect(both).receive("one\r\ntwo\r\n");
    expect([both.title, both.lines]).toEqual(["a title", 2]);
    expect(TimeoutMixin(Named).borrows).toBe(true);
    expectTypeOf<ConstructorParameters<typeof Both>>().toEqualTypeOf<[title: string]>();
    expectTypeOf<Both>().toExtend<LineReceiver & Timeouts>();
    expectTypeOf(both.setTimeout).toEqualTypeOf<(period: number | null) => number | null>();
    // @ts-expect-error: the argument of Named
    new (TimeoutMixin(Named))();
    // @ts-expect-error: a period is a number of seconds or null
    expect(() => both.setTimeout("1 s")).toThrow();
  });
});

describe("a TimeoutFactory", () => {
  function timing(period: number | null = 3): {
    clock: Clock;
    wrapper: TimeoutProtocol<Keeper>;
    wrapped: Keeper;
    transport: HalfTransport;
  } {
    const clock = new Clock();
    return { clock, ...connect(new TimeoutFactory(keepers(), period, clock)) };
  }

  it("closes an idle connection", () => {
    const { clock, transport } = timing();
    clock.pump([0, 0.5, 1, 1, 0.4]);
    expect(transport.disconnecting).toBe(false);
    clock.pump([0, 0.2]);
    expect(transport.disconnecting).toBe(true);
  });

  it("resets the connection of a peer that does not read, however much is written meanwhile", () => {
    const { clock, wrapped, transport } = timing();
    clock.advance(3);
    for (let i = 0; i < 12; i++) {
      expect(transport.aborted).toBe(false);
      wrapped.transport.write("more");
      clock.advance(0.25);
    }
    expect(transport.aborted).toBe(true);
  });

  it("waits 30 minutes by default", () => {
    const factory = new TimeoutFactory(keepers(), undefined, new Clock());
    expect(factory.timeoutPeriod).toBe(1800);
  });

  it("starts the timer in makeConnection()", () => {
    const clock = new Clock();
    const wrapper = new TimeoutFactory(keepers(), 3, clock).buildProtocol(PEER)!;
    expect(clock.getDelayedCalls()).toEqual([]);
    wrapper.makeConnection(new FakeTransport());
    expect(clock.getDelayedCalls()).toHaveLength(1);
  });

  it.each<[string, (wrapped: Keeper, transport: HalfTransport) => void]>([
    ["write()", (wrapped) => wrapped.transport.write("x")],
    ["writeSequence()", (wrapped) => wrapped.transport.writeSequence(["x", "y"])],
    ["receiving", (_, transport) => transport.receive("x")],
  ])("counts anew after %s", (_, happen) => {
    const { clock, wrapped, transport } = timing();
    clock.advance(2);
    happen(wrapped, transport);
    clock.advance(2.9);
    expect(transport.disconnecting).toBe(false);
    clock.advance(0.1);
    expect(transport.disconnecting).toBe(true);
  });

  it("passes on bytes in both directions", () => {
    const { wrapped, transport } = timing();
    transport.receive("in");
    wrapped.transport.write("out");
    expect([wrapped.received, transport.take()]).toEqual(["in", "out"]);
  });

  it("has no timer when its period is null, until a wrapper sets one", () => {
    const { clock, wrapper, transport } = timing(null);
    expect(clock.getDelayedCalls()).toEqual([]);
    wrapper.setTimeout(1);
    clock.advance(1);
    expect(transport.disconnecting).toBe(true);
  });

  it("has no timer after cancelTimeout(), which may be called at any time", () => {
    const { clock, wrapper, transport } = timing();
    wrapper.cancelTimeout();
    wrapper.cancelTimeout();
    expect(clock.getDelayedCalls()).toEqual([]);
    expect(transport.disconnecting).toBe(false);
    wrapper.setTimeout(1);
    clock.advance(1);
    wrapper.cancelTimeout();
  });

  it("leaves no timer behind a connection that is lost", () => {
    const { clock, wrapped, transport } = timing();
    transport.lose();
    expect(clock.getDelayedCalls()).toEqual([]);
    expect(wrapped.calls).toEqual(["connectionMade", "connectionLost"]);
  });

  it("has a timer for each connection", () => {
    const clock = new Clock();
    const factory = new TimeoutFactory(keepers(), 3, clock);
    const early = connect(factory);
    clock.advance(2);
    const late = connect(factory);
    clock.advance(1);
    expect([early.transport.disconnecting, late.transport.disconnecting]).toEqual([true, false]);
  });

  it("lets a subclass of its wrapper override timeoutFunc()", () => {
    class Aborting extends TimeoutProtocol<Keeper> {
      override timeoutFunc(): void {
        this.abortConnection();
      }
    }
    class AbortingFactory extends TimeoutFactory<Keeper> {
      override wrapProtocol(wrapped: Keeper): TimeoutProtocol<Keeper> {
        return new Aborting(this, wrapped, this.timeoutPeriod);
      }
    }
    const clock = new Clock();
    const { transport } = connect(new AbortingFactory(keepers(), 1, clock));
    clock.advance(1);
    expect(transport.aborted).toBe(true);
  });

  it("can be lost before it was connected", () => {
    const wrapper = new TimeoutFactory(keepers(), 3, new Clock()).buildProtocol(PEER)!;
    wrapper.connectionLost(new Failure(new ConnectionDone()));
    expect(wrapper.wrappedProtocol.calls).toEqual(["connectionLost"]);
  });

  it("has the type of the wrapped protocol", () => {
    const factory = new TimeoutFactory(keepers(), 3, new Clock());
    expectTypeOf(factory.buildProtocol(PEER)!.wrappedProtocol).toEqualTypeOf<Keeper>();
  });
});
