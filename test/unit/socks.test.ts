import { beforeEach, describe, expect, it } from "vitest";
import { Deferred, fail, type Outcome, succeed } from "../../src/entries/defer.ts";
import { IPv4Address } from "../../src/internet/address.ts";
import { TCP4ClientEndpoint } from "../../src/internet/endpoints/tcp.ts";
import {
  ConnectingCancelledError,
  ConnectionDone,
  ConnectionRefusedError,
  DNSLookupError,
  NoProtocol,
} from "../../src/internet/error.ts";
import type { Address } from "../../src/internet/interfaces.ts";
import { Factory, Protocol } from "../../src/internet/protocol.ts";
import { LOOP } from "../../src/internet/reactor/loop.ts";
import { encodeRequest, parseRequest } from "../../src/protocols/socks/request.ts";
import {
  SOCKS4ClientEndpoint,
  SOCKSError,
  type SOCKSOptions,
  SOCKSv4,
  SOCKSv4Factory,
} from "../../src/protocols/socks.ts";
import { FakeReactor, FakeTransport } from "../helpers/fake-transport.ts";
import { collectLog } from "../helpers/log.ts";
import { errorOf, watch } from "../helpers/outcome.ts";

const log = collectLog();

const REJECTED = "005b000000000000";

/** Looks names up in a table. */
class NamingReactor extends FakeReactor {
  readonly pending: Deferred<string>[] = [];
  readonly asked: string[] = [];

  resolve(name: string): Deferred<string> {
    this.asked.push(name);
    if (/^[\d.]+$/.test(name)) return succeed(name);
    if (name === "localhost") return succeed("127.0.0.1");
    if (name === "slow") {
      this.pending.push(new Deferred<string>());
      return this.pending.at(-1)!;
    }
    return fail(new DNSLookupError(`no ${name}`));
  }
}

/** A transport that keeps whether its writing was ended. */
class HalfTransport extends FakeTransport {
  ended = false;
  override loseWriteConnection(): void {
    this.ended = true;
  }
}

interface Timer {
  readonly seconds: number;
  readonly f: () => void;
}

/** Keeps timers until the test has them fire. */
class FakeLoop {
  readonly timers: Timer[] = [];
  later(seconds: number, f: () => void): Timer {
    const timer = { seconds, f };
    this.timers.push(timer);
    return timer;
  }
  cancelLater(timer: Timer): void {
    this.timers.splice(this.timers.indexOf(timer), 1);
  }
}

/** A transport of that loop. */
class LoopTransport extends FakeTransport {
  readonly [LOOP]: FakeLoop;
  constructor(loop: FakeLoop) {
    super();
    this[LOOP] = loop;
  }
}

function request(command: number, host: string, port = 34, user = "fooBAR"): Buffer {
  return encodeRequest(command, host, port, user);
}

let reactor: NamingReactor;
let lines: string[];

beforeEach(() => {
  reactor = new NamingReactor();
  lines = [];
});

/** These tests connect to loopback addresses, and use BIND. */
const OPEN: SOCKSOptions = { allow: ["127.0.0.0/8"], bind: true };

function serve(options: SOCKSOptions = OPEN, Client: ConstructorParameters<typeof SOCKSv4Factory>[2] = SOCKSv4) {
  return new SOCKSv4Factory(reactor, (line) => lines.push(line), Client, options);
}

function accept(Client?: ConstructorParameters<typeof SOCKSv4Factory>[2], factory = serve(OPEN, Client)) {
  const transport = new HalfTransport();
  const client = factory.buildProtocol(transport.getPeer());
  transport.connect(client);
  return { transport, client };
}

/** What was written, in hexadecimal, and forgotten. */
function takeHex(transport: FakeTransport): string {
  const hex = transport.written.toString("hex");
  transport.take();
  return hex;
}

/** A connection from `host` comes to what was listened on last. */
function come(host: string): HalfTransport | null {
  const peer = new IPv4Address("TCP", host, 4321);
  const protocol = reactor.listened.at(-1)!.factory.buildProtocol(peer);
  if (protocol === null || protocol === undefined) return null;
  const transport = new HalfTransport();
  transport.getPeer = () => peer;
  transport.connect(protocol);
  return transport;
}

describe.each([
  ["an address", "1.2.3.4", "1.2.3.4"],
  ["a name", "localhost", "127.0.0.1"],
])("CONNECT to %s", (_what, host, address) => {
  it("connects, replies with the address, and forwards both ways", () => {
    const { transport } = accept();
    transport.receive(request(1, host));
    const connector = reactor.connectors[0]!;
    expect([connector.host, connector.port]).toEqual([address, 34]);
    expect(transport.take()).toBe("");
    const destination = connector.succeed();
    expect(takeHex(transport)).toBe("005ad431c0000201"); // 192.0.2.1:54321, whom a FakeTransport has for a peer
    transport.receive("hello, world");
    expect(destination.take()).toBe("hello, world");
    connector.transport!.receive("hi there");
    expect(transport.take()).toBe("hi there");
    transport.lose();
    destination.lose();
    expect(reactor.getDelayedCalls()).toEqual([]);
  });

  it("is rejected when the target refuses the connection", () => {
    const { transport } = accept();
    transport.receive(request(1, host));
    reactor.connectors[0]!.fail(new ConnectionRefusedError("refused"));
    expect([takeHex(transport), transport.disconnecting]).toEqual([REJECTED, true]);
    expect(lines.at(-1)).toContain("refused");
  });

  it("is served when the log throws", () => {
    const transport = new HalfTransport();
    const throwing = (): never => {
      throw new RangeError("disk full");
    };
    transport.connect(new SOCKSv4Factory(reactor, throwing, SOCKSv4, OPEN).buildProtocol(transport.getPeer()));
    transport.receive(request(1, host));
    reactor.connectors[0]!.fail(new ConnectionRefusedError("refused"));
    expect([takeHex(transport), transport.disconnecting]).toEqual([REJECTED, true]);
    expect(log().at(-1)).toBe("The log of a SOCKS server threw: RangeError: disk full");
  });

  it("is rejected when it is not authorized", () => {
    const asked: unknown[] = [];
    class Strict extends SOCKSv4 {
      override authorize(...what: [number, string, number, string]): boolean {
        asked.push(what);
        return false;
      }
    }
    const { transport } = accept(Strict);
    transport.receive(request(1, host));
    expect([takeHex(transport), transport.disconnecting]).toEqual([REJECTED, true]);
    expect(reactor.connectors).toEqual([]);
    expect(asked).toEqual([[1, address, 34, "fooBAR"]]);
  });

  it("is parsed byte by byte", () => {
    const { transport } = accept();
    for (const byte of request(1, host)) {
      expect(reactor.connectors).toEqual([]);
      transport.receive(Buffer.of(byte));
    }
    expect(reactor.connectors.map((connector) => connector.host)).toEqual([address]);
  });
});

it.each([[null], ["socks.log"], [() => undefined], [{}]])(
  "a factory without a reactor, but %o, says what it takes",
  (log) => {
    const make = () => new SOCKSv4Factory(log as unknown as ConstructorParameters<typeof SOCKSv4Factory>[0]);
    expect(make).toThrow(/needs a reactor first, not .*Twisted/);
  },
);

describe("a server", () => {
  it("resolves a name before it calls authorize()", () => {
    const { transport } = accept();
    transport.receive(request(1, "slow"));
    expect([reactor.asked, reactor.connectors]).toEqual([["slow"], []]);
    reactor.pending[0]!.callback("9.8.7.6");
    expect(reactor.connectors.map(({ host }) => host)).toEqual(["9.8.7.6"]);
  });

  it.each([1, 2])("rejects command %i for a name that cannot be resolved", (command) => {
    const { transport } = accept();
    transport.receive(request(command, "failinghost"));
    expect([takeHex(transport), transport.disconnecting]).toEqual([REJECTED, true]);
    expect(lines.at(-1)).toContain("failinghost");
  });

  it.each([
    ["of SOCKS 5", Buffer.from([5, 1, 0])],
    ["of a command that does not exist", Buffer.from([4, 3])],
    ["with a user that is too long", Buffer.concat([Buffer.from([4, 1, 0, 80, 1, 2, 3, 4]), Buffer.alloc(256, 65)])],
    ["with a name that is too long", Buffer.concat([Buffer.from([4, 1, 0, 80, 0, 0, 0, 1, 0]), Buffer.alloc(256, 65)])],
    ["with an empty name", Buffer.from([4, 1, 0, 80, 0, 0, 0, 1, 0, 0])],
  ])("rejects a request %s, in one piece and byte by byte", (_what, bytes) => {
    const { transport } = accept();
    transport.receive(bytes);
    expect([takeHex(transport), transport.disconnecting]).toEqual([REJECTED, true]);
    const slow = accept();
    for (const byte of bytes) if (!slow.transport.disconnecting) slow.transport.receive(Buffer.of(byte));
    expect([takeHex(slow.transport), slow.transport.disconnecting]).toEqual([REJECTED, true]);
    expect(reactor.connectors).toEqual([]);
  });

  it("accepts a user and a name of 255 bytes", () => {
    const bytes = request(1, "h".repeat(255), 1, "u".repeat(255));
    expect(parseRequest(bytes)).toEqual({
      command: 1,
      port: 1,
      host: "h".repeat(255),
      user: "u".repeat(255),
      length: bytes.length,
    });
  });

  it("keeps the bytes after the request until the connection is made, and goes on reading", () => {
    const { transport } = accept();
    transport.receive(Buffer.concat([request(1, "1.2.3.4"), Buffer.from("early ")]));
    expect(transport.paused).toBe(false);
    transport.receive("bird");
    expect(transport.paused).toBe(false);
    const destination = reactor.connectors[0]!.succeed();
    expect(destination.take()).toBe("early bird");
    expect(transport.paused).toBe(false);
  });

  it("accepts an asynchronous authorize()", () => {
    const leave = new Deferred<boolean>();
    class Asking extends SOCKSv4 {
      override authorize(): Outcome<boolean> {
        return leave;
      }
    }
    const { transport } = accept(Asking);
    transport.receive(request(1, "1.2.3.4"));
    expect(reactor.connectors).toEqual([]);
    leave.callback(true);
    expect(reactor.connectors.length).toBe(1);
    transport.lose();
  });

  it("rejects when authorize() fails", () => {
    class Failing extends SOCKSv4 {
      override authorize(): never {
        throw new Error("the list is gone");
      }
    }
    const { transport } = accept(Failing);
    transport.receive(request(1, "1.2.3.4"));
    expect(takeHex(transport)).toBe(REJECTED);
    expect(lines.at(-1)).toContain("the list is gone");
  });

  it("closes one side when the other is lost", () => {
    for (const remote of [true, false]) {
      const { transport } = accept();
      transport.receive(request(1, "1.2.3.4"));
      const connector = reactor.connectors.at(-1)!;
      const destination = connector.succeed();
      const [lost, other] = remote ? [destination, transport] : [transport, destination];
      lost.lose();
      expect([other.disconnecting, other.producer]).toEqual([true, null]);
    }
  });

  it("applies back-pressure between the two sides", () => {
    const { transport } = accept();
    transport.receive(request(1, "1.2.3.4"));
    const destination = reactor.connectors[0]!.succeed();
    destination.congest();
    expect([transport.paused, destination.paused]).toEqual([true, false]);
    destination.drain();
    transport.congest();
    expect([transport.paused, destination.paused]).toEqual([false, true]);
  });

  it("forwards a half-close", () => {
    const { transport, client } = accept();
    transport.receive(request(2, "1.2.3.4"));
    const destination = come("1.2.3.4")!;
    client.readConnectionLost();
    expect([destination.ended, transport.ended]).toEqual([true, false]);
    client.peer!.readConnectionLost();
    expect([transport.ended, transport.disconnecting]).toEqual([true, false]);
  });

  it("closes when a client half-closes before its request is complete", () => {
    const { transport, client } = accept();
    transport.receive(request(1, "1.2.3.4").subarray(0, 5));
    client.readConnectionLost();
    expect(transport.disconnecting).toBe(true);
  });

  it("stops connecting when the client is lost first", () => {
    const { transport } = accept();
    transport.receive(request(1, "1.2.3.4"));
    transport.lose();
    expect(reactor.connectors[0]!.state).toBe("disconnected");
    expect(transport.take()).toBe("");
    expect(reactor.getDelayedCalls()).toEqual([]);
  });

  it("closes a connection that is made after its client was closed", () => {
    const { transport } = accept();
    transport.receive(request(1, "1.2.3.4"));
    transport.loseConnection();
    expect(reactor.connectors[0]!.succeed().disconnecting).toBe(true);
  });

  it("rejects a request that takes more than 10 seconds, and a connection that takes more than 15", () => {
    const silent = accept().transport;
    const { transport } = accept();
    transport.receive(request(1, "1.2.3.4"));
    reactor.advance(9.9);
    expect([takeHex(silent), takeHex(transport)]).toEqual(["", ""]);
    reactor.advance(0.1);
    expect([takeHex(silent), silent.disconnecting, takeHex(transport)]).toEqual([REJECTED, true, ""]);
    reactor.advance(4.9);
    expect([takeHex(transport), reactor.connectors[0]!.state]).toEqual(["", "connecting"]);
    reactor.advance(0.1);
    expect([takeHex(transport), transport.disconnecting]).toEqual([REJECTED, true]);
    expect(reactor.connectors[0]!.state).toBe("disconnected");
    expect(lines.map((line) => /rejected: .*/.exec(line)?.[0])).toEqual([
      "rejected: the request took longer than 10 seconds",
      "rejected: the connection took longer than 15 seconds",
    ]);
  });

  it("writes one log line per event, whatever a name contains", () => {
    accept().transport.receive(request(1, "a\r\nSOCKS forged", 1));
    expect(lines).toEqual([expect.stringMatching(/^[^\r\n]*CONNECT a\\r\\nSOCKS forged:1 [^\r\n]*$/)]);
  });

  it("logs requests and their results, if it has a log", () => {
    const { transport } = accept();
    transport.receive(request(1, "1.2.3.4"));
    reactor.connectors[0]!.succeed();
    expect(lines).toEqual(['SOCKS 192.0.2.1:54321 CONNECT 1.2.3.4:34 (user "fooBAR"): connected to 192.0.2.1:54321']);
    const quiet = new FakeTransport();
    quiet.connect(new SOCKSv4(reactor));
    quiet.receive("GET / HTTP/1.1\r\n");
    expect(takeHex(quiet)).toBe(REJECTED);
  });
});

describe.each([
  ["an address", "1.2.3.4", "1.2.3.4"],
  ["a name", "localhost", "127.0.0.1"],
])("BIND for %s", (_what, host, address) => {
  it("listens, replies with the port, then with the peer, and forwards both ways", () => {
    const { transport } = accept();
    transport.receive(request(2, host));
    expect(reactor.listened.map(({ port }) => port)).toEqual([0]);
    expect(takeHex(transport)).toBe("005a000000000000"); // the fake port is 0
    const destination = come(address)!;
    const bytes = address.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0"));
    expect(takeHex(transport)).toBe(`005a10e1${bytes.join("")}`);
    transport.receive("hello, world");
    expect(destination.take()).toBe("hello, world");
    destination.receive("hi there");
    expect(transport.take()).toBe("hi there");
  });

  it("closes the connections of strangers, and waits on", () => {
    const { transport } = accept();
    transport.receive(request(2, host));
    takeHex(transport);
    for (const stranger of ["10.2.3.4", "::1", "2001:db8::1"]) expect(come(stranger)).toBe(null);
    expect([takeHex(transport), transport.disconnecting]).toEqual(["", false]);
    expect(come(`::ffff:${address}`)).not.toBe(null);
    expect(takeHex(transport)).toMatch(/^005a/);
  });

  it("accepts one connection only", () => {
    const { transport } = accept();
    transport.receive(request(2, host));
    expect(come(address)).not.toBe(null);
    expect(come(address)).toBe(null);
    expect(transport.disconnecting).toBe(false);
  });

  it("is rejected when it is not authorized", () => {
    class Strict extends SOCKSv4 {
      override authorize(code: number): boolean {
        return code !== 2;
      }
    }
    const { transport } = accept(Strict);
    transport.receive(request(2, host));
    expect([takeHex(transport), transport.disconnecting]).toEqual([REJECTED, true]);
    expect(reactor.listened).toEqual([]);
  });

  it("closes one side when the other is lost", () => {
    for (const remote of [true, false]) {
      const { transport } = accept();
      transport.receive(request(2, host));
      const destination = come(address)!;
      const [lost, other] = remote ? [destination, transport] : [transport, destination];
      lost.lose();
      expect(other.disconnecting).toBe(true);
    }
  });

  it("is rejected when listening fails", () => {
    const { transport } = accept();
    reactor.refusal = new Error("no port is free");
    transport.receive(request(2, host));
    expect(takeHex(transport)).toBe(REJECTED);
  });

  it("listens for 30 seconds at most", () => {
    const { transport } = accept();
    transport.receive(request(2, host));
    takeHex(transport);
    reactor.advance(29.9);
    expect(takeHex(transport)).toBe("");
    reactor.advance(0.1);
    expect(takeHex(transport)).toBe(REJECTED);
    expect(come(address)).toBe(null);
  });
});

describe("a client", () => {
  class Keeper extends Protocol {
    static override readonly borrows: boolean = true;
    readonly calls: string[] = [];
    onMade: () => void = () => {};
    override connectionMade(): void {
      this.calls.push("made");
      this.onMade();
    }
    override dataReceived(data: Buffer): void {
      this.calls.push(`data ${data}`);
    }
    override connectionLost(): void {
      this.calls.push("lost");
    }
  }

  class KeeperFactory extends Factory<Keeper> {
    next: Keeper | null = new Keeper();
    override buildProtocol(_addr: Address): Keeper | null {
      return this.next;
    }
  }

  function connect(host = "example.org", port = 80, user?: string) {
    const factory = new KeeperFactory();
    const proxy = new TCP4ClientEndpoint(reactor, "10.0.0.1", 1080);
    const connected = new SOCKS4ClientEndpoint(proxy, host, port, user).connect(factory);
    return { factory, keeper: factory.next!, connected, connector: reactor.connectors[0]! };
  }

  const granted = Buffer.from("005a000000000000", "hex");

  it.each([
    ["1.2.3.4", undefined, "0401005001020304" + "00"],
    ["1.2.3.4", "me", "0401005001020304" + "6d6500"],
    ["a.b", undefined, "0401005000000001" + "00" + "612e6200"],
    ["a.b", "me", "0401005000000001" + "6d6500" + "612e6200"],
    ["::1", undefined, "0401005000000001" + "00" + "3a3a3100"],
    ["0.0.0.0", undefined, "0401005000000000" + "00"],
    ["0.0.0.5", undefined, "0401005000000001" + "00" + "302e302e302e3500"],
  ])("asks for %s as %s by %s", (host, user, sent) => {
    const { connector } = connect(host, 80, user);
    expect([connector.host, connector.port]).toEqual(["10.0.0.1", 1080]);
    expect(takeHex(connector.succeed())).toBe(sent);
  });

  it.each([-1, 65_536 + 80, 80.5, Number.NaN])("cannot be made for port %s", (port) => {
    expect(() => connect("example.org", port)).toThrow("from 0 to 65535");
  });

  it("connects the protocol once the server has granted the request, and delivers the bytes after the reply", () => {
    const { keeper, connected, connector } = connect();
    const seen = watch(connected);
    const transport = connector.succeed();
    takeHex(transport);
    transport.receive(granted.subarray(0, 7));
    expect([seen, keeper.calls]).toEqual([[], []]);
    transport.receive(Buffer.concat([granted.subarray(7), Buffer.from("220 hello")]));
    expect(seen).toEqual([keeper]);
    transport.receive("more");
    keeper.transport.write("EHLO");
    expect(transport.take()).toBe("EHLO");
    connector.lose();
    expect(keeper.calls).toEqual(["made", "data 220 hello", "data more", "lost"]);
  });

  it("fires when the protocol is connected, before it receives anything", () => {
    const { keeper, connected, connector } = connect();
    connected.addCallback(() => void keeper.calls.push("fired"));
    connector.succeed().receive(Buffer.concat([granted, Buffer.from("hi")]));
    expect(keeper.calls).toEqual(["made", "fired", "data hi"]);
  });

  it.each([
    ["rejects it", Buffer.from("005b000000000000", "hex"), /rejected.*example\.org:80.*91/],
    ["rejects it for the user", Buffer.from("005d000000000000", "hex"), /93/],
    ["is no SOCKS server", Buffer.from("HTTP/1.1 400 Bad Request\r\n"), /not from a SOCKS 4 server/],
  ])("fails when the server %s", (_what, reply, message) => {
    const { keeper, connected, connector } = connect();
    const transport = connector.succeed();
    transport.receive(reply);
    expect(errorOf(connected, SOCKSError).message).toMatch(message);
    expect(transport.aborted).toBe(true);
    connector.lose();
    expect(keeper.calls).toEqual([]);
  });

  it("fails when the server closes without an answer", () => {
    const { connected, connector } = connect();
    connector.succeed();
    connector.lose();
    expect(errorOf(connected, SOCKSError).cause).toBeInstanceOf(ConnectionDone);
  });

  it.each([
    [undefined, 30],
    [3, 3],
  ])("fails when the server has not replied with the timeout %s", (timeout, seconds) => {
    const loop = new FakeLoop();
    const proxy = new TCP4ClientEndpoint(reactor, "10.0.0.1", 1080);
    const options = timeout === undefined ? {} : { timeout };
    const connected = new SOCKS4ClientEndpoint(proxy, "example.org", 80, "", options).connect(new KeeperFactory());
    const transport = new LoopTransport(loop);
    reactor.connectors[0]!.succeed(transport);
    transport.receive(granted.subarray(0, 7));
    expect(loop.timers.map((timer) => timer.seconds)).toEqual([seconds]);
    loop.timers[0]!.f();
    expect(errorOf(connected, SOCKSError).message).toContain(`did not reply`);
    expect(transport.aborted).toBe(true);
  });

  it.each([
    ["has replied", (transport: FakeTransport) => transport.receive(granted)],
    ["is lost", (transport: FakeTransport) => transport.lose()],
  ])("has no timer left once the server %s", (_what, happen) => {
    const loop = new FakeLoop();
    const proxy = new TCP4ClientEndpoint(reactor, "10.0.0.1", 1080);
    const connected = new SOCKS4ClientEndpoint(proxy, "example.org", 80).connect(new KeeperFactory());
    watch(connected);
    const transport = new LoopTransport(loop);
    reactor.connectors[0]!.succeed(transport);
    expect(loop.timers.length).toBe(1);
    happen(transport);
    expect(loop.timers).toEqual([]);
  });

  it("fails when the server cannot be reached", () => {
    const { connected, connector } = connect();
    connector.fail(new ConnectionRefusedError("refused"));
    errorOf(connected, ConnectionRefusedError);
  });

  it("fails when the factory builds no protocol, or throws", () => {
    const { factory, connected, connector } = connect();
    factory.next = null;
    const transport = connector.succeed();
    transport.receive(granted);
    errorOf(connected, NoProtocol);
    expect(transport.aborted).toBe(true);
    const other = connect();
    other.factory.buildProtocol = () => {
      throw new RangeError("oops");
    };
    reactor.connectors[1]!.succeed().receive(granted);
    errorOf(other.connected, RangeError);
  });

  it("fails when the protocol throws as it is connected", () => {
    const { keeper, connected, connector } = connect();
    keeper.onMade = () => {
      throw new RangeError("oops");
    };
    const transport = connector.succeed();
    expect(() => transport.receive(granted)).toThrow("oops");
    errorOf(connected, RangeError);
    expect(transport.aborted).toBe(true);
  });

  it.each([
    ["while it connects", false],
    ["while it waits for the answer", true],
  ])("can be cancelled %s", (_when, made) => {
    const { connected, connector } = connect();
    const transport = made ? connector.succeed() : undefined;
    connected.cancel();
    errorOf(connected, ConnectingCancelledError);
    if (transport !== undefined) expect(transport.aborted).toBe(true);
  });

  it.each([
    ["a name that is too long", "h".repeat(256), ""],
    ["an empty name", "", ""],
    ["a name with a NUL", "a\0b", ""],
    ["a user that is too long", "a.b", "u".repeat(256)],
    ["a user with a NUL", "a.b", "a\0b"],
  ])("refuses %s before it connects", (_what, host, user) => {
    const { connected } = connect(host, 80, user);
    errorOf(connected, SOCKSError);
    expect(reactor.connectors).toEqual([]);
  });
});
