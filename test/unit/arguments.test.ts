/** What plain JavaScript passes wrongly: the sentence that tells the way out, and that nothing was begun. */
import { describe, expect, it, onTestFinished, test } from "vitest";
import { Deferred } from "../../src/entries/defer.ts";
import { WrappingFactory } from "../../src/entries/protocols/policies.ts";
import { failureResultOf, MemoryReactorClock } from "../../src/entries/testing.ts";
import { clientFromString, serverFromString } from "../../src/internet/endpoints/registry.ts";
import type { Reactor } from "../../src/internet/interfaces.ts";
import { ClientFactory, Factory, Protocol } from "../../src/internet/protocol.ts";
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

/** Plain JavaScript's view of a reactor. */
type Loose = Record<"listenTCP" | "connectTCP" | "addReader" | "addWriter", (...args: unknown[]) => unknown>;

describe.each(Object.entries(REACTORS))("%s", (_, make) => {
  const loose = () => make() as unknown as Loose;
  const f = new EchoFactory();

  test.each<[unknown[], string]>([
    [["1234", f], 'A port is an integer from 0 to 65535, not "1234" (a string): use Number(port).'],
    [["http", f], 'A port is an integer from 0 to 65535, not "http" (a string).'],
    [["", f], 'A port is an integer from 0 to 65535, not "" (a string).'],
    [[65536, f], "A port is an integer from 0 to 65535, not 65536."],
    [[Number.NaN, f], "A port is an integer from 0 to 65535, not NaN."],
    [[undefined, f], "A port is an integer from 0 to 65535, not undefined."],
  ])("listenTCP() and connectTCP() say of the arguments %j what a port is", (args, message) => {
    expect(() => loose().listenTCP(...args)).toThrow(new RangeError(message));
    expect(() => loose().connectTCP("h", ...args)).toThrow(new RangeError(message));
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
    ["a class of protocols", Echo, `${call} the class Echo: give it Factory.forProtocol(Echo).`],
    ["a protocol", new Echo(), `${call} an instance of Echo: give it Factory.forProtocol(Echo).`],
    ["a class of factories", EchoFactory, `${call} the class EchoFactory: give it new EchoFactory().`],
    ["a function", () => new Echo(), `${call} a function: Factory.forProtocol(MyProtocol) makes one`],
    ["options", {}, `${call} a plain object: Factory.forProtocol(MyProtocol) makes one`],
    [
      "half a factory",
      { buildProtocol: () => null },
      `${call} a plain object: it has no doStart(), which it gets when its class extends Factory.`,
    ],
  ])("listenTCP() says of %s in place of a factory where there is one", (_what, factory, message) => {
    expect(() => loose().listenTCP(0, factory)).toThrow(TypeError);
    expect(() => loose().listenTCP(0, factory)).toThrow(message);
  });

  test("connectTCP() says the same of factories for clients, and what a host is", () => {
    expect(() => loose().connectTCP("h", 80)).toThrow(
      "connectTCP(host, port, factory) needs a factory, not undefined: ClientFactory.forProtocol(MyProtocol) makes one",
    );
    expect(() => loose().connectTCP("h", 80, Protocol)).toThrow("give it ClientFactory.forProtocol(Protocol).");
    expect(() => loose().connectTCP(80, f)).toThrow(
      new TypeError('connectTCP(host, port, factory) needs a host, as in "localhost", not 80.'),
    );
  });

  test("connectTCP() refuses a plain Factory, which goes with an endpoint", () => {
    class Plain extends Factory {}
    const factory = new Plain();
    expect(() => loose().connectTCP("h", 80, factory)).toThrow(
      new TypeError(
        "connectTCP(host, port, factory) needs a ClientFactory, and an instance of Plain is none: it has no " +
          "startedConnecting(). A plain Factory goes with an endpoint's connect(), as in " +
          'clientFromString(reactor, "tcp:localhost:80").connect(factory).',
      ),
    );
    expect(factory.numPorts).toBe(0);
  });

  test("connectTCP() takes factories that wrap others, whatever these are", () => {
    const reactor = make();
    for (const inner of [Factory.forProtocol(Echo), ClientFactory.forProtocol(Echo)]) {
      const connector = reactor.connectTCP("127.0.0.1", 80, new WrappingFactory(inner));
      expect(connector.state).toBe("connecting");
      connector.stopConnecting();
    }
  });

  test("an option that is not known is refused, and those that are are named", () => {
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

  test("addReader() and addWriter() name the method that is missing", () => {
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

describe("a description of an endpoint", () => {
  it("goes with a reactor, which comes first", () => {
    const server = serverFromString as (...args: unknown[]) => unknown;
    const client = clientFromString as (...args: unknown[]) => unknown;
    expect(() => server("tcp:1")).toThrow(
      new TypeError(
        'serverFromString(reactor, description) needs a reactor, as the one that "skein/reactor" exports, ' +
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
    [Echo, "give it Factory.forProtocol(Echo)."],
  ])("fails to connect what is no factory: %s", (factory, message) => {
    const endpoint = clientFromString(new MemoryReactorClock(), "tcp:h:1");
    const failure = failureResultOf(endpoint.connect(factory as unknown as Factory), TypeError);
    expect(failure.value).toMatchObject({ message: expect.stringContaining(message) });
  });
});

test("addTimeout() needs a clock", () => {
  const deferred = new Deferred<number>() as unknown as { addTimeout(...args: unknown[]): unknown };
  expect(() => deferred.addTimeout(1)).toThrow(
    new TypeError("addTimeout(seconds, clock) needs a clock, as every reactor is one, not undefined."),
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
