import { describe, expect, it } from "vitest";
import {
  AccumulatingProtocol,
  connectableEndpoint,
  failureResultOf,
  successResultOf,
} from "../../src/entries/testing.ts";
import { connectProtocol } from "../../src/internet/endpoints/connectprotocol.ts";
import { ConnectError } from "../../src/internet/error.ts";
import { ClientFactory, Factory, Protocol, ReconnectingClientFactory } from "../../src/internet/protocol.ts";
import { Echo } from "../../src/protocols/wire.ts";

describe("an endpoint in memory", () => {
  it("connects when the test says so", () => {
    const { endpoint, completer } = connectableEndpoint(Factory.forProtocol(Echo));
    const d = connectProtocol(endpoint, new AccumulatingProtocol());
    expect(d.called).toBe(false);
    const pump = completer.succeedOnce();
    const client = successResultOf(d);
    client.transport.write("hello");
    pump?.flush();
    expect(client.data.toString()).toBe("hello");
  });

  it("fails when the test says so", () => {
    const { endpoint, completer } = connectableEndpoint();
    const attempts = [1, 2].map(() => endpoint.connect(Factory.forProtocol(AccumulatingProtocol)));
    const error = new ConnectError("no");
    expect([completer.failOnce(error), completer.failOnce(), completer.failOnce()]).toEqual([true, true, false]);
    expect(attempts.map((d) => failureResultOf(d, ConnectError).value)).toEqual([error, expect.any(ConnectError)]);
    expect(completer.succeedOnce()).toBe(undefined);
  });

  it("throws when no port listens, or a factory builds nothing", () => {
    class Nobody extends Factory {
      override buildProtocol(): null {
        return null;
      }
    }
    const { completer, reactor } = connectableEndpoint(new Nobody());
    const nowhere = reactor.connectTCP("h", 1, ClientFactory.forProtocol(Protocol));
    expect(() => completer.succeedOnce()).toThrow(/Nothing listens/);
    nowhere.fail();
    reactor.connectTCP("h", 31337, ClientFactory.forProtocol(Protocol));
    expect(() => completer.succeedOnce()).toThrow(/built no protocol/);
  });

  it("tells the connector that the connection was lost, so that it can reconnect", () => {
    const { completer, reactor } = connectableEndpoint(Factory.forProtocol(Echo));
    const factory = new ReconnectingClientFactory();
    factory.clock = reactor;
    factory.protocol = AccumulatingProtocol;
    const connector = reactor.connectTCP("h", 31337, factory);
    const pump = completer.succeedOnce();
    pump?.serverIO.loseConnection();
    pump?.flush();
    expect(connector.state).toBe("disconnected");
    reactor.advance(100);
    expect(connector.state).toBe("connecting");
  });
});
