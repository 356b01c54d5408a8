import { describe, expect, it } from "vitest";
import {
  LimitConnectionsByPeer,
  LimitTotalConnectionsFactory,
  WrappingFactory,
} from "../../src/entries/protocols/policies.ts";
import { IPv4Address, IPv6Address } from "../../src/internet/address.ts";
import { NoProtocol } from "../../src/internet/error.ts";
import type { Address } from "../../src/internet/interfaces.ts";
import { Factory, Protocol } from "../../src/internet/protocol.ts";
import { connect, HalfTransport, Keeper, keepers, PEER } from "../helpers/wrapped.ts";

class Full extends Protocol {
  override connectionMade(): void {
    this.transport.write("full, sorry");
    this.transport.loseConnection();
  }
}

describe("a LimitTotalConnectionsFactory", () => {
  function limited(limit: number | null = 1): LimitTotalConnectionsFactory {
    const factory = LimitTotalConnectionsFactory.forProtocol(Keeper);
    factory.connectionLimit = limit;
    return factory;
  }

  it("counts connections as they are made and lost", () => {
    const factory = limited(null);
    expect(factory.connectionCount).toBe(0);
    const one = connect(factory);
    const two = connect(factory);
    expect(factory.connectionCount).toBe(2);
    one.transport.lose();
    expect(factory.connectionCount).toBe(1);
    two.transport.lose();
    expect(factory.connectionCount).toBe(0);
  });

  it("counts a connection from buildProtocol() on", () => {
    const factory = limited();
    expect(factory.buildProtocol(PEER)).not.toBeNull();
    expect(factory.connectionCount).toBe(1);
    expect(factory.buildProtocol(PEER)).toBeNull();
  });

  it("builds nothing at its limit, and builds again below it", () => {
    const factory = limited(2);
    const one = connect(factory);
    connect(factory);
    expect(factory.buildProtocol(PEER)).toBeNull();
    expect(factory.connectionCount).toBe(2);
    one.transport.lose();
    expect(factory.buildProtocol(PEER)).not.toBeNull();
  });

  it("has no limit by default", () => {
    const factory = LimitTotalConnectionsFactory.forProtocol(Keeper);
    for (let i = 0; i < 1000; i++) expect(factory.buildProtocol(PEER)).not.toBeNull();
  });

  it("builds the overflow protocol beyond its limit, and counts it", () => {
    const factory = limited();
    factory.overflowProtocol = Full;
    const one = connect(factory);
    const over = connect(factory);
    expect(over.transport.take()).toBe("full, sorry");
    expect(over.transport.disconnecting).toBe(true);
    expect((over.wrapped as Full).factory).toBe(factory);
    expect(factory.connectionCount).toBe(2);
    over.transport.lose();
    expect(factory.connectionCount).toBe(1);
    one.transport.lose();
    expect(factory.connectionCount).toBe(0);
    expect(connect(factory).wrapped).toBeInstanceOf(Keeper);
  });

  it("sets itself as its protocols' factory", () => {
    const factory = limited();
    const { wrapped, transport } = connect(factory);
    expect((wrapped as Keeper).factory).toBe(factory);
    transport.receive("hello");
    expect((wrapped as Keeper).received).toBe("hello");
  });

  it("does not count a protocol that could not be built", () => {
    const none = new LimitTotalConnectionsFactory();
    expect(() => none.buildProtocol(PEER)).toThrow(NoProtocol);
    expect(none.connectionCount).toBe(0);
    class Refusing extends Factory {
      override buildProtocol(): null {
        return null;
      }
    }
    const factory = new LimitConnectionsByPeer(new Refusing());
    expect(factory.buildProtocol(PEER)).toBeNull();
    expect(factory.peerConnections.size).toBe(0);
  });
});

describe("a LimitConnectionsByPeer", () => {
  const from = (host: string, port: number) => new IPv4Address("TCP", host, port);

  it("allows 5 connections per host, whatever their ports", () => {
    const factory = new LimitConnectionsByPeer(keepers());
    for (let port = 1; port <= 5; port++) expect(factory.buildProtocol(from("192.0.2.1", port))).not.toBeNull();
    expect(factory.buildProtocol(from("192.0.2.1", 6))).toBeNull();
    expect(factory.buildProtocol(from("192.0.2.2", 6))).not.toBeNull();
    expect(factory.buildProtocol(new IPv6Address("TCP", "2001:db8::1", 6))).not.toBeNull();
  });

  it("counts the addresses of one /64 network of IPv6 as one host, and a mapped IPv4 address as itself", () => {
    const factory = new LimitConnectionsByPeer(keepers());
    factory.maxConnectionsPerPeer = 1;
    const from6 = (host: string) => factory.buildProtocol(new IPv6Address("TCP", host, 6));
    expect([from6("2001:db8::1") !== null, from6("2001:db8::2"), from6("2001:db8:0:1::1") !== null]).toEqual([
      true,
      null,
      true,
    ]);
    expect([from6("::ffff:192.0.2.1") !== null, factory.buildProtocol(from("192.0.2.1", 1))]).toEqual([true, null]);
  });

  it("counts each link-local address of a link, whose hosts share one /64 network, as a host", () => {
    const factory = new LimitConnectionsByPeer(keepers());
    factory.maxConnectionsPerPeer = 1;
    const from6 = (host: string) => factory.buildProtocol(new IPv6Address("TCP", host, 6)) !== null;
    expect(["fe80::1%2", "fe80::2%2", "fe80::1%3", "fe80::1%2"].map(from6)).toEqual([true, true, true, false]);
  });

  it("tells a subclass whom it refuses, and how many connections the peer has", () => {
    const told: unknown[] = [];
    class Telling extends LimitConnectionsByPeer {
      protected override peerRefused(addr: Address, count: number): void {
        told.push(addr.host, count);
      }
    }
    const factory = new Telling(keepers());
    factory.maxConnectionsPerPeer = 1;
    connect(factory);
    expect(told).toEqual([]);
    expect(factory.buildProtocol(PEER)).toBeNull();
    expect(told).toEqual([PEER.host, 1]);
  });

  it("allows the configured number of connections", () => {
    const factory = new LimitConnectionsByPeer(keepers());
    factory.maxConnectionsPerPeer = 1;
    connect(factory);
    expect(factory.buildProtocol(PEER)).toBeNull();
  });

  it("allows a host again when one of its connections is lost", () => {
    const factory = new LimitConnectionsByPeer(keepers());
    factory.maxConnectionsPerPeer = 2;
    const one = connect(factory);
    connect(factory);
    one.transport.lose();
    expect(factory.protocols.size).toBe(1);
    expect(factory.buildProtocol(PEER)).not.toBeNull();
    expect(factory.buildProtocol(PEER)).toBeNull();
  });

  it("forgets a host without connections", () => {
    const factory = new LimitConnectionsByPeer(keepers());
    const one = connect(factory);
    const two = connect(factory);
    expect([...factory.peerConnections]).toEqual([["192.0.2.1", 2]]);
    one.transport.lose();
    two.transport.lose();
    expect(factory.peerConnections.size).toBe(0);
  });

  it("counts by the address given to buildProtocol(), even if the transport's differs", () => {
    class Elsewhere extends HalfTransport {
      override getPeer(): IPv4Address {
        return new IPv4Address("TCP", "198.51.100.9", 1);
      }
    }
    const factory = new LimitConnectionsByPeer(keepers());
    connect(factory, new Elsewhere()).transport.lose();
    expect(factory.peerConnections.size).toBe(0);
  });

  it("ignores the loss of a wrapper that it did not build", () => {
    const factory = new LimitConnectionsByPeer(keepers());
    connect(factory);
    factory.unregisterProtocol(new WrappingFactory(keepers()).buildProtocol(PEER)!);
    expect([...factory.peerConnections]).toEqual([["192.0.2.1", 1]]);
  });
});
