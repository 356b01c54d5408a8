/** What plain JavaScript passes wrongly: the sentence that tells the way out, and that nothing was begun. */
import { PassThrough } from "node:stream";
import { describe, expect, it, onTestFinished, test } from "vitest";
import { Deferred } from "../../src/entries/defer.ts";
import {
  connectProtocol,
  TCP4ClientEndpoint,
  TCP4ServerEndpoint,
  TCP6ClientEndpoint,
  TCP6ServerEndpoint,
} from "../../src/entries/endpoints.ts";
import {
  type ProtocolWrapper,
  SpewingFactory,
  ThrottlingFactory,
  TimeoutFactory,
  TrafficLoggingFactory,
  WrappingFactory,
} from "../../src/entries/protocols/policies.ts";
import { fromDuplex } from "../../src/entries/streams.ts";
import {
  Clock,
  FakeTransport,
  failureResultOf,
  MemoryReactorClock,
  StringTransport,
} from "../../src/entries/testing.ts";
import { clientFromString, serverFromString } from "../../src/internet/endpoints/registry.ts";
import type { Connector, Reactor, Transport } from "../../src/internet/interfaces.ts";
import { ClientFactory, Factory, Protocol } from "../../src/internet/protocol.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { NodeReactor } from "../../src/internet/reactor/node.ts";
import { Echo } from "../../src/protocols/wire.ts";
import { Simulation } from "../../src/testing/simulation/simulation.ts";

const REACTORS: Record<string, () => Reactor> = {
  "an engine's reactor": () => {
    const reactor = new NodeReactor();
    onTestFinished(() => reactor.destroy());
    return reactor;
  },
  "a MemoryReactorClock": () => new MemoryReactorClock(),
  "a simulated reactor": () => new Simulation().host("a").reactor,
};

class EchoFactory extends ClientFactory {
  override startFactory(): void {
    throw new Error("nothing was to be begun");
  }
}

/** What `reactor` has begun and not ended: delayed calls, ports, attempts to connect. */
function begunBy(reactor: Reactor): unknown[] {
  const listed = reactor as Partial<
    Pick<EngineReactor, "ports" | "attempts"> & Pick<MemoryReactorClock, "tcpClients" | "tcpServers">
  >;
  const attempts = (listed.tcpClients ?? []).filter(({ state }) => state !== "disconnected");
  return [
    ...reactor.getDelayedCalls(),
    ...(listed.ports ?? []),
    ...(listed.attempts ?? []),
    ...(listed.tcpServers ?? []),
    ...attempts,
  ];
}

/** Plain JavaScript's view of a reactor. */
type Loose = Record<"listenTCP" | "connectTCP" | "addReader" | "addWriter", (...args: unknown[]) => unknown>;

describe.each(Object.entries(REACTORS))("%s", (_, make) => {
  const loose = () => make() as unknown as Loose;
  const f = new EchoFactory();

  test.each<[unknown, typeof Error, string]>([
    ["1234", TypeError, '"1234" (a string): use Number(port).'],
    ["http", TypeError, '"http" (a string).'],
    ["", TypeError, '"" (a string).'],
    [undefined, TypeError, "undefined."],
    [65536, RangeError, "65536."],
    [Number.NaN, RangeError, "NaN."],
  ])("listenTCP() and connectTCP() say of %j what a port is", (port, type, what) => {
    for (const [call, begin] of [
      ["listenTCP(port, factory)", () => loose().listenTCP(port, f)],
      ["connectTCP(host, port, factory)", () => loose().connectTCP("h", port, f)],
    ] as const) {
      expect(begin).toThrow(new type(`${call}: port must be an integer from 0 to 65535, not ${what}`));
      expect(begin).toThrow(type);
    }
  });

  const call = "listenTCP(port, factory) needs a factory, not";
  test.each<[string, unknown, string]>([
    [
      "none",
      undefined,
      `${call} undefined: Factory.forProtocol(MyProtocol) makes one, where MyProtocol is your class.`,
    ],
    ["null", null, `${call} null: Factory.forProtocol(MyProtocol) makes one`],
    ["a number", 50, `${call} 50: Factory.forProtocol(MyProtocol) makes one`],
    ["a class of protocols", Echo, `${call} the class Echo: pass Factory.forProtocol(Echo).`],
    ["a protocol", new Echo(), `${call} an instance of Echo: pass Factory.forProtocol(Echo).`],
    ["a class of factories", EchoFactory, `${call} the class EchoFactory: pass new EchoFactory().`],
    ["a function", () => new Echo(), `${call} a function: Factory.forProtocol(MyProtocol) makes one`],
    ["options", {}, `${call} a plain object: Factory.forProtocol(MyProtocol) makes one`],
    [
      "half a factory",
      { buildProtocol: () => null },
      `${call} a plain object: it has no doStart(); let its class extend Factory.`,
    ],
  ])("listenTCP() says of %s in place of a factory where there is one", (_what, factory, message) => {
    expect(() => loose().listenTCP(0, factory)).toThrow(TypeError);
    expect(() => loose().listenTCP(0, factory)).toThrow(message);
  });

  test("connectTCP() checks the host and the factory in the same way", () => {
    expect(() => loose().connectTCP("h", 80)).toThrow(
      "connectTCP(host, port, factory) needs a factory, not undefined: ClientFactory.forProtocol(MyProtocol) makes one",
    );
    expect(() => loose().connectTCP("h", 80, Protocol)).toThrow("pass ClientFactory.forProtocol(Protocol).");
    expect(() => loose().connectTCP(80, f)).toThrow(
      new TypeError('connectTCP(host, port, factory) needs a host, as in "localhost", not 80.'),
    );
  });

  test("connectTCP() refuses a plain Factory, and points to endpoints", () => {
    class Plain extends Factory {}
    const factory = new Plain();
    expect(() => loose().connectTCP("h", 80, factory)).toThrow(
      new TypeError(
        "connectTCP(host, port, factory) needs a ClientFactory, and an instance of Plain is not one: it has no " +
          "startedConnecting(). A plain Factory works with an endpoint's connect(), as in " +
          'clientFromString(reactor, "tcp:localhost:80").connect(factory).',
      ),
    );
    expect(factory.numPorts).toBe(0);
  });

  test("connectTCP() accepts wrapping factories of any kind", () => {
    const reactor = make();
    for (const inner of [Factory.forProtocol(Echo), ClientFactory.forProtocol(Echo)]) {
      const connector = reactor.connectTCP("127.0.0.1", 80, new WrappingFactory(inner));
      expect(connector.state).toBe("connecting");
      connector.stopConnecting();
    }
  });

  test("an unknown option is refused, and the known ones are listed", () => {
    expect(() => loose().listenTCP(0, f, { iface: "127.0.0.1" })).toThrow(
      new TypeError('listenTCP(port, factory, options) has no option "iface". It has: backlog, interface, reusePort.'),
    );
    expect(() => loose().connectTCP("h", 80, f, { timeOut: 1 })).toThrow(
      new TypeError('connectTCP(host, port, factory, options) has no option "timeOut". It has: timeout, bindAddress.'),
    );
    for (const options of [50, null, "127.0.0.1"]) {
      expect(() => loose().listenTCP(0, f, options)).toThrow(/takes its options as an object \(backlog, interface, /);
    }
  });

  test.each<[string, unknown, typeof Error]>([
    ["interface", ["127.0.0.1"], TypeError],
    ["interface", 5, TypeError],
    ["interface", true, TypeError],
    ["interface", { host: "127.0.0.1" }, TypeError],
    ["interface", null, TypeError],
    ["backlog", "50", TypeError],
    ["backlog", -1, RangeError],
    ["backlog", 1.5, RangeError],
    ["backlog", 2 ** 31, RangeError],
    ["reusePort", 1, TypeError],
    ["reusePort", "false", TypeError],
  ])("listenTCP() refuses the option %s: %j, and nothing listens", (name, value, type) => {
    const reactor = make();
    const listen = () => (reactor as unknown as Loose).listenTCP(0, f, { [name]: value });
    expect(listen).toThrow(type);
    expect(listen).toThrow(`options.${name} must be `);
    expect(begunBy(reactor)).toEqual([]);
  });

  test.each<[string, unknown, typeof Error]>([
    ["timeout", "5", TypeError],
    ["timeout", null, TypeError],
    ["timeout", -1, RangeError],
    ["timeout", Number.NaN, RangeError],
    ["bindAddress", "127.0.0.1", TypeError],
    ["bindAddress", ["127.0.0.1"], TypeError],
    ["bindAddress", ["127.0.0.1", "0"], TypeError],
    ["bindAddress", ["localhost", 0], RangeError],
    ["bindAddress", ["127.0.0.1", -1], RangeError],
  ])("connectTCP() refuses the option %s: %j, and no attempt is begun", (name, value, type) => {
    const reactor = make();
    const connect = () => (reactor as unknown as Loose).connectTCP("127.0.0.1", 80, f, { [name]: value });
    expect(connect).toThrow(type);
    expect(connect).toThrow(`options.${name} must be `);
    expect(begunBy(reactor)).toEqual([]);
  });

  test("an option that is undefined counts as left out, and later changes of the object have no effect", () => {
    const reactor = make();
    const factory = ClientFactory.forProtocol(Echo);
    const options: { timeout: unknown; bindAddress: undefined } = { timeout: 5, bindAddress: undefined };
    const connector = (reactor as unknown as Loose).connectTCP("127.0.0.1", 80, factory, options) as Connector;
    options.timeout = "soon";
    connector.stopConnecting();
    connector.connect();
    connector.stopConnecting();
    expect(begunBy(reactor)).toEqual([]);
  });

  test("addReader() and addWriter() name the missing method", () => {
    expect(() => loose().addReader({ doRead() {}, connectionLost() {}, logPrefix() {} })).toThrow(
      new TypeError(
        "addReader(reader) needs an object with doRead(), fileno(), connectionLost(), logPrefix(): " +
          "a plain object has no fileno().",
      ),
    );
    expect(() => loose().addReader({})).toThrow("a plain object has no doRead().");
    expect(() => loose().addWriter(7)).toThrow("7 has no doWrite().");
  });
});

describe("an endpoint description", () => {
  it("needs a reactor as the first argument", () => {
    const server = serverFromString as (...args: unknown[]) => unknown;
    const client = clientFromString as (...args: unknown[]) => unknown;
    expect(() => server("tcp:1")).toThrow(
      new TypeError(
        'serverFromString(reactor, description) needs a reactor, such as the one that "skein/reactor" exports, ' +
          'not "tcp:1" (a string).',
      ),
    );
    expect(() => client("tcp:h:1")).toThrow(/^clientFromString\(reactor, description\) needs a reactor/);
    expect(() => server(new MemoryReactorClock(), 8080)).toThrow(
      new TypeError('serverFromString(reactor, description) needs a string, as in "tcp:8080", not 8080.'),
    );
  });

  it.each([
    [undefined, "not undefined"],
    [Echo, "pass Factory.forProtocol(Echo)."],
  ])("fails to connect what is no factory: %s", (factory, message) => {
    const endpoint = clientFromString(new MemoryReactorClock(), "tcp:h:1");
    const failure = failureResultOf(endpoint.connect(factory as unknown as Factory), TypeError);
    expect(failure.value).toMatchObject({ message: expect.stringContaining(message) });
  });
});

test("addTimeout() needs a clock", () => {
  const deferred = new Deferred<number>() as unknown as { addTimeout(...args: unknown[]): unknown };
  expect(() => deferred.addTimeout(1)).toThrow(
    new TypeError(
      "addTimeout(seconds, clock, onTimeoutCancel): clock must be a clock, such as a reactor, not undefined.",
    ),
  );
});

test.each([
  [undefined, "undefined"],
  [new Echo(), "an instance of Echo"],
])("forProtocol() needs a class, not %s", (protocol, what) => {
  expect(() => Factory.forProtocol(protocol as unknown as typeof Echo)).toThrow(
    new TypeError(`forProtocol(protocol) needs a class of protocols, not ${what}.`),
  );
});

/** Transports that are connected to a peer, and what each was given by the program. */
const TRANSPORTS: Record<string, () => Promise<[Transport, () => Promise<string>]>> = {
  "a TCP connection": async () => {
    const sim = new Simulation();
    const received: Buffer[] = [];
    class Sink extends Protocol {
      override dataReceived(data: Buffer): void {
        received.push(data);
      }
    }
    const client = new Protocol();
    const server = sim.host("server");
    server.reactor.listenTCP(80, Factory.forProtocol(Sink));
    const endpoint = clientFromString(sim.host("client").reactor, `tcp:${server.address}:80`);
    await sim.until(connectProtocol(endpoint, client));
    const sent = async () => {
      await sim.run(1);
      return Buffer.concat(received).toString("latin1");
    };
    return [client.transport, sent];
  },
  "a Node stream": async () => {
    const stream = new PassThrough();
    const transport = fromDuplex(stream, new Protocol());
    const sent: Buffer[] = [];
    stream.on("data", (data: Buffer) => sent.push(data));
    return [
      transport,
      async () => {
        await new Promise(setImmediate);
        return Buffer.concat(sent).toString("latin1");
      },
    ];
  },
  "a StringTransport": async () => {
    const transport = new StringTransport();
    return [transport, async () => transport.value().toString("latin1")];
  },
  "a FakeTransport": async () => {
    const transport = new FakeTransport(new Protocol(), false);
    const items = () => transport.takeOutput() as Buffer[];
    return [transport, async () => Buffer.concat(items()).toString("latin1")];
  },
  ...Object.fromEntries(
    Object.entries({
      ProtocolWrapper: () => new WrappingFactory(Factory.forProtocol(Protocol)),
      SpewingProtocol: () => new SpewingFactory(Factory.forProtocol(Protocol)),
      ThrottlingProtocol: () => new ThrottlingFactory(Factory.forProtocol(Protocol)),
      TimeoutProtocol: () => new TimeoutFactory(Factory.forProtocol(Protocol), 30, new Clock()),
      TrafficLoggingProtocol: () => new TrafficLoggingFactory(Factory.forProtocol(Protocol), () => undefined),
    } satisfies Record<string, () => Factory<ProtocolWrapper>>).map(([name, factory]) => [
      `a ${name}`,
      async (): Promise<[Transport, () => Promise<string>]> => {
        const below = new StringTransport();
        const wrapper = factory().buildProtocol(below.getPeer())!;
        wrapper.makeConnection(below);
        return [wrapper, async () => below.value().toString("latin1")];
      },
    ]),
  ),
};

describe.each(Object.entries(TRANSPORTS))("%s", (_, make) => {
  const loose = (transport: Transport) =>
    transport as unknown as Record<
      "write" | "writeSequence" | "registerProducer" | "switchProtocol",
      (...args: unknown[]) => unknown
    >;

  it("sends a string in the given encoding", async () => {
    const [transport, sent] = await make();
    transport.write("é", "latin1");
    transport.write("c3a9", "hex");
    transport.write("é");
    expect(await sent()).toBe("\xe9\xc3\xa9\xc3\xa9");
  });

  it.each<[string, unknown[], string]>([
    ["an object", [{}], "write(data) needs a Uint8Array or a string, not a plain object."],
    ["nothing", [], "write(data) needs a Uint8Array or a string, not undefined."],
    ["an ArrayBuffer", [new ArrayBuffer(4)], "not an instance of ArrayBuffer."],
    ["a DataView", [new DataView(new ArrayBuffer(4))], "not an instance of DataView."],
    ["a Float64Array", [new Float64Array(4)], "not an instance of Float64Array."],
    ["an array of numbers", [[1, 2]], "not an instance of Array."],
    ["a callback", ["x", () => 0], "takes no callback"],
    ["a callback after an encoding", ["x", "utf8", () => 0], "takes no callback"],
    ["an unknown encoding", ["x", "utf-9"], 'as "latin1", not "utf-9" (a string).'],
    ["bytes with an encoding", [new Uint8Array(1), "utf8"], "not an instance of Uint8Array: leave the encoding out."],
  ])("refuses to write %s, and goes on", async (_what, args, message) => {
    const [transport, sent] = await make();
    expect(() => loose(transport).write(...args)).toThrow(TypeError);
    expect(() => loose(transport).write(...args)).toThrow(message);
    transport.write("fine");
    expect(await sent()).toBe("fine");
  });

  it("writes all pieces of a sequence or none", async () => {
    const [transport, sent] = await make();
    expect(() => loose(transport).writeSequence(["a", 5])).toThrow(TypeError);
    expect(() => loose(transport).writeSequence(5)).toThrow(/^writeSequence\(pieces\) needs an iterable/);
    transport.writeSequence(new Set(["b", Buffer.from("c")]));
    expect(await sent()).toBe("bc");
  });

  it("refuses what is not a producer or a protocol", async () => {
    const [transport] = await make();
    for (const wrong of [undefined, {}, { stopProducing() {} }, () => 0]) {
      expect(() => loose(transport).registerProducer(wrong, true)).toThrow(TypeError);
      expect(() => loose(transport).registerProducer(wrong, false)).toThrow(TypeError);
      expect(() => loose(transport).switchProtocol(wrong)).toThrow(TypeError);
    }
    const producer = { pauseProducing() {}, resumeProducing() {}, stopProducing() {} };
    expect(() => loose(transport).registerProducer(producer, "yes")).toThrow(TypeError);
    transport.registerProducer(producer, true);
    transport.unregisterProducer();
  });
});

test("an endpoint refuses in its constructor what its reactor would refuse", () => {
  const reactor = new MemoryReactorClock();
  const make = (Endpoint: unknown, ...args: unknown[]) =>
    Reflect.construct(Endpoint as typeof TCP4ServerEndpoint, args);
  for (const Endpoint of [TCP4ServerEndpoint, TCP6ServerEndpoint]) {
    expect(() => make(Endpoint, undefined, 80)).toThrow(`new ${Endpoint.name}(reactor, port, options) needs a reactor`);
    expect(() => make(Endpoint, reactor, "80")).toThrow("use Number(port)");
    expect(() => make(Endpoint, reactor, 80, { interface: ["::1"] })).toThrow(TypeError);
  }
  for (const Endpoint of [TCP4ClientEndpoint, TCP6ClientEndpoint]) {
    expect(() => make(Endpoint, {}, "h", 80)).toThrow("needs a reactor");
    expect(() => make(Endpoint, reactor, 80, 80)).toThrow('needs a host, as in "localhost", not 80.');
    expect(() => make(Endpoint, reactor, "h", 65_536)).toThrow(RangeError);
    expect(() => make(Endpoint, reactor, "h", 80, { timeout: "5" })).toThrow(
      "options.timeout must be a number of seconds",
    );
  }
});
