import { afterEach, describe, expect, it } from "vitest";
import { CancelledError } from "../../src/entries/defer.ts";
import { IPv4Address } from "../../src/internet/address.ts";
import { ConnectionDone, ConnectionRefusedError, NoProtocol } from "../../src/internet/error.ts";
import type { Failure } from "../../src/internet/failure.ts";
import {
  ClientCreator,
  ClientFactory,
  Factory,
  Protocol,
  ReconnectingClientFactory,
  ServerFactory,
} from "../../src/internet/protocol.ts";
import { setObserver } from "../../src/logger/log.ts";
import { type FakeConnector, FakeReactor, FakeTransport } from "../helpers/fake-transport.ts";
import { seeded } from "../helpers/random.ts";

const SOMEWHERE = new IPv4Address("TCP", "192.0.2.1", 1000);

class Recorder extends Protocol {
  readonly events: string[] = [];
  override connectionMade(): void {
    this.events.push("made");
  }
  override dataReceived(data: Buffer): void {
    this.events.push(data.toString());
  }
  override connectionLost(reason: Failure): void {
    this.events.push(`lost: ${reason.type?.name}`);
  }
}

describe("Protocol", () => {
  it("has its transport from makeConnection() on, also after the loss", () => {
    const protocol = new Recorder();
    expect(protocol.transport).toBe(undefined);
    expect(protocol.connected).toBe(false);
    const transport = new FakeTransport().connect(protocol);
    transport.receive("data");
    transport.lose();
    expect(protocol.events).toEqual(["made", "data", "lost: ConnectionDone"]);
    expect(protocol.transport).toBe(transport);
    expect(protocol.connected).toBe(true);
  });

  it("ignores every call by default", () => {
    const transport = new FakeTransport().connect(new Protocol());
    transport.receive("data");
    transport.lose();
    expect(transport.take()).toBe("");
  });

  it("owns what it receives unless its class borrows", () => {
    class Borrower extends Protocol {
      static override readonly borrows = true;
    }
    expect(Protocol.borrows).toBe(false);
    expect(Recorder.borrows).toBe(false);
    expect(Borrower.borrows).toBe(true);
  });

  it("has two fields and nothing else", () => {
    expect(Object.keys(new Protocol())).toEqual(["transport", "factory"]);
  });

  it("is logged under the name of its class", () => {
    expect(new Recorder().logPrefix()).toBe("Recorder");
  });
});

describe("Factory", () => {
  let restore: (() => void) | undefined;
  afterEach(() => restore?.());

  it("builds protocols of its class, and sets their factory", () => {
    class Recorders extends Factory {
      override protocol = Recorder;
    }
    const factory = new Recorders();
    const [one, two] = [factory.buildProtocol(SOMEWHERE), factory.buildProtocol(SOMEWHERE)];
    expect(one).toBeInstanceOf(Recorder);
    expect(one).not.toBe(two);
    expect(one?.factory).toBe(factory);
  });

  it("throws with advice when it has no protocol class", () => {
    class Empty extends Factory {}
    expect(() => new Empty().buildProtocol(SOMEWHERE)).toThrow(NoProtocol);
    expect(() => new Empty().buildProtocol(SOMEWHERE)).toThrow(/^Empty cannot build a protocol: set its `protocol`/);
  });

  it("is created by forProtocol(), which returns an instance of the class it is called on", () => {
    class Sized extends ServerFactory {
      readonly size: number;
      constructor(size: number) {
        super();
        this.size = size;
      }
    }
    const factory = Sized.forProtocol(Recorder, 7);
    expect(factory).toBeInstanceOf(Sized);
    expect(factory.size).toBe(7);
    expect(factory.buildProtocol(SOMEWHERE)).toBeInstanceOf(Recorder);
  });

  it("is started with its first port and stopped with its last", () => {
    const events: string[] = [];
    class Counted extends Factory {
      override startFactory(): void {
        events.push("start");
      }
      override stopFactory(): void {
        events.push("stop");
      }
    }
    const factory = new Counted();
    factory.doStart();
    factory.doStart();
    expect(factory.numPorts).toBe(2);
    factory.doStop();
    expect(events).toEqual(["start"]);
    factory.doStop();
    factory.doStop();
    expect(events).toEqual(["start", "stop"]);
    factory.doStart();
    expect(events).toEqual(["start", "stop", "start"]);
  });

  it("logs its start and stop only when it is noisy", () => {
    const messages: string[] = [];
    const previous = setObserver(({ message }) => messages.push(message));
    restore = () => void setObserver(previous);
    const factory = new ServerFactory();
    factory.doStart();
    factory.doStop();
    expect(messages).toEqual([]);
    factory.noisy = true;
    factory.doStart();
    factory.doStop();
    expect(messages).toEqual(["Starting factory ServerFactory", "Stopping factory ServerFactory"]);
  });
});

describe("ReconnectingClientFactory", () => {
  function connecting(set: Partial<ReconnectingClientFactory> = {}) {
    const reactor = new FakeReactor();
    const factory = Object.assign(ReconnectingClientFactory.forProtocol(Recorder), { clock: reactor, jitter: 0 }, set);
    const connector = reactor.connectTCP("192.0.2.1", 1000, factory);
    return { reactor, factory, connector };
  }
  const refuse = (connector: FakeConnector) => connector.fail(new ConnectionRefusedError("refused"));

  it("retries after delays that grow by the factor, up to maxDelay", () => {
    const { reactor, connector, factory } = connecting({ maxDelay: 100 });
    const delays: number[] = [];
    for (let attempt = 1; attempt <= 7; attempt++) {
      refuse(connector);
      const [call] = reactor.getDelayedCalls();
      const delay = call!.getTime() - reactor.seconds();
      delays.push(delay);
      reactor.advance(delay * 0.99);
      expect(connector.attempts).toBe(attempt);
      reactor.advance(delay * 0.02);
      expect(connector.attempts).toBe(attempt + 1);
    }
    const expected = [1, 2, 3, 4].map((n) => Math.E ** n);
    for (const [i, delay] of expected.entries()) expect(delays[i]).toBeCloseTo(delay, 6);
    expect(delays.slice(4).map(Math.round)).toEqual([100, 100, 100]);
    expect(factory.retries).toBe(7);
  });

  it("has Twisted's defaults", () => {
    const { initialDelay, maxDelay, factor, jitter, maxRetries } = new ReconnectingClientFactory();
    expect({ initialDelay, maxDelay, factor, jitter, maxRetries }).toEqual({
      initialDelay: 1,
      maxDelay: 3600,
      factor: Math.E,
      jitter: 0.11962656472,
      maxRetries: null,
    });
  });

  it("retries when an established connection is lost", () => {
    const { reactor, connector } = connecting();
    connector.succeed();
    connector.lose();
    reactor.advance(3);
    expect(connector.attempts).toBe(2);
  });

  it("spreads the delays by a normal distribution", () => {
    const random = seeded(7);
    const samples: number[] = [];
    for (let i = 0; i < 4000; i++) {
      const { reactor, connector } = connecting({ jitter: 0.2, factor: 1, initialDelay: 1, random });
      refuse(connector);
      samples.push(reactor.getDelayedCalls()[0]!.getTime());
    }
    const mean = samples.reduce((sum, x) => sum + x, 0) / samples.length;
    const deviation = Math.sqrt(samples.reduce((sum, x) => sum + (x - mean) ** 2, 0) / samples.length);
    const within = samples.filter((x) => Math.abs(x - mean) < deviation).length / samples.length;
    expect(mean).toBeCloseTo(1, 1);
    expect(deviation).toBeCloseTo(0.2, 1);
    expect(within).toBeGreaterThan(0.65);
    expect(within).toBeLessThan(0.71);
  });

  it("never uses a negative delay", () => {
    for (const random of [() => 0, () => 0.5, () => 1 - Number.EPSILON]) {
      const { reactor, connector } = connecting({ jitter: 50, random });
      refuse(connector);
      expect(reactor.getDelayedCalls()[0]!.getTime()).toBeGreaterThanOrEqual(0);
    }
  });

  it("gives up after maxRetries", () => {
    const { reactor, connector } = connecting({ maxRetries: 2 });
    for (let i = 0; i < 2; i++) {
      refuse(connector);
      reactor.advance(100);
    }
    refuse(connector);
    expect(reactor.getDelayedCalls()).toEqual([]);
    expect(connector.attempts).toBe(3);
  });

  it("uses the first delay again after resetDelay()", () => {
    const { reactor, factory, connector } = connecting();
    refuse(connector);
    reactor.advance(100);
    refuse(connector);
    reactor.advance(100);
    connector.succeed();
    factory.resetDelay();
    expect(factory.retries).toBe(0);
    connector.lose();
    expect(reactor.getDelayedCalls()[0]!.getTime() - reactor.seconds()).toBeCloseTo(Math.E, 6);
  });

  it("can be stopped while it waits, connects, and is connected", () => {
    const waiting = connecting();
    refuse(waiting.connector);
    waiting.factory.stopTrying();
    expect(waiting.reactor.getDelayedCalls()).toEqual([]);

    const trying = connecting();
    refuse(trying.connector);
    trying.reactor.advance(3);
    expect(trying.connector.state).toBe("connecting");
    trying.factory.stopTrying();
    expect(trying.connector.state).toBe("disconnected");
    expect(trying.reactor.getDelayedCalls()).toEqual([]);

    const connected = connecting();
    connected.connector.succeed();
    connected.factory.stopTrying();
    expect(connected.connector.state).toBe("connected");
    connected.connector.lose();
    expect(connected.reactor.getDelayedCalls()).toEqual([]);
  });

  it("has retry(), which needs a connector", () => {
    const { reactor, factory, connector } = connecting();
    expect(() => factory.retry()).toThrow(/no connector to retry/);
    connector.state = "disconnected";
    factory.retry(connector);
    factory.retry(connector);
    reactor.advance(100);
    expect(connector.attempts).toBe(2);
  });

  it("throws with advice when it has no clock", () => {
    const { factory, connector } = connecting({ clock: null });
    connector.state = "disconnected";
    expect(() => factory.retry(connector)).toThrow(/pass a clock, or import "skein\/reactor"/);
  });
});

describe("ClientCreator", () => {
  class Named extends Recorder {
    readonly name: string;
    constructor(name: string) {
      super();
      this.name = name;
    }
  }

  function create() {
    const reactor = new FakeReactor();
    const results: unknown[] = [];
    const deferred = new ClientCreator(reactor, Named, "n").connectTCP("192.0.2.1", 7, { timeout: 3 });
    deferred.addBoth((result) => void results.push(result));
    return { reactor, results, deferred, connector: reactor.connectors[0]! };
  }

  it("fires with the connected protocol one tick later", () => {
    const { reactor, results, connector } = create();
    expect(connector.options).toEqual({ timeout: 3 });
    connector.succeed();
    expect(results).toEqual([]);
    reactor.advance(0);
    const [protocol] = results as Named[];
    expect(protocol).toBeInstanceOf(Named);
    expect(protocol?.name).toBe("n");
    expect(protocol?.events).toEqual(["made"]);
  });

  it("fails with the reason of the attempt", () => {
    const { reactor, results, connector } = create();
    connector.fail(new ConnectionRefusedError("refused"));
    reactor.advance(0);
    expect((results as Failure[])[0]?.check(ConnectionRefusedError)).toBe(ConnectionRefusedError);
  });

  it("stops the attempt when it is cancelled", () => {
    const { reactor, results, deferred, connector } = create();
    deferred.cancel();
    expect(connector.state).toBe("disconnected");
    reactor.advance(0);
    expect((results as Failure[])[0]?.check(CancelledError)).toBe(CancelledError);
    expect(results).toHaveLength(1);
  });

  it("closes the connection when it is cancelled in the tick of its success", () => {
    const { reactor, results, deferred, connector } = create();
    const transport = connector.succeed();
    deferred.cancel();
    expect(transport.disconnecting).toBe(true);
    reactor.advance(0);
    expect(results).toHaveLength(1);
    expect((results as Failure[])[0]?.check(CancelledError)).toBe(CancelledError);
  });

  it("does not fail a second time when its connection is lost", () => {
    const { reactor, results, connector } = create();
    connector.succeed();
    reactor.advance(0);
    connector.lose(new ConnectionDone());
    reactor.advance(0);
    expect(results).toHaveLength(1);
  });
});

it("ClientFactory ignores every call by default", () => {
  const reactor = new FakeReactor();
  const connector = reactor.connectTCP("192.0.2.1", 7, ClientFactory.forProtocol(Recorder));
  connector.fail(new ConnectionRefusedError("refused"));
  expect(connector.attempts).toBe(1);
});
