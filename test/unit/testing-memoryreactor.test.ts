import { describe, expect, it } from "vitest";
import { Deferred } from "../../src/entries/defer.ts";
import {
  AccumulatingProtocol,
  failureResultOf,
  MemoryReactor,
  MemoryReactorClock,
  RaisingMemoryReactor,
  successResultOf,
} from "../../src/entries/testing.ts";
import { clientFromString, serverFromString } from "../../src/internet/endpoints/registry.ts";
import {
  CannotListenError,
  ConnectError,
  ConnectionLost,
  ConnectionRefusedError,
  DNSLookupError,
  NotConnectingError,
  ReactorAlreadyRunning,
  ReactorNotRunning,
} from "../../src/internet/error.ts";
import type { Reactor, TLSTransport } from "../../src/internet/interfaces.ts";
import { ClientFactory, Factory, Protocol, ReconnectingClientFactory } from "../../src/internet/protocol.ts";
import { optionsForClientTLS } from "../../src/internet/tls/options.ts";
import { Echo } from "../../src/protocols/wire.ts";
import { serverOptions } from "../helpers/tls-options.ts";

class Nothing extends Factory {
  override buildProtocol(): null {
    return null;
  }
}

describe("a MemoryReactor", () => {
  it("implements the reactor interfaces", () => {
    const reactor: Reactor = new MemoryReactorClock();
    expect(reactor.name).toBe("memory");
  });

  it("records listenTCP()", () => {
    const reactor = new MemoryReactor();
    const factory = Factory.forProtocol(Echo);
    const port = reactor.listenTCP(1234, factory, { interface: "127.0.0.1", backlog: 7 });
    expect(reactor.tcpServers).toEqual([port]);
    expect(port).toMatchObject({
      port: 1234,
      factory,
      options: { interface: "127.0.0.1", backlog: 7 },
      listening: true,
    });
    expect(String(port.getHost())).toBe("127.0.0.1:1234");
    expect(factory.numPorts).toBe(1);
  });

  it("chooses a port where 0 is asked for", () => {
    const reactor = new MemoryReactor();
    const ports = [0, 0].map((port) => reactor.listenTCP(port, new Nothing()).port);
    expect(new Set(ports).size).toBe(2);
    expect(ports.every((port) => port > 0)).toBe(true);
  });

  it("stops listening, and may listen again", async () => {
    const factory = Factory.forProtocol(Echo);
    const port = new MemoryReactor().listenTCP(1, factory);
    successResultOf(port.stopListening());
    successResultOf(port.stopListening());
    expect([port.listening, factory.numPorts]).toEqual([false, 0]);
    port.startListening();
    port.startListening();
    expect([port.listening, factory.numPorts]).toEqual([true, 1]);
    await port[Symbol.asyncDispose]();
    expect(port.listening).toBe(false);
  });

  it("accepts clients when the test says so", () => {
    const port = new MemoryReactor().listenTCP(7, Factory.forProtocol(Echo), { interface: "::1" });
    const transport = port.accept();
    transport.receive("hello");
    expect(transport.take()).toBe("hello");
    expect(String(transport.getHost())).toBe("[::1]:7");
  });

  it("closes clients for whom nothing is built", () => {
    expect(new MemoryReactor().listenTCP(7, new Nothing()).accept().disconnecting).toBe(true);
  });

  it("records connectTCP(), and connects when the test says so", () => {
    const reactor = new MemoryReactor();
    const factory = ClientFactory.forProtocol(AccumulatingProtocol);
    const connector = reactor.connectTCP("10.0.0.9", 80, factory, { timeout: 3 });
    expect(reactor.connectors).toEqual([connector]);
    expect(connector).toMatchObject({ host: "10.0.0.9", port: 80, options: { timeout: 3 }, state: "connecting" });
    const transport = connector.succeed();
    expect(String(transport.getPeer())).toBe("10.0.0.9:80");
    transport.receive("x");
    expect((transport.protocol as AccumulatingProtocol).data.length).toBe(1);
    connector.lose();
    expect([connector.state, factory.numPorts]).toEqual(["disconnected", 0]);
  });

  it("calls clientConnectionLost() once when a test calls the transport's lose()", () => {
    const reactor = new MemoryReactorClock();
    const factory = new ReconnectingClientFactory();
    factory.clock = reactor;
    factory.jitter = 0;
    factory.protocol = AccumulatingProtocol;
    const connector = reactor.connectTCP("::1", 80, factory);
    const transport = connector.succeed();
    const client = transport.protocol as AccumulatingProtocol;
    const reason = new ConnectionLost("cut");
    transport.lose(reason);
    expect([client.closedReason?.value, connector.state, connector.transport]).toEqual([reason, "disconnected", null]);
    transport.lose();
    connector.lose();
    expect(factory.numPorts).toBe(0);
    reactor.advance(10);
    expect([connector.state, connector.attempts]).toEqual(["connecting", 2]);
  });

  it("fails an attempt when the test says so, which can then be retried", () => {
    const reactor = new MemoryReactorClock();
    const factory = new ReconnectingClientFactory();
    factory.clock = reactor;
    factory.jitter = 0;
    factory.protocol = Protocol;
    const connector = reactor.connectTCP("::1", 80, factory);
    connector.fail(new ConnectionRefusedError("no"));
    expect(connector.state).toBe("disconnected");
    reactor.advance(10);
    expect([connector.state, connector.attempts]).toEqual(["connecting", 2]);
  });

  it("stops an attempt, and throws when there is none", () => {
    const connector = new MemoryReactor().connectTCP("h", 1, new ClientFactory());
    connector.stopConnecting();
    expect(() => connector.stopConnecting()).toThrow(NotConnectingError);
    expect(() => connector.succeed()).toThrow(/disconnected/);
    expect(() => connector.fail()).toThrow(/disconnected/);
    connector.connect();
    expect(() => connector.connect()).toThrow(ConnectError);
    connector.disconnect();
    expect(connector.state).toBe("disconnected");
  });

  it("closes a connection for which nothing is built, or that is disconnected", () => {
    class NoClient extends ClientFactory {
      override buildProtocol(): null {
        return null;
      }
    }
    const reactor = new MemoryReactor();
    expect(reactor.connectTCP("h", 1, new NoClient()).succeed().disconnecting).toBe(true);
    const connector = reactor.connectTCP("h", 1, ClientFactory.forProtocol(Protocol));
    const transport = connector.succeed();
    connector.disconnect();
    expect(transport.disconnecting).toBe(true);
  });

  it("works with endpoints", () => {
    const reactor = new MemoryReactorClock();
    successResultOf(serverFromString(reactor, "tcp:8080:interface=127.0.0.1").listen(Factory.forProtocol(Echo)));
    expect(reactor.tcpServers[0]?.port).toBe(8080);
    const connected = clientFromString(reactor, "tcp:example.org:80").connect(
      Factory.forProtocol(AccumulatingProtocol),
    );
    reactor.tcpClients[0]?.succeed();
    expect(successResultOf(connected)).toBeInstanceOf(AccumulatingProtocol);
  });

  it("resolves the names that the test gave it", () => {
    const reactor = new MemoryReactor();
    reactor.names.set("db", "10.0.0.5");
    expect(["db", "localhost", "", "1.2.3.4", "::1"].map((name) => successResultOf(reactor.resolve(name)))).toEqual([
      "10.0.0.5",
      "127.0.0.1",
      "0.0.0.0",
      "1.2.3.4",
      "::1",
    ]);
    failureResultOf(reactor.resolve("nowhere"), DNSLookupError);
  });
});

describe("running a MemoryReactor", () => {
  it("runs hooks and triggers in order, as a reactor does", async () => {
    const reactor = new MemoryReactor();
    const order: string[] = [];
    for (const phase of ["before", "during", "after"] as const) {
      for (const event of ["startup", "shutdown"]) {
        reactor.addSystemEventTrigger(
          phase,
          event,
          (name: string) => order.push(`${name} ${reactor.running}`),
          `${phase} ${event}`,
        );
      }
    }
    reactor.callWhenRunning(() => order.push("hook"));
    expect(reactor.whenRunningHooks).toHaveLength(1);
    expect(reactor.triggers).toHaveLength(6);
    const ended = reactor.run();
    reactor.callWhenRunning((text: string) => order.push(text), "at once");
    reactor.stop();
    await ended;
    expect(order).toEqual([
      "before startup false",
      "during startup true",
      "after startup true",
      "hook",
      "at once",
      "before shutdown true",
      "during shutdown false",
      "after shutdown false",
    ]);
    expect([reactor.running, reactor.hasRun, reactor.hasStopped]).toEqual([false, true, true]);
  });

  it("waits for a trigger's Deferred", () => {
    const reactor = new MemoryReactor();
    const gate = new Deferred<void>();
    reactor.addSystemEventTrigger("before", "shutdown", () => gate);
    reactor.run();
    reactor.stop();
    expect([reactor.running, reactor.hasStopped]).toEqual([true, true]);
    expect(() => reactor.stop()).toThrow(ReactorNotRunning);
    gate.callback();
    expect(reactor.running).toBe(false);
  });

  it("cannot be run twice, nor be stopped before it runs", () => {
    const reactor = new MemoryReactor();
    expect(() => reactor.stop()).toThrow(ReactorNotRunning);
    reactor.run();
    expect(() => reactor.run()).toThrow(ReactorAlreadyRunning);
  });

  it("can be ended by crash()", async () => {
    const reactor = new MemoryReactor();
    const ended = reactor.run();
    reactor.crash();
    await ended;
    expect([reactor.running, reactor.hasCrashed]).toEqual([false, true]);
  });

  it("allows a trigger to be removed", () => {
    const reactor = new MemoryReactor();
    const id = reactor.addSystemEventTrigger("before", "custom", () => {
      throw new Error("removed");
    });
    reactor.removeSystemEventTrigger(id);
    expect(reactor.triggers).toEqual([]);
    expect(() => reactor.removeSystemEventTrigger(id)).toThrow(RangeError);
    reactor.fireSystemEvent("custom");
  });

  it("ends with `await using`", async () => {
    const reactor = new MemoryReactor();
    const ended = reactor.run();
    await reactor[Symbol.asyncDispose]();
    await ended;
    await reactor[Symbol.asyncDispose]();
  });
});

describe("a MemoryReactorClock", () => {
  it("makes calls when the test moves its time", () => {
    const reactor = new MemoryReactorClock();
    const called: number[] = [];
    reactor.callLater(2, (n: number) => called.push(n), 5);
    expect(reactor.getDelayedCalls()).toHaveLength(1);
    reactor.pump([1, 1]);
    expect([called, reactor.seconds()]).toEqual([[5], 2]);
  });
});

describe("TLS of a MemoryReactor", () => {
  class Greeting extends AccumulatingProtocol {
    handshakeCompleted(): void {
      this.transport.write(`${(this.transport as TLSTransport).negotiatedProtocol}`);
    }
  }

  it("is there from the beginning: the test completes the handshakes", () => {
    const [first, renewed, ofClient] = [serverOptions(), serverOptions(), optionsForClientTLS("localhost")];
    const reactor = new MemoryReactor();
    const port = reactor.listenSSL(443, Factory.forProtocol(Greeting), first);
    const accepted = port.accept();
    port.setContext(renewed);
    const connector = reactor.connectSSL("localhost", 443, ClientFactory.forProtocol(Greeting), ofClient);
    const transports = [accepted, port.accept(), connector.succeed()];
    expect(transports.map(({ tls }) => tls?.contextFactory)).toEqual([first, renewed, ofClient]);
    for (const transport of transports) {
      transport.completeHandshake({ protocol: "h2" });
      expect(transport.take()).toBe("h2");
      transport.lose();
    }
    expect(connector.state).toBe("disconnected");
  });

  it("is not there of listenTCP() and connectTCP()", () => {
    const reactor = new MemoryReactor();
    const accepted = reactor.listenTCP(80, Factory.forProtocol(Greeting)).accept();
    const made = reactor.connectTCP("localhost", 80, ClientFactory.forProtocol(Greeting)).succeed();
    expect([accepted.tls, made.tls]).toEqual([null, null]);
  });
});

describe("a RaisingMemoryReactor", () => {
  it("throws the given errors", () => {
    const cannotListen = new CannotListenError("", 1, 98);
    const cannotConnect = new ConnectError("no");
    const reactor = new RaisingMemoryReactor(cannotListen, cannotConnect);
    expect(() => reactor.listenTCP(1, new Nothing())).toThrow(cannotListen);
    expect(() => reactor.connectTCP("h", 1, new ClientFactory())).toThrow(cannotConnect);
  });

  it("works as a MemoryReactorClock otherwise", () => {
    const reactor = new RaisingMemoryReactor();
    expect(reactor.listenTCP(1, new Nothing()).listening).toBe(true);
    expect(reactor.connectTCP("h", 1, new ClientFactory()).state).toBe("connecting");
  });
});
