import { beforeEach, describe, expect, it } from "vitest";
import { LimitConnectionsByPeer } from "../../src/entries/protocols/policies.ts";
import { MemoryReactorClock } from "../../src/entries/testing.ts";
import { IPv4Address } from "../../src/internet/address.ts";
import { ConnectionDone, ConnectionLost, ConnectionRefusedError } from "../../src/internet/error.ts";
import type { ProtocolLike } from "../../src/internet/interfaces.ts";
import {
  ProxyClient,
  ProxyClientFactory,
  ProxyFactory,
  type ProxyOptions,
  ProxyServer,
} from "../../src/protocols/portforward.ts";
import { type FakeConnector, FakeReactor } from "../helpers/fake-transport.ts";
import { HalfTransport, logged, PEER } from "../helpers/wrapped.ts";

let reactor: FakeReactor;

beforeEach(() => {
  reactor = new FakeReactor();
});

/** Somebody has connected to the forwarder. */
function visit(options: ProxyOptions = {}): {
  transport: HalfTransport;
  server: ProxyServer;
  connector: FakeConnector;
} {
  const factory = new ProxyFactory("192.0.2.80", 80, { reactor, ...options });
  const server = factory.buildProtocol(PEER) as ProxyServer;
  const transport = new HalfTransport().connect(server);
  return { transport, server, connector: reactor.connectors.at(-1)! };
}

/** The target is connected. */
function reach(connector: FakeConnector): HalfTransport {
  const transport = new HalfTransport();
  connector.state = "connected";
  connector.transport = transport;
  return transport.connect(connector.factory.buildProtocol(PEER) as ProtocolLike);
}

function both(options?: ProxyOptions): { near: HalfTransport; far: HalfTransport; connector: FakeConnector } {
  const { transport, connector } = visit(options);
  return { near: transport, far: reach(connector), connector };
}

describe("a ProxyServer that waits for its target", () => {
  it("connects to the target, and reads its client, so that it hears of its end", () => {
    const { transport, connector } = visit();
    expect([connector.host, connector.port, connector.state]).toEqual(["192.0.2.80", 80, "connecting"]);
    expect(transport.paused).toBe(false);
  });

  it("forwards what its client sent meanwhile, and its half-close", () => {
    const { transport, connector } = visit();
    for (const piece of ["early ", "bird"]) transport.receive(piece);
    transport.end();
    const far = reach(connector);
    expect([far.take(), far.halfClosed, transport.disconnecting]).toEqual(["early bird", true, false]);
    far.receive("answer");
    expect(transport.take()).toBe("answer");
  });

  it("pauses its client once it keeps 64 KiB", () => {
    const { transport, connector } = visit();
    transport.receive(Buffer.alloc(64 * 1024 - 1, "x"));
    expect(transport.paused).toBe(false);
    transport.receive("y");
    expect(transport.paused).toBe(true);
    const far = reach(connector);
    expect([far.take().length, transport.paused]).toEqual([64 * 1024, false]);
  });

  it.each<[string, (transport: HalfTransport) => void]>([
    ["was paused", (transport) => transport.receive(Buffer.alloc(64 * 1024, "x"))],
    ["sent its FIN", (transport) => transport.end()],
  ])("gives up 5 seconds after its client %s: the client may be gone", (_, act) => {
    const { transport, connector } = visit();
    act(transport);
    reactor.advance(4.9);
    expect(connector.state).toBe("connecting");
    reactor.advance(0.1);
    expect([connector.state, transport.disconnecting]).toEqual(["disconnected", true]);
    transport.lose();
    expect(reactor.getDelayedCalls()).toEqual([]);
  });

  it("connects for 15 seconds at most, unless told otherwise", () => {
    expect(visit().connector.options).toEqual({ timeout: 15 });
  });

  it("is one of 256 at most; more clients are closed, until one has its target or is gone", () => {
    const said = logged();
    const factory = new ProxyFactory("192.0.2.80", 80, { reactor });
    const come = () => new HalfTransport().connect(factory.buildProtocol(PEER)!);
    const first = come();
    for (let i = 1; i < 256; i++) come();
    const refused = come();
    expect([refused.aborted, reactor.connectors.length]).toEqual([true, 256]);
    expect(said).toEqual([
      "A connection from 192.0.2.1:54321 cannot be forwarded: 256 clients wait for the target already (maxWaiting).",
    ]);
    refused.lose();
    first.lose();
    expect(come().aborted).toBe(false);
    reach(reactor.connectors.at(-1)!);
    expect([come().aborted, come().aborted]).toEqual([false, true]);
  });

  it("connects with the options it was given", () => {
    expect(visit({ timeout: 5, bindAddress: ["127.0.0.2", 0] }).connector.options).toMatchObject({
      timeout: 5,
      bindAddress: ["127.0.0.2", 0],
    });
  });

  it("stops connecting when its client disconnects first", () => {
    const { transport, connector } = visit();
    transport.lose();
    expect(connector.state).toBe("disconnected");
  });

  it("drops its client when the target cannot be reached, and logs why", () => {
    const said = logged();
    const { transport, connector } = visit();
    connector.fail(new ConnectionRefusedError("Nothing listens there."));
    expect(transport.disconnecting).toBe(true);
    expect(said).toEqual(["A connection from 192.0.2.1:54321 cannot be forwarded: Nothing listens there."]);
    transport.lose();
    expect(said).toHaveLength(1);
  });

  it("logs that once a minute at most, and how many it did not log", () => {
    const said = logged();
    const factory = new ProxyFactory("192.0.2.80", 80, { reactor, maxWaiting: 1 });
    const come = () => new HalfTransport().connect(factory.buildProtocol(PEER)!);
    const fail = () => {
      const [first, oneTooMany] = [come(), come()];
      reactor.connectors.at(-1)!.fail(new ConnectionRefusedError("Nothing listens there."));
      first.lose();
      oneTooMany.lose();
    };
    for (let i = 0; i < 100; i++) fail();
    expect(said).toHaveLength(1);
    reactor.advance(60);
    fail();
    expect(said.slice(1)).toEqual([
      "A connection from 192.0.2.1:54321 cannot be forwarded: 1 clients wait for the target already (maxWaiting). " +
        "(199 more like it since the last such line)",
    ]);
  });

  it("logs nothing when it is not noisy, or when its client disconnected first", () => {
    const said = logged();
    class QuietServer extends ProxyServer {
      override noisy = false;
    }
    const factory = new ProxyFactory("192.0.2.80", 80, { reactor });
    factory.protocol = QuietServer;
    const transport = new HalfTransport().connect(factory.buildProtocol(PEER)!);
    reactor.connectors[0]!.fail(new ConnectionRefusedError("Nothing listens there."));
    expect(transport.disconnecting).toBe(true);
    visit().transport.lose();
    expect(said).toEqual([]);
  });

  it("gives way to nobody of a peer that has more clients waiting", () => {
    const factory = new ProxyFactory("192.0.2.80", 80, { reactor, maxWaiting: 4 });
    const come = (host: string) => {
      const transport = new HalfTransport();
      transport.getPeer = () => new IPv4Address("TCP", host, 1);
      return transport.connect(factory.buildProtocol(PEER)!);
    };
    const crowd = Array.from({ length: 6 }, () => come("192.0.2.66"));
    const honest = [come("192.0.2.1"), come("192.0.2.2")];
    const more = come("192.0.2.66");
    expect([...crowd, ...honest, more].map(({ aborted }) => aborted)).toEqual([
      ...[true, true, false, false, true, true],
      ...[false, false, true],
    ]);
    expect(factory.waiting).toBe(4);
    expect(reactor.connectors.map(({ state }) => state)).toEqual([
      ...["disconnected", "disconnected", "connecting", "connecting"],
      ...["connecting", "connecting"],
    ]);
  });

  it("closes a target connection that is made too late", () => {
    const { transport, connector } = visit();
    connector.state = "connected"; // the attempt can no longer be stopped
    transport.lose();
    expect(connector.factory.buildProtocol(PEER)).toBeNull();
  });

  it("passes only the reactor's options to connectTCP()", () => {
    const memory = new MemoryReactorClock();
    const factory = new ProxyFactory("192.0.2.80", 80, { reactor: memory, timeout: 5 });
    new HalfTransport().connect(factory.buildProtocol(PEER) as ProtocolLike);
    expect(memory.tcpClients).toMatchObject([{ host: "192.0.2.80", port: 80 }]);
    expect(memory.tcpClients[0]!.options).toEqual({ timeout: 5 });
  });

  it("needs a reactor, and says so", () => {
    const server = new ProxyFactory("192.0.2.80", 80).buildProtocol(PEER)!;
    expect(() => server.makeConnection(new HalfTransport())).toThrow(/pass a `reactor`, or install one by importing/);
  });
});

describe("a forwarded connection", () => {
  it("resumes reading when the target is connected", () => {
    const { transport, connector } = visit();
    reach(connector);
    expect(transport.paused).toBe(false);
  });

  it("registers each transport as the other's producer", () => {
    const { near, far } = both();
    expect(near.producer).toBe(far);
    expect(far.producer).toBe(near);
  });

  it("passes bytes on, both ways", () => {
    const { near, far } = both();
    near.receive("question");
    expect(far.take()).toBe("question");
    far.receive("answer");
    expect(near.take()).toBe("answer");
  });

  it("pauses reading on one side while the other is above the high-water mark", () => {
    const { near, far } = both();
    far.congest();
    expect([near.paused, far.paused]).toEqual([true, false]);
    far.drain();
    near.congest();
    expect([near.paused, far.paused]).toEqual([false, true]);
  });

  it("forwards the client's half-close, and still passes on the answer", () => {
    const { near, far } = both();
    near.receive("question");
    near.end();
    expect([far.take(), far.halfClosed, far.disconnecting]).toEqual(["question", true, false]);
    far.receive("answer");
    expect(near.take()).toBe("answer");
  });

  it("forwards the target's half-close, and still passes on the client's bytes", () => {
    const { near, far } = both();
    far.end();
    expect([near.halfClosed, near.disconnecting]).toEqual([true, false]);
    near.receive("more");
    expect(far.take()).toBe("more");
  });

  it.each(["near", "far"] as const)("is closed on the other side when its %s side is lost", (lost) => {
    const sides = both();
    const other = lost === "near" ? sides.far : sides.near;
    sides[lost].lose();
    expect(other.disconnecting).toBe(true);
    expect(other.producer).toBeNull();
    other.lose();
  });

  it("is closed after its queued bytes are sent when the other side is lost", () => {
    const { near, far } = both();
    far.receive("last words");
    far.lose(new ConnectionLost());
    expect([near.take(), near.disconnecting, near.aborted]).toEqual(["last words", true, false]);
  });

  it("drops bytes of one side when the other is lost", () => {
    const { near, far } = both();
    near.lose();
    far.receive("too late");
    far.end();
    expect([near.take(), far.take(), near.halfClosed]).toEqual(["", "", false]);
  });

  it("is ended on both sides when nothing was forwarded for 5 minutes", () => {
    const { near, far } = both();
    for (const side of [near, far, near]) {
      reactor.advance(299);
      side.receive("still here");
    }
    reactor.advance(299);
    expect([near.disconnecting, far.disconnecting]).toEqual([false, false]);
    reactor.advance(1);
    expect([near.disconnecting, far.disconnecting]).toEqual([true, true]);
  });

  it("is closed, so that what is queued is sent, and reset 5 minutes later", () => {
    const { near, far } = both();
    near.congest(); // far is paused
    reactor.advance(300);
    expect([near.producer, far.producer]).toEqual([null, null]);
    far.lose(); // does not begin another time
    reactor.advance(299);
    expect([near.disconnecting, near.aborted]).toEqual([true, false]);
    reactor.advance(1);
    expect(near.aborted).toBe(true);
    near.lose();
    expect(reactor.getDelayedCalls()).toEqual([]);
  });

  it("has another idle time if told so, or none", () => {
    const short = both({ idleTimeout: 7 });
    const endless = both({ idleTimeout: Number.POSITIVE_INFINITY });
    reactor.advance(7);
    expect([short.near.disconnecting, short.far.disconnecting]).toEqual([true, true]);
    for (const side of [short.near, short.far]) side.lose();
    expect(reactor.getDelayedCalls()).toEqual([]);
    expect(endless.near.disconnecting).toBe(false);
  });

  it.each(["near", "far"] as const)(
    "is ended when nothing was forwarded for 30 seconds after the FIN of its %s side",
    (who) => {
      const sides = both({ idleTimeout: Number.POSITIVE_INFINITY });
      sides[who].end();
      reactor.advance(29);
      sides.near.receive("late");
      sides.far.receive("later");
      reactor.advance(29);
      expect([sides.near.disconnecting, sides.far.disconnecting]).toEqual([false, false]);
      reactor.advance(1);
      expect([sides.near.disconnecting, sides.far.disconnecting]).toEqual([true, true]);
    },
  );

  it.each([
    ["near", 30],
    ["far", 300],
  ] as const)("once its %s side is lost, waits %i seconds for a peer that does not read", (lost, seconds) => {
    const sides = both({ idleTimeout: Number.POSITIVE_INFINITY });
    const other = lost === "near" ? sides.far : sides.near;
    sides[lost].lose();
    reactor.advance(seconds - 1);
    expect([other.disconnecting, other.aborted]).toEqual([true, false]);
    reactor.advance(1);
    expect(other.aborted).toBe(true);
  });

  it("resets its target when the client was lost by a reset: nobody waits for what is queued", () => {
    const { near, far } = both();
    near.receive("queued");
    near.lose(new ConnectionLost());
    expect(far.aborted).toBe(true);
    far.lose();
    expect(reactor.getDelayedCalls()).toEqual([]);
  });

  it("leaves no timer behind when both sides are lost", () => {
    const { near, far } = both();
    near.lose();
    far.lose();
    expect(reactor.getDelayedCalls()).toEqual([]);
  });

  it("does not call the connector when the client disconnects later", () => {
    const { near, connector } = both();
    near.lose();
    expect(connector.state).toBe("connected");
  });

  it("works behind a policy", () => {
    const factory = new LimitConnectionsByPeer(new ProxyFactory("192.0.2.80", 80, { reactor }));
    const near = new HalfTransport().connect(factory.buildProtocol(PEER)!);
    const far = reach(reactor.connectors[0]!);
    near.receive("question");
    far.receive("answer");
    near.end();
    expect([far.take(), near.take(), far.halfClosed]).toEqual(["question", "answer", true]);
    far.lose();
    expect(near.disconnecting).toBe(true);
    near.lose(new ConnectionDone());
    expect(factory.peerConnections.size).toBe(0);
  });

  it.each([
    ["in an orderly way", new ConnectionDone()],
    ["by a reset", new ConnectionLost()],
  ])("takes its client's place in every limit until the target is lost, too: the client went %s", (_, reason) => {
    const inner = new LimitConnectionsByPeer(new ProxyFactory("192.0.2.80", 80, { reactor }));
    const outer = new LimitConnectionsByPeer(inner);
    inner.maxConnectionsPerPeer = 1;
    const near = new HalfTransport().connect(outer.buildProtocol(PEER)!);
    const far = reach(reactor.connectors[0]!);
    near.lose(reason);
    expect(inner.buildProtocol(PEER)).toBeNull();
    expect([inner.peerConnections.size, outer.peerConnections.size]).toEqual([1, 1]);
    far.lose();
    expect([inner.peerConnections.size, outer.peerConnections.size, outer.protocols.size]).toEqual([0, 0, 0]);
  });
});

describe("the factories of a forwarder", () => {
  it("accept protocols of other classes", () => {
    class Upper extends ProxyClient {
      override dataReceived(data: Buffer): void {
        super.dataReceived(Buffer.from(data.toString().toUpperCase()));
      }
    }
    class UpperFactory extends ProxyClientFactory {
      override protocol: new () => ProxyClient = Upper;
    }
    class UpperServer extends ProxyServer {
      override clientProtocolFactory = UpperFactory;
    }
    const factory = new ProxyFactory("192.0.2.80", 80, { reactor });
    factory.protocol = UpperServer;
    const near = new HalfTransport().connect(factory.buildProtocol(PEER)!);
    reach(reactor.connectors[0]!).receive("answer");
    expect(near.take()).toBe("ANSWER");
  });

  it("build protocols that borrow the bytes they pass on", () => {
    expect([ProxyServer.borrows, ProxyClient.borrows]).toEqual([true, true]);
  });

  it("ignore a failed connection that no client waits for", () => {
    const factory = new ProxyClientFactory();
    expect(factory.buildProtocol(PEER)).toBeNull();
    factory.clientConnectionFailed(undefined as never, undefined as never);
  });
});
