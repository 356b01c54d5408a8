/** What `skein serve socks` logs: each relay, and refusals once a minute, since strangers decide how often these are. */
import { beforeEach, describe, expect, it } from "vitest";
import { socks } from "../../src/cli/services/socks.ts";
import { type Deferred, succeed } from "../../src/entries/defer.ts";
import { IPv4Address } from "../../src/internet/address.ts";
import type { ProtocolLike, Reactor, ServerFactoryLike } from "../../src/internet/interfaces.ts";
import { REFUSALS_SECONDS } from "../../src/logger/refusals.ts";
import { encodeRequest } from "../../src/protocols/socks/request.ts";
import { SOCKSv4, SOCKSv4Factory } from "../../src/protocols/socks.ts";
import { FakeReactor } from "../helpers/fake-transport.ts";
import { collectLog } from "../helpers/log.ts";
import { HalfTransport } from "../helpers/wrapped.ts";

const log = collectLog();

/** Looks up addresses only. */
class AddressReactor extends FakeReactor {
  resolve(name: string): Deferred<string> {
    return succeed(name);
  }
}

let reactor: AddressReactor;

beforeEach(() => {
  reactor = new AddressReactor();
});

function serve(options: object): ServerFactoryLike {
  return socks.make(reactor as unknown as Reactor, options as never).factory;
}

function accept(factory: ServerFactoryLike, host = "198.51.100.7"): HalfTransport {
  const transport = new HalfTransport();
  transport.getPeer = () => new IPv4Address("TCP", host, 54321);
  return transport.connect(factory.buildProtocol(transport.getPeer()) as ProtocolLike);
}

function ask(factory: ServerFactoryLike, host = "10.0.0.1", from?: string, command = 1): HalfTransport {
  const transport = accept(factory, from);
  transport.receive(encodeRequest(command, host, 80, "joe"));
  return transport;
}

const KINDS: [string, object, (factory: ServerFactoryLike) => unknown, RegExp][] = [
  ["a client that is in no network of --allow-from", { "allow-from": ["192.0.2.0/24"] }, accept, /`allowFrom`/],
  ["a request that is rejected", {}, ask, /CONNECT 10\.0\.0\.1:80 \(user "joe"\): rejected: 10\.0\.0\.1 is a special/],
  ["bytes that are no request", {}, (factory) => accept(factory).receive("GET"), /request: rejected: A request has/],
  ["a client that goes before the reply", {}, (factory) => accept(factory).end(), /request: the client has gone/],
];

describe("`skein serve socks` logs", () => {
  it.each(KINDS)("%s: the first, and then a line a minute with a count", (_what, options, come, line) => {
    const factory = serve(options);
    for (let i = 0; i < 1000; i++) come(factory);
    expect(log()).toEqual([expect.stringMatching(line)]);
    reactor.advance(REFUSALS_SECONDS);
    come(factory);
    expect(log()).toEqual([expect.stringMatching(line), expect.stringMatching(/\(999 more like it since the last/)]);
  });

  it("each kind for itself", () => {
    const factory = serve({ "allow-from": ["198.51.100.0/24"] });
    accept(factory, "203.0.113.1");
    ask(factory);
    accept(factory).end();
    expect(log().length).toBe(3);
  });

  it("ports of BIND, which cost a client nothing, once a minute, and each connection to one", () => {
    const factory = serve({ bind: true });
    for (let i = 0; i < 500; i++) ask(factory, "93.184.216.34", undefined, 2).end(); // goes again
    const lines = () => log().filter((line) => line.includes("listening on port"));
    expect(lines()).toEqual([expect.stringMatching(/BIND 93\.184\.216\.34:80 \(user "joe"\): listening on port/)]);
    reactor.advance(REFUSALS_SECONDS);
    ask(factory, "93.184.216.34", undefined, 2);
    expect(lines()).toEqual([expect.anything(), expect.stringMatching(/\(499 more like it since the last/)]);
    const host = new IPv4Address("TCP", "93.184.216.34", 80);
    const connection = new HalfTransport();
    connection.getPeer = () => host;
    connection.connect(reactor.listened.at(-1)!.factory.buildProtocol(host) as ProtocolLike);
    expect(log().at(-1)).toMatch(/BIND 93\.184\.216\.34:80 \(user "joe"\): connected to/);
  });

  it("each connection that it makes", () => {
    const factory = serve({});
    for (let i = 0; i < 20; i++) {
      ask(factory, "93.184.216.34");
      reactor.connectors.at(-1)!.succeed();
    }
    expect(log().length).toBe(20);
    expect(log()[19]).toMatch(/CONNECT 93\.184\.216\.34:80 \(user "joe"\): connected to/);
  });
});

describe("the log of a program", () => {
  it("receives each line, with one argument", () => {
    const calls: unknown[][] = [];
    const factory = new SOCKSv4Factory(reactor, (...call: unknown[]) => calls.push(call), SOCKSv4, {});
    for (let i = 0; i < 20; i++) ask(factory);
    for (let i = 0; i < 20; i++) accept(factory).end();
    expect([calls.length, new Set(calls.map(({ length }) => length))]).toEqual([40, new Set([1])]);
    expect(log()).toEqual([]);
  });
});
