/** The limits of every service of `skein serve`, on virtual time; cli.test.ts tries them in processes. */
import { expect, it } from "vitest";
import { type Limits, ServiceLimits } from "../../src/cli/limits.ts";
import { IPv4Address, IPv6Address } from "../../src/internet/address.ts";
import { serverFromString } from "../../src/internet/endpoints/registry.ts";
import type { Address, ProtocolLike } from "../../src/internet/interfaces.ts";
import type { Factory } from "../../src/internet/protocol.ts";
import { borrowsFrom } from "../../src/internet/stream/borrowing.ts";
import { QUEUED } from "../../src/internet/stream/sendqueue.ts";
import { REFUSALS_SECONDS } from "../../src/logger/refusals.ts";
import { ProxyFactory } from "../../src/protocols/portforward.ts";
import { Chargen, Daytime, Echo } from "../../src/protocols/wire.ts";
import { MemoryReactorClock } from "../../src/testing/memoryreactor.ts";
import { FakeReactor, FakeTransport } from "../helpers/fake-transport.ts";
import { HalfKeeper, Keeper, keepers, logged } from "../helpers/wrapped.ts";

const NONE: Limits = { maxConnections: null, maxPerPeer: null, idle: null };

/** A service on two ports. */
function serving(limits: Partial<Limits>, factory: Factory = keepers()) {
  const reactor = new MemoryReactorClock();
  const limited = new ServiceLimits(reactor, { ...NONE, ...limits });
  const listening = limited.listening(reactor);
  const own = limited.perPeer(factory);
  const endpoints = ["tcp:1", "tcp:2"].map((description) => serverFromString(listening, description));
  for (const endpoint of endpoints) endpoint.listen(own);
  /** A client connects: its transport, or null if it is refused. */
  const connect = (host = "192.0.2.1", port = 0): FakeTransport | null => {
    const from = host.includes(":") ? new IPv6Address("TCP", host, 9) : new IPv4Address("TCP", host, 9);
    return connectFrom(from, port);
  };
  const connectFrom = (from: Address, port: number) => {
    const built = reactor.tcpServers[port]!.factory.buildProtocol(from);
    return built === null || built === undefined ? null : new FakeTransport().connect(built as ProtocolLike);
  };
  return { reactor, limited, connect };
}

it("refuses connections beyond the limit in all, of all ports together", () => {
  const { limited, connect } = serving({ maxConnections: 3 });
  const first = connect();
  expect([connect("192.0.2.2", 1), connect("192.0.2.3")].every((one) => one !== null)).toBe(true);
  expect([connect("192.0.2.4", 0), connect("192.0.2.4", 1)]).toEqual([null, null]);
  expect(limited.connections.size).toBe(3);
  first?.lose();
  expect(connect("192.0.2.4", 1)).not.toBeNull();
  expect(connect("192.0.2.4", 1)).toBeNull();
});

it("refuses connections of one peer beyond its limit, of all ports together, and builds no protocol for them", () => {
  let built = 0;
  class Counted extends Keeper {
    constructor() {
      super();
      built++;
    }
  }
  const { limited, connect } = serving({ maxPerPeer: 2 }, keepers(Counted));
  const first = connect("192.0.2.1", 0);
  connect("192.0.2.1", 1);
  expect([connect("192.0.2.1", 0), connect("::ffff:192.0.2.1", 1)]).toEqual([null, null]);
  expect([built, limited.connections.size]).toEqual([2, 2]);
  expect(connect("192.0.2.2")).not.toBeNull();
  first?.lose();
  expect(connect("192.0.2.1")).not.toBeNull();
});

it("counts the client of a relay until its target is lost, too, of all connections and of those of its peer", () => {
  const relays = new FakeReactor();
  const factory = new ProxyFactory("192.0.2.80", 80, { reactor: relays });
  const { reactor, limited, connect } = serving({ maxConnections: 2, maxPerPeer: 1, idle: 300 }, factory);
  const near = connect()!;
  const { factory: targets } = relays.connectors[0]!;
  const far = new FakeTransport().connect(targets.buildProtocol(new IPv4Address("TCP", "192.0.2.80", 80))!);
  near.lose();
  expect([connect("192.0.2.1"), limited.connections.size]).toEqual([null, 1]);
  const other = connect("192.0.2.2")!;
  expect(connect("192.0.2.3")).toBeNull();
  far.lose();
  other.lose();
  expect([limited.connections.size, reactor.getDelayedCalls().length]).toEqual([0, 0]);
  expect(connect("192.0.2.1")).not.toBeNull();
});

it("counts a /64 network of IPv6 as one peer", () => {
  const { connect } = serving({ maxPerPeer: 1 });
  expect(connect("2001:db8::1")).not.toBeNull();
  expect([connect("2001:db8::1"), connect("2001:db8::ffff:0:0:2")]).toEqual([null, null]);
  expect(connect("2001:db8:0:1::1")).not.toBeNull();
});

it("closes a connection on which nothing came or went, and aborts it if that does not end it", () => {
  const { reactor, limited, connect } = serving({ idle: 300 });
  const transport = connect()!;
  reactor.pump(new Array<number>(10).fill(30));
  expect(transport.disconnecting).toBe(false);
  reactor.advance(30);
  expect([transport.disconnecting, transport.aborted]).toEqual([true, false]);
  reactor.advance(30);
  expect(transport.aborted).toBe(true);
  transport.lose();
  expect([limited.connections.size, reactor.getDelayedCalls().length]).toEqual([0, 0]);
});

it.each<[string, (transport: FakeTransport, protocol: Keeper) => void]>([
  ["received", (transport) => transport.receive("x")],
  ["written", (_transport, protocol) => protocol.transport.write("x")],
])("keeps a connection on which bytes are %s", (_, stir) => {
  let protocol!: Keeper;
  class Known extends Keeper {
    override connectionMade(): void {
      protocol = this;
    }
  }
  const { reactor, connect } = serving({ idle: 300 }, keepers(Known));
  const transport = connect()!;
  for (let i = 0; i < 10; i++) {
    reactor.pump(new Array<number>(10).fill(29));
    stir(transport, protocol);
  }
  expect(transport.disconnecting).toBe(false);
  reactor.pump(new Array<number>(11).fill(30));
  expect(transport.disconnecting).toBe(true);
});

it("ends a connection whose peer does not read what never ends", () => {
  const { reactor, connect } = serving({ idle: 300 }, keepers(Chargen));
  const transport = connect()!;
  transport.congest();
  reactor.pump(new Array<number>(12).fill(30));
  expect(transport.aborted).toBe(true);
});

it("does not reset an idle connection while its peer reads, however slowly", () => {
  const { reactor, connect } = serving({ idle: 300 });
  const transport = connect()!;
  transport[QUEUED] = 10;
  reactor.pump(new Array<number>(11).fill(30));
  while (transport[QUEUED] > 5) {
    transport[QUEUED]--;
    reactor.advance(30);
    expect([transport.disconnecting, transport.aborted]).toEqual([true, false]);
  }
  reactor.advance(30);
  expect(transport.aborted).toBe(true);
});

it("ends a connection that its service has closed, if its peer does not let it end", () => {
  const { reactor, connect } = serving({ idle: 300 }, keepers(Daytime));
  const transport = connect()!;
  expect([transport.disconnecting, transport.aborted]).toEqual([true, false]);
  reactor.pump(new Array<number>(12).fill(30));
  expect(transport.aborted).toBe(true);
});

it("ends an idle connection although what produces for it goes on", () => {
  const { reactor, connect } = serving({ idle: 300 }, keepers(Chargen));
  const transport = connect()!;
  transport.congest();
  reactor.pump(new Array<number>(11).fill(30));
  transport.drain(); // it writes again
  expect(transport.aborted).toBe(false);
  reactor.advance(30);
  expect(transport.aborted).toBe(true);
});

it("has no timer while there are no connections, and one for all of them", () => {
  const { reactor, connect } = serving({ idle: 300 });
  expect(reactor.getDelayedCalls()).toEqual([]);
  const transports = [connect(), connect(), connect()];
  reactor.advance(100);
  expect(reactor.getDelayedCalls().length).toBe(1);
  for (const transport of transports) transport?.lose();
  expect(reactor.getDelayedCalls()).toEqual([]);
});

it("logs the first refusal of each kind, and their number with the next one a minute later", () => {
  const messages = logged();
  const { reactor, connect } = serving({ maxConnections: 3, maxPerPeer: 2 });
  for (let i = 0; i < 1000; i++) connect("192.0.2.1");
  expect(messages.splice(0)).toEqual(["A connection from 192.0.2.1:9 is refused: its peer has 2 (--max-per-peer)."]);
  connect("192.0.2.2");
  const full = "A connection from 192.0.2.3:9 is refused: 3 are open (--max-connections).";
  for (let i = 0; i < 50; i++) connect("192.0.2.3");
  expect(messages.splice(0)).toEqual([full]);
  reactor.advance(REFUSALS_SECONDS);
  for (let i = 0; i < 50; i++) connect("192.0.2.3");
  expect(messages).toEqual([`${full} (49 more like it since the last such line)`]);
});

it("leaves the protocol what it has without limits: whether it borrows, and its half-closes", () => {
  const limits = { maxConnections: 9, maxPerPeer: 9, idle: 9 };
  const build = (factory: Factory) => {
    const { reactor } = serving(limits, factory);
    return reactor.tcpServers[0]!.factory.buildProtocol(new IPv4Address("TCP", "192.0.2.1", 9)) as Partial<HalfKeeper>;
  };
  expect([borrowsFrom(build(keepers(Echo)) as Echo), borrowsFrom(build(keepers()) as Keeper)]).toEqual([true, false]);
  expect([typeof build(keepers(HalfKeeper)).readConnectionLost, typeof build(keepers()).readConnectionLost]).toEqual([
    "function",
    "undefined",
  ]);
});
