/** A SOCKS server knows its own port and its interface by the socket of the connection, whatever a PROXY header says. */
import { beforeEach, describe, expect, it } from "vitest";
import { type Deferred, succeed } from "../../src/entries/defer.ts";
import { IPv4Address, IPv6Address } from "../../src/internet/address.ts";
import { serverFromString } from "../../src/internet/endpoints/registry.ts";
import type { Address, ProtocolLike } from "../../src/internet/interfaces.ts";
import "../../src/protocols/haproxy.ts";
import { WrappingFactory } from "../../src/protocols/policies/wrapper.ts";
import { encodeRequest } from "../../src/protocols/socks/request.ts";
import { type SOCKSOptions, SOCKSv4, SOCKSv4Factory } from "../../src/protocols/socks.ts";
import { FakeReactor } from "../helpers/fake-transport.ts";
import { HalfTransport } from "../helpers/wrapped.ts";

const REJECTED = "005b000000000000";
const CONNECT = 1;
const BIND = 2;
/** The port of a HalfTransport's socket, and that of the proxy before it. */
const OWN_PORT = 12345;
const PROXY_PORT = 1080;

/** Looks up addresses only. */
class AddressReactor extends FakeReactor {
  resolve(name: string): Deferred<string> {
    return succeed(name);
  }
}

let reactor: AddressReactor;
let lines: string[];

beforeEach(() => {
  reactor = new AddressReactor();
  lines = [];
});

function serve(options: SOCKSOptions): SOCKSv4Factory {
  return new SOCKSv4Factory(reactor, (line) => lines.push(line), SOCKSv4, options);
}

/** Listen behind a proxy, as `skein serve` does: a wrapper on either side of the header's. */
function listenBehindProxy(factory: SOCKSv4Factory): void {
  const endpoint = serverFromString(reactor, "haproxy:trusted=any:tcp:0");
  endpoint.listen(new WrappingFactory(factory));
  const [listened] = reactor.listened.splice(0);
  reactor.listened.push({ ...listened!, factory: new WrappingFactory(listened!.factory as WrappingFactory) });
}

/** A client comes through the proxy, connected to `port` of it by what the header says. */
function comeThroughProxy(port = PROXY_PORT): HalfTransport {
  const transport = new HalfTransport();
  transport.connect(reactor.listened[0]!.factory.buildProtocol(transport.getPeer()) as ProtocolLike);
  transport.receive(`PROXY TCP4 198.51.100.7 127.0.0.1 54321 ${port}\r\n`);
  return transport;
}

/** The outcome of a request. */
function ask(transport: HalfTransport, host: string, port: number, command = CONNECT): string | undefined {
  transport.receive(encodeRequest(command, host, port, ""));
  return /: rejected: (.*)/.exec(lines.at(-1) ?? "")?.[1];
}

/** Whose socket's own address is `host`. */
function connectedTo(factory: SOCKSv4Factory, host: Address): HalfTransport {
  const transport = new HalfTransport();
  transport.getHost = () => host;
  return transport.connect(factory.buildProtocol(transport.getPeer()));
}

/** An address that a route makes this machine's: no interface has it. */
const ROUTED = "9.9.9.9";

describe("a SOCKS server whose machine has an address that no interface has", () => {
  /** The client, and the connection that was made for it to `port` of ROUTED. */
  function reach(port: number, options: SOCKSOptions = {}): [client: HalfTransport, target: HalfTransport] {
    const client = connectedTo(serve(options), new IPv4Address("TCP", "192.0.2.2", OWN_PORT));
    client.receive(Buffer.concat([encodeRequest(CONNECT, ROUTED, port, ""), Buffer.from("early")]));
    const connector = reactor.connectors.at(-1)!;
    const target = new HalfTransport();
    target.getHost = () => new IPv4Address("TCP", ROUTED, 54321);
    target.getPeer = () => new IPv4Address("TCP", ROUTED, port);
    connector.state = "connected";
    target.connect(connector.factory.buildProtocol(target.getPeer())!);
    return [client, target];
  }

  it("knows it by the connection, whose both ends are there: it is reset, and nothing is sent", () => {
    const [client, target] = reach(80);
    expect([target.aborted, target.take(), client.written.toString("hex")]).toEqual([true, "", REJECTED]);
    expect(client.disconnecting).toBe(true);
    expect(lines.at(-1)).toContain("9.9.9.9 is an address of this machine, and no network of `allow` has it");
    target.lose();
    client.lose();
    expect(reactor.getDelayedCalls()).toEqual([]);
  });

  it("connects to it if `allow` has it, but never to the server itself", () => {
    const [client, target] = reach(80, { allow: [ROUTED] });
    expect([target.aborted, target.take(), client.disconnecting]).toEqual([false, "early", false]);
    const [, itself] = reach(OWN_PORT, { allow: [ROUTED] });
    expect([itself.aborted, itself.take()]).toEqual([true, ""]);
    expect(lines.at(-1)).toContain("9.9.9.9:12345 is a SOCKS server of this program");
  });
});

describe("a SOCKS server behind a proxy", () => {
  it("never connects to itself", () => {
    listenBehindProxy(serve({ allow: ["127.0.0.0/8"] }));
    expect(ask(comeThroughProxy(), "127.0.0.1", OWN_PORT)).toBe("127.0.0.1:12345 is a SOCKS server of this program");
    expect(reactor.connectors).toEqual([]);
  });

  it("never connects to the port of the proxy on this machine through which the client came", () => {
    listenBehindProxy(serve({ allow: ["127.0.0.0/8"] }));
    expect(ask(comeThroughProxy(), "127.0.0.1", PROXY_PORT)).toBe("127.0.0.1:1080 is a SOCKS server of this program");
    expect(reactor.connectors).toEqual([]);
  });

  it("keeps a port from no other client because a header names it", () => {
    listenBehindProxy(serve({ allow: ["127.0.0.0/8"] }));
    comeThroughProxy(8080);
    expect(ask(comeThroughProxy(), "127.0.0.1", 8080)).toBeUndefined();
    expect(reactor.connectors.length).toBe(1);
  });

  it("listens for BIND at the address to which the proxy connects", () => {
    listenBehindProxy(serve({ bind: true }));
    ask(comeThroughProxy(), "93.184.216.34", 80, BIND);
    expect(reactor.listened[1]!.options?.interface).toBe("192.0.2.2");
  });
});

describe("a port of BIND", () => {
  it.each([
    [new IPv4Address("TCP", "127.0.0.1", 1080), "127.0.0.1"],
    [new IPv4Address("TCP", "192.0.2.2", 1080), "192.0.2.2"],
    [new IPv6Address("TCP", "::ffff:192.0.2.2", 1080), "192.0.2.2"],
  ])("of a client that is connected to %s listens at %s", (host, listens) => {
    const transport = connectedTo(serve({ bind: true }), host);
    expect(ask(transport, "93.184.216.34", 80, BIND)).toBeUndefined();
    expect(reactor.listened.map(({ options }) => options?.interface)).toEqual([listens]);
  });

  it("is of the family of that address: others could not connect", () => {
    const transport = connectedTo(serve({ bind: true }), new IPv6Address("TCP", "2001:db8::2", 1080));
    expect(ask(transport, "93.184.216.34", 80, BIND)).toBe(
      "the client is connected to 2001:db8::2, where 93.184.216.34 cannot connect to a port of BIND",
    );
    expect([transport.written.toString("hex"), reactor.listened]).toEqual([REJECTED, []]);
  });

  it("never listens at all addresses because the client's is unknown", () => {
    const transport = connectedTo(serve({ bind: true }), new IPv4Address("TCP", "0.0.0.0", 0));
    expect(ask(transport, "93.184.216.34", 80, BIND)).toMatch(/^the client is connected to 0\.0\.0\.0, where/);
    expect(reactor.listened).toEqual([]);
  });
});
