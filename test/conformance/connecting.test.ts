/** Attempts to connect: how they fail, how they are stopped, and how they are made again. */

import { expect, test } from "vitest";
import {
  ConnectBindError,
  ConnectError,
  ConnectionDone,
  ConnectionRefusedError,
  ConnectTimeoutError,
  DNSLookupError,
  NoRouteError,
  NotConnectingError,
  UserError,
} from "../../src/internet/error.ts";
import type { Connector, ConnectTCPOptions } from "../../src/internet/interfaces.ts";
import { freePort } from "../helpers/freeport.ts";
import { turns } from "../helpers/gate.ts";
import { Peer, PeerServer } from "../helpers/peer.ts";
import { FAMILIES, forEachReactor } from "../helpers/reactors.ts";
import { Client, Recorder, serve } from "../helpers/recorder.ts";
import { bracketed, loopback, world } from "../helpers/world.ts";

forEachReactor((make, { transport }) => {
  test("a factory whose doStart() connects again is started once, and makes one attempt", async () => {
    const reactor = make();
    const { port } = serve(reactor, () => new Recorder());
    const factory = new Client(() => new Recorder());
    const connector = reactor.connectTCP(loopback(), port, factory);
    connector.stopConnecting();
    let starts = 0;
    factory.doStart = () => {
      if (starts++ === 0) connector.connect();
    };
    connector.connect();
    await (await factory.next()).made.promise;
    expect([starts, factory.built.length, reactor.getDelayedCalls()]).toEqual([1, 1, []]);
  });

  /** The error that an attempt fails with; its factory must hear of nothing else. */
  async function failureOf(host: string, port: number, options: ConnectTCPOptions = {}): Promise<unknown> {
    const factory = new Client(() => new Recorder());
    const connector = make().connectTCP(host, port, factory, options);
    expect(factory.calls).toEqual(["doStart", "startedConnecting"]);
    const { value } = await factory.failures.next();
    expect(connector.state).toBe("disconnected");
    await turns(2);
    expect(factory.calls).toEqual(["doStart", "startedConnecting", "clientConnectionFailed", "doStop"]);
    return value;
  }

  test("a port without a listener is a ConnectionRefusedError that names it", async () => {
    const port = await freePort();
    const error = await failureOf(loopback(), port);
    expect(error).toBeInstanceOf(ConnectionRefusedError);
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ osError: "ECONNREFUSED", message: expect.stringContaining(`${loopback()}:${port}`) });
  });

  test("an address without a route is a NoRouteError", async () => {
    // The kernel has no route for TCP to the broadcast address, whatever the network.
    const error = await failureOf("255.255.255.255", 9);
    expect(error).toBeInstanceOf(NoRouteError);
    expect(error).toMatchObject({ osError: expect.stringMatching(/^E(NET|HOST)UNREACH$/) });
  });

  test("a peer that does not answer in time is a ConnectTimeoutError that names the time", async () => {
    // Once the backlog is full, the kernel leaves those who come unanswered.
    const { port } = serve(make({ run: false }), () => new Recorder(), { backlog: 1 });
    await Promise.all([Peer.connect(port), Peer.connect(port)]);
    const error = await failureOf(loopback(), port, { timeout: 0.05 });
    expect(error).toBeInstanceOf(ConnectTimeoutError);
    expect(error).toMatchObject({ message: expect.stringContaining("0.05 seconds") });
  });

  test("a connection that is made in time is not timed out later", async () => {
    const reactor = make();
    const { port } = serve(reactor, () => new Recorder());
    const factory = new Client(() => new Recorder());
    reactor.connectTCP(loopback(), port, factory, { timeout: 30 });
    expect(reactor.getDelayedCalls()).toHaveLength(1);
    const protocol = await factory.next();
    expect(protocol.calls).toEqual(["connectionMade"]);
    expect(reactor.getDelayedCalls()).toEqual([]);
  });

  test.each(["nobody.invalid", "two..dots", "no host"])("the name %j is a DNSLookupError", async (name) => {
    const error = await failureOf(name, 80);
    expect(error).toBeInstanceOf(DNSLookupError);
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as Error).message).toContain(name);
  });

  test.each([65536, -1, 0.5, Number.NaN])("port %s is a RangeError", (port) => {
    const factory = new Client(() => new Recorder());
    expect(() => make().connectTCP(loopback(), port, factory)).toThrow(RangeError);
    expect(factory.calls).toEqual([]);
  });

  test.each([
    ["an address", () => loopback()],
    ["a name that is looked up", () => "localhost"],
  ])("stopConnecting() ends an attempt to %s with a UserError, at once", async (_what, host) => {
    const { port, factory: server } = serve(make(), () => new Recorder());
    const factory = new Client(() => new Recorder());
    const connector = make().connectTCP(host(), port, factory);
    connector.stopConnecting();
    expect((await factory.failures.next()).value).toBeInstanceOf(UserError);
    expect(() => connector.stopConnecting()).toThrow(NotConnectingError);
    await turns(5);
    expect(factory.calls).toEqual(["doStart", "startedConnecting", "clientConnectionFailed", "doStop"]);
    expect(server.built.every(({ calls }) => calls.length > 0)).toBe(true);
  });

  test("stopConnecting() in startedConnecting() ends the attempt", async () => {
    const factory = new Client(() => new Recorder());
    factory.onStarted = (connector) => connector.stopConnecting();
    make().connectTCP(loopback(), await freePort(), factory);
    expect((await factory.failures.next()).value).toBeInstanceOf(UserError);
    await turns(3);
    expect(factory.calls).toEqual(["doStart", "startedConnecting", "clientConnectionFailed", "doStop"]);
  });

  test("bindAddress chooses the local host, and the port where it is not 0", async () => {
    const reactor = make();
    // Of IPv6 a machine has one loopback address only.
    const [host, other] = transport === "IPv4" ? ["127.0.0.7", "127.0.0.8"] : ["::1", "::1"];
    const server = await PeerServer.listen();
    const connect = (bindAddress: [string, number]) =>
      reactor.connectTCP(loopback(), server.port, new Client(() => new Recorder()), { bindAddress });
    connect([host, 0]);
    expect((await server.accepted()).socket.remoteAddress).toBe(host);
    const port = await freePort();
    connect([other, port]);
    const { remoteAddress, remotePort } = (await server.accepted()).socket;
    expect([remoteAddress, remotePort]).toEqual([other, port]);
  });

  test("a bindAddress that this machine does not have is a ConnectBindError", async () => {
    const error = await failureOf(loopback(), 9, { bindAddress: [world().absent, 0] });
    expect(error).toBeInstanceOf(ConnectBindError);
    expect(error).toMatchObject({ osError: "EADDRNOTAVAIL" });
  });

  test("connect() in clientConnectionFailed() retries, and the factory is not restarted", async () => {
    const port = await freePort();
    const factory = new Client(() => new Recorder());
    let left = 3;
    factory.onFailed = (connector) => {
      if (left-- > 0) connector.connect();
    };
    make().connectTCP(loopback(), port, factory);
    for (let i = 0; i < 4; i++) await factory.failures.next();
    await turns(2);
    const attempt = ["startedConnecting", "clientConnectionFailed"];
    expect(factory.calls).toEqual(["doStart", ...attempt, ...attempt, ...attempt, ...attempt, "doStop"]);
  });

  test("connect() in clientConnectionLost() reconnects, and the factory is not restarted", async () => {
    const reactor = make();
    const { port } = serve(reactor, () => {
      const protocol = new Recorder();
      protocol.onMade = () => protocol.transport.loseConnection();
      return protocol;
    });
    const factory = new Client(() => new Recorder());
    let left = 3;
    factory.onLost = (connector) => {
      if (left-- > 0) connector.connect();
    };
    reactor.connectTCP(loopback(), port, factory);
    for (let i = 0; i < 4; i++) await factory.losses.next();
    await turns(2);
    const attempt = ["startedConnecting", `buildProtocol ${bracketed(loopback())}:${port}`, "clientConnectionLost"];
    expect(factory.calls).toEqual(["doStart", ...attempt, ...attempt, ...attempt, ...attempt, "doStop"]);
    expect(factory.built.map(({ losses }) => losses)).toEqual([1, 1, 1, 1]);
  });

  test("connect() long after the loss restarts the factory", async () => {
    const reactor = make();
    const { port } = serve(reactor, () => new Recorder());
    const factory = new Client(() => new Recorder());
    const connector = reactor.connectTCP(loopback(), port, factory);
    for (let round = 0; round < 2; round++) {
      const protocol = await factory.next();
      expect(() => connector.connect()).toThrow(/connected/);
      protocol.transport.loseConnection();
      await factory.losses.next();
      await turns(1);
      if (round === 0) connector.connect();
    }
    expect(factory.calls.filter((call) => call.startsWith("do"))).toEqual(["doStart", "doStop", "doStart", "doStop"]);
  });

  test("disconnect() closes a connection, stops an attempt, and is otherwise a no-op", async () => {
    const reactor = make();
    const { port } = serve(reactor, () => new Recorder());
    const factory = new Client(() => new Recorder());
    const connector: Connector = reactor.connectTCP(loopback(), port, factory);
    connector.disconnect();
    expect((await factory.failures.next()).value).toBeInstanceOf(UserError);
    connector.disconnect();
    connector.connect();
    await factory.next();
    connector.disconnect();
    expect((await factory.losses.next()).value).toBeInstanceOf(ConnectionDone);
    connector.disconnect();
  });

  test("getDestination() is where the connector connects to", async () => {
    const port = await freePort();
    const factory = new Client(() => new Recorder());
    const connector = make().connectTCP(loopback(), port, factory);
    expect(connector.getDestination()).toMatchObject({ type: "TCP", host: loopback(), port });
    await factory.failures.next();
  });

  test("a connection is closed when a client's factory builds no protocol", async () => {
    const server = await PeerServer.listen();
    const factory = new Client<Recorder>(() => null);
    const connector = make().connectTCP(loopback(), server.port, factory);
    const peer = await server.accepted();
    await Promise.race([peer.ended, peer.closed]);
    peer.end();
    await factory.losses.next();
    expect(connector.state).toBe("disconnected");
  });
}, FAMILIES);
