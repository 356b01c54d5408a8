import { describe, expect, it } from "vitest";
import { connectProtocol } from "../../src/internet/endpoints/connectprotocol.ts";
import { InvalidEndpointError, quoteStringArgument } from "../../src/internet/endpoints/description.ts";
import {
  clientFromString,
  registerClientEndpointParser,
  registerServerEndpointParser,
  serverFromString,
} from "../../src/internet/endpoints/registry.ts";
import {
  TCP4ClientEndpoint,
  TCP4ServerEndpoint,
  TCP6ClientEndpoint,
  TCP6ServerEndpoint,
} from "../../src/internet/endpoints/tcp.ts";
import {
  CannotListenError,
  ConnectingCancelledError,
  ConnectionRefusedError,
  NoProtocol,
} from "../../src/internet/error.ts";
import type { Failure } from "../../src/internet/failure.ts";
import type { ListeningPort, Transport } from "../../src/internet/interfaces.ts";
import { Factory, Protocol, type ProtocolFactory } from "../../src/internet/protocol.ts";
import { FakeReactor } from "../helpers/fake-transport.ts";

class Client extends Protocol {
  made = 0;
  override connectionMade(): void {
    this.made++;
  }
}

/** What a Deferred came to: its result or its Failure. */
function outcome(deferred: { addBoth(f: (result: unknown) => void): unknown }): { value?: unknown } {
  const holder: { value?: unknown } = {};
  deferred.addBoth((result) => {
    holder.value = result;
  });
  return holder;
}

function errorOf({ value }: { value?: unknown }): unknown {
  return (value as Failure).value;
}

describe("server endpoints", () => {
  it("listen with their options", () => {
    const reactor = new FakeReactor();
    const factory = new Factory();
    const port = outcome(new TCP4ServerEndpoint(reactor, 80).listen(factory)).value as ListeningPort;
    new TCP4ServerEndpoint(reactor, 81, { interface: "127.0.0.1", backlog: 5 }).listen(factory);
    new TCP6ServerEndpoint(reactor, 82).listen(factory);
    new TCP6ServerEndpoint(reactor, 83, { interface: "::1" }).listen(factory);
    expect(port.getHost().port).toBe(80);
    expect(reactor.listened).toEqual([
      { port: 80, factory, options: {} },
      { port: 81, factory, options: { interface: "127.0.0.1", backlog: 5 } },
      { port: 82, factory, options: { interface: "::" } },
      { port: 83, factory, options: { interface: "::1" } },
    ]);
  });

  it("fail when the port cannot be bound", () => {
    const reactor = new FakeReactor();
    reactor.refusal = new CannotListenError("", 80, 98);
    expect(errorOf(outcome(new TCP4ServerEndpoint(reactor, 80).listen(new Factory())))).toBe(reactor.refusal);
  });
});

describe("client endpoints", () => {
  function connecting(build: ProtocolFactory<Client> = Factory.forProtocol(Client)) {
    const reactor = new FakeReactor();
    const deferred = new TCP4ClientEndpoint(reactor, "192.0.2.7", 99, { timeout: 2 }).connect(build);
    const connector = reactor.connectors[0]!;
    return { reactor, deferred, result: outcome(deferred), connector };
  }

  it("fire with the protocol after its connectionMade()", () => {
    const factory = Factory.forProtocol(Client);
    const { result, connector } = connecting(factory);
    expect(connector).toMatchObject({ host: "192.0.2.7", port: 99, options: { timeout: 2 } });
    expect(result.value).toBe(undefined);
    const transport = connector.succeed();
    const client = result.value as Client;
    expect(client.made).toBe(1);
    expect(client.transport).toBe(transport);
    expect(client.factory).toBe(factory);
  });

  it("leave no property on the protocol, so that it stays as fast as any other", () => {
    const { result, connector } = connecting();
    connector.succeed();
    expect(Object.keys(result.value as Client)).toEqual(Object.keys(new Client()));
  });

  it("keep a makeConnection() that the instance itself has", () => {
    const transports: Transport[] = [];
    class Peculiar extends Client {
      override makeConnection = (transport: Transport) => void transports.push(transport);
    }
    const { result, connector } = connecting(Factory.forProtocol(Peculiar));
    const transport = connector.succeed();
    expect(transports).toEqual([transport]);
    expect(Object.keys(result.value as Client)).toEqual(Object.keys(new Peculiar()));
  });

  it("let the reactor see every method that the protocol implements", () => {
    class HalfCloseable extends Client {
      static override readonly borrows = true;
      readConnectionLost(): void {}
      writeConnectionLost(): void {}
    }
    const { reactor } = connecting(Factory.forProtocol(HalfCloseable));
    const connector = reactor.connectors[0]!;
    const built = connector.factory.buildProtocol(connector.getDestination());
    expect(built).toBeInstanceOf(HalfCloseable);
  });

  it("start and stop the user's factory", () => {
    const factory = Factory.forProtocol(Client);
    const { connector } = connecting(factory);
    expect(factory.numPorts).toBe(1);
    connector.factory.doStop();
    expect(factory.numPorts).toBe(0);
  });

  it("fail with the reason why the attempt failed", () => {
    const { result, connector } = connecting();
    const refused = new ConnectionRefusedError("refused");
    connector.fail(refused);
    expect(errorOf(result)).toBe(refused);
  });

  it("fail with an exception of connectTCP()", () => {
    const reactor = new FakeReactor();
    reactor.refusal = new RangeError("no such port");
    const result = outcome(new TCP6ClientEndpoint(reactor, "::1", 99).connect(new Factory()));
    expect(errorOf(result)).toBe(reactor.refusal);
  });

  it("stop the attempt when they are cancelled", () => {
    const { deferred, result, connector } = connecting();
    deferred.cancel();
    expect(errorOf(result)).toBeInstanceOf(ConnectingCancelledError);
    expect(String((errorOf(result) as ConnectingCancelledError).address)).toBe("192.0.2.7:99");
    expect(connector.state).toBe("disconnected");
  });

  it("close the connection when they are cancelled from inside connectionMade()", () => {
    class Cancels extends Client {
      override connectionMade(): void {
        deferred.cancel();
      }
    }
    const { deferred, result, connector } = connecting(Factory.forProtocol(Cancels));
    connector.state = "connected";
    const transport = connector.succeed();
    expect(errorOf(result)).toBeInstanceOf(ConnectingCancelledError);
    expect(transport.disconnecting).toBe(true);
  });

  it("fail with NoProtocol when the factory builds none, and close the connection", () => {
    class Refuses extends Factory<Client> {
      override buildProtocol(): null {
        return null;
      }
    }
    const { result, connector } = connecting(new Refuses());
    const transport = connector.succeed();
    expect(errorOf(result)).toBeInstanceOf(NoProtocol);
    expect(transport.disconnecting).toBe(true);
  });

  it("fail with an exception of the factory, and close the connection", () => {
    class Throws extends Factory<Client> {
      override buildProtocol(): never {
        throw new RangeError("broken");
      }
    }
    const { result, connector } = connecting(new Throws());
    const transport = connector.succeed();
    expect(errorOf(result)).toEqual(new RangeError("broken"));
    expect(transport.disconnecting).toBe(true);
  });

  it("fail with an exception of connectionMade(), which the transport sees too", () => {
    class Throws extends Client {
      override connectionMade(): void {
        throw new RangeError("broken");
      }
    }
    const { result, connector } = connecting(Factory.forProtocol(Throws));
    expect(() => connector.succeed()).toThrow("broken");
    expect(errorOf(result)).toEqual(new RangeError("broken"));
  });

  it("connect an existing protocol", () => {
    const reactor = new FakeReactor();
    const client = new Client();
    const result = outcome(connectProtocol(new TCP4ClientEndpoint(reactor, "192.0.2.7", 99), client));
    reactor.connectors[0]!.succeed();
    expect(result.value).toBe(client);
    expect(client.made).toBe(1);
  });
});

describe("serverFromString()", () => {
  it.each([
    ["tcp:80", 80, { interface: "", backlog: 50 }],
    ["tcp:port=80", 80, { interface: "", backlog: 50 }],
    ["tcp:0:interface=127.0.0.1", 0, { interface: "127.0.0.1", backlog: 50 }],
    ["tcp:80:127.0.0.1:7", 80, { interface: "127.0.0.1", backlog: 7 }],
    ["tcp:backlog=9:port=65535", 65535, { interface: "", backlog: 9 }],
    ["tcp6:80", 80, { interface: "::", backlog: 50 }],
    ["tcp6:80:interface=\\:\\:1", 80, { interface: "::1", backlog: 50 }],
    ["tcp6:80:interface=fe80\\:\\:1%eth0", 80, { interface: "fe80::1%eth0", backlog: 50 }],
  ])("reads %j", (description, port, options) => {
    const reactor = new FakeReactor();
    serverFromString(reactor, description).listen(new Factory());
    expect(reactor.listened[0]).toMatchObject({ port, options });
  });

  it.each([
    ["tcp:80", "127.0.0.1"],
    ["tcp:80:interface=", "127.0.0.1"],
    ["tcp:80:interface=0.0.0.0", "0.0.0.0"],
    ["tcp6:80", "::1"],
    ["tcp6:80:interface=", "::1"],
    ["tcp6:80:interface=\\:\\:", "::"],
  ])("with `loopback` reads %j as a port of %s", (description, address) => {
    const reactor = new FakeReactor();
    serverFromString(reactor, description, { loopback: true }).listen(new Factory());
    expect(reactor.listened[0]?.options?.interface).toBe(address);
  });

  it("passes its defaults to the parser, so that a type that wraps another can pass them on", () => {
    const passed: unknown[] = [];
    registerServerEndpointParser({
      prefix: "wrapping",
      form: "wrapping:endpoint",
      parameters: null,
      parse: (reactor, args, defaults) => {
        passed.push(defaults);
        return serverFromString(reactor, args.rest, defaults);
      },
    });
    serverFromString(new FakeReactor(), "wrapping:tcp:80", { loopback: true });
    serverFromString(new FakeReactor(), "wrapping:tcp:80");
    expect(passed).toEqual([{ loopback: true }, {}]);
  });

  const form = "Accepted: tcp:port[:interface=address][:backlog=number]";
  it.each([
    ["", 'Bad endpoint "": it must begin with a type, as in tcp:8080.'],
    [":80", 'Bad endpoint ":80": it must begin with a type, as in tcp:8080.'],
    ["backlog=5:tcp:80", 'Bad endpoint "backlog=5:tcp:80": it must begin with a type, as in tcp:8080.'],
    ["port=80", 'Bad endpoint "port=80": it must begin with a type, as in tcp:8080.'],
    ["80", `Bad endpoint "80": there is no server endpoint of type "80". ${form} or tcp6:`],
    ["tls:80", 'Bad endpoint "tls:80": there is no server endpoint of type "tls".'],
    ["tcp", `Bad endpoint "tcp": port is missing. ${form}`],
    ["tcp:", `Bad endpoint "tcp:": port is missing. ${form}`],
    ["tcp:http", `Bad endpoint "tcp:http": port "http" is not an integer from 0 to 65535. ${form}`],
    ["tcp:-1", `Bad endpoint "tcp:-1": port "-1" is not an integer from 0 to 65535. ${form}`],
    ["tcp:65536", `Bad endpoint "tcp:65536": port "65536" is not an integer from 0 to 65535. ${form}`],
    ["tcp:1e3", `Bad endpoint "tcp:1e3": port "1e3" is not an integer`],
    ["tcp:80:backlog=0", 'Bad endpoint "tcp:80:backlog=0": backlog "0" is not an integer from 1 to'],
    ["tcp:80:backlog=", 'Bad endpoint "tcp:80:backlog=": backlog "" is not an integer from 1 to'],
    [
      "tcp:80:::1:",
      'Bad endpoint "tcp:80:::1:": "1" is one argument too many; write "\\:" for a ":" inside an argument.',
    ],
    [
      "tcp:80:interface=::1",
      '"interface" is given twice; write "\\:" for a ":" inside an argument. Accepted: tcp:port[',
    ],
    [
      "haproxy:tcp:80",
      'type "haproxy": import "skein/protocols/haproxy" first, which registers it. Accepted: tcp:port',
    ],
    ["tcp:80:iface=x", `Bad endpoint "tcp:80:iface=x": it has no argument "iface". ${form}`],
    ["tcp:80:port=81", `Bad endpoint "tcp:80:port=81": "port" is given twice; write`],
    ["tcp:80\\", 'Bad endpoint "tcp:80\\": it ends with a lone "\\". Write "\\\\" for a backslash.'],
  ])("names what is wrong with %j", (description, message) => {
    const parse = () => serverFromString(new FakeReactor(), description);
    expect(parse).toThrow(InvalidEndpointError);
    expect(parse).toThrow(expect.objectContaining({ code: "ERR_INVALID_ENDPOINT" }));
    expect(parse).toThrow(message);
  });

  it("uses a registered parser", () => {
    registerServerEndpointParser({
      prefix: "local",
      form: "local:port",
      parameters: ["port"],
      parse: (reactor, args) =>
        new TCP4ServerEndpoint(reactor, args.integer("port", 0, 65535), { interface: "127.0.0.1" }),
    });
    const reactor = new FakeReactor();
    serverFromString(reactor, "local:80").listen(new Factory());
    expect(reactor.listened[0]).toMatchObject({ port: 80, options: { interface: "127.0.0.1" } });
    expect(() => serverFromString(reactor, "local:80:81")).toThrow("Accepted: local:port");
  });

  it("gives a parser of descriptions that wrap others its own arguments, and the rest", () => {
    const seen: string[][] = [];
    registerServerEndpointParser({
      prefix: "outer",
      form: "outer[:a=text][:b=text]:endpoint",
      parameters: null,
      options: ["a", "b"],
      parse: (reactor, args) => {
        seen.push([args.text("a", ""), args.text("b", ""), args.rest]);
        return serverFromString(reactor, args.rest);
      },
    });
    const reactor = new FakeReactor();
    serverFromString(reactor, "outer:tcp:80:backlog=5");
    serverFromString(reactor, "outer:b=1,2:a=x\\:y:tcp:80:interface=\\:\\:1");
    expect(seen).toEqual([
      ["", "", "tcp:80:backlog=5"],
      ["x:y", "1,2", "tcp:80:interface=\\:\\:1"],
    ]);
    expect(() => serverFromString(reactor, "outer:c=1:tcp:80")).toThrow('it has no argument "c". Accepted: outer[');
    expect(() => serverFromString(reactor, "outer:a=1:a=2:tcp:80")).toThrow('"a" is given twice');
    for (const nothing of ["outer", "outer:a=1"]) {
      expect(() => serverFromString(reactor, nothing)).toThrow("the description that it wraps is missing");
    }
  });
});

describe("clientFromString()", () => {
  it.each([
    ["tcp:example.com:80", "example.com", 80, { timeout: 30 }],
    ["tcp:host=example.com:port=80", "example.com", 80, { timeout: 30 }],
    ["tcp:192.0.2.1:80:timeout=2.5", "192.0.2.1", 80, { timeout: 2.5 }],
    ["tcp:h:80:bindAddress=192.0.2.9", "h", 80, { timeout: 30, bindAddress: ["192.0.2.9", 0] }],
    ["tcp:\\:\\:1:80", "::1", 80, { timeout: 30 }],
  ])("reads %j", (description, host, port, options) => {
    const reactor = new FakeReactor();
    clientFromString(reactor, description).connect(new Factory());
    const [connector] = reactor.connectors;
    expect({ host: connector?.host, port: connector?.port, options: connector?.options }).toEqual({
      host,
      port,
      options,
    });
  });

  const form = "Accepted: tcp:host:port[:timeout=seconds][:bindAddress=address]";
  it.each([
    ["tcp:example.com", `Bad endpoint "tcp:example.com": port is missing. ${form}`],
    ["tcp::80", `Bad endpoint "tcp::80": host is missing. ${form}`],
    ["tcp:h:80:timeout=-1", `timeout "-1" is not a number of seconds. ${form}`],
    ["tcp:h:80:timeout=soon", `timeout "soon" is not a number of seconds. ${form}`],
    ["tcp6:h:80", 'type "tcp6": "tcp" takes IPv6 addresses as well, as in tcp:\\:\\:1:80. Accepted: tcp:host:port'],
    ["udp:h:80", 'there is no client endpoint of type "udp". Accepted: tcp:host:port'],
    ["tcp:[::1]:80", 'port is missing; write "\\:" for each ":" of an IPv6 address, as in \\:\\:1 for ::1. Accepted'],
    ["tcp:[fe80::2]:80", 'write "\\:" for each ":" of an IPv6 address, as in fe80\\:\\:2 for fe80::2. Accepted'],
    ["tcp:::1:80", 'host is missing; write "\\:" for each ":" of an IPv6 address, as in \\:\\:1 for ::1. Accepted'],
    ["tcp:2001:db8:1:2:3:4:5:6:80", '"3" is one argument too many; write "\\:" for a ":"'],
  ])("names what is wrong with %j", (description, message) => {
    expect(() => clientFromString(new FakeReactor(), description)).toThrow(InvalidEndpointError);
    expect(() => clientFromString(new FakeReactor(), description)).toThrow(message);
  });

  it("uses a registered parser", () => {
    registerClientEndpointParser({
      prefix: "loop",
      form: "loop:port",
      parameters: ["port"],
      parse: (reactor, args) => new TCP4ClientEndpoint(reactor, "127.0.0.1", args.integer("port", 0, 65535)),
    });
    const reactor = new FakeReactor();
    clientFromString(reactor, "loop:80").connect(new Factory());
    expect(reactor.connectors[0]).toMatchObject({ host: "127.0.0.1", port: 80 });
  });
});

describe("a description that is hostile", () => {
  const HOSTILE: readonly (readonly [what: string, description: string])[] = [
    ["brackets without end", `tcp::${"[".repeat(80_000)}`],
    ["brackets with colons", `tcp::${"[:".repeat(40_000)}`],
    ["a type that nests itself", `${"haproxy:".repeat(10_000)}tcp:80`],
    ["escapes", `tcp:${"\\:".repeat(40_000)}`],
    ["one character too many", `tcp:${"0".repeat(4093)}`],
  ];
  it.each(HOSTILE)(
    "of %s is refused for its length, which the error names, and is not repeated in it",
    (_what, text) => {
      for (const parse of [serverFromString, clientFromString]) {
        let message = "";
        try {
          parse(new FakeReactor(), text);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidEndpointError);
          message = (error as Error).message;
        }
        expect(message).toContain(`it has ${text.length} characters, more than the 4096 that are accepted`);
        expect(message.length).toBeLessThan(1000);
      }
    },
  );

  it("may have 4096 characters", () => {
    const reactor = new FakeReactor();
    serverFromString(reactor, `tcp:${"0".repeat(4090)}80`).listen(new Factory());
    expect(reactor.listened[0]!.port).toBe(80);
  });

  it.each(["\u001b[31mtcp:1", "tcp:\u001b[31m", "tcp:1:\u202e=2", "tcp:1:2:3:\u0007", "tcp:[\u001b:1]:80", "\u009b"])(
    "has no control characters in the error: %j",
    (text) => {
      for (const parse of [serverFromString, clientFromString]) {
        expect(() => parse(new FakeReactor(), text)).toThrow(/^[\x20-\x7e]*$/);
      }
    },
  );

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("of the type %s is of no type", (type) => {
    for (const parse of [serverFromString, clientFromString]) {
      expect(() => parse(new FakeReactor(), `${type}:80`)).toThrow(`endpoint of type "${type}". Accepted: `);
      expect(() => parse(new FakeReactor(), `tcp:h:80:${type}=1`)).toThrow(InvalidEndpointError);
    }
  });
});

describe("quoteStringArgument()", () => {
  it.each(["plain", "::1", "a=b", "back\\slash", "\\:=", ""])("makes %j stand for itself", (argument) => {
    const reactor = new FakeReactor();
    serverFromString(reactor, `tcp:80:interface=${quoteStringArgument(argument)}`).listen(new Factory());
    serverFromString(reactor, `tcp:80:${quoteStringArgument(argument)}`).listen(new Factory());
    expect(reactor.listened.map(({ options }) => options?.interface)).toEqual([argument, argument]);
  });
});
