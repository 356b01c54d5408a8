import { describe, expect, expectTypeOf, it } from "vitest";
import { ProtocolWrapper, WrappingFactory } from "../../src/entries/protocols/policies.ts";
import { ConnectionDone } from "../../src/internet/error.ts";
import { Failure } from "../../src/internet/failure.ts";
import type { Transport } from "../../src/internet/interfaces.ts";
import { ClientFactory, Factory, Protocol } from "../../src/internet/protocol.ts";
import { borrowsFrom } from "../../src/internet/stream/borrowing.ts";
import { Echo } from "../../src/protocols/wire.ts";
import { FakeConnector, FakeTransport } from "../helpers/fake-transport.ts";
import { connect, HalfKeeper, HalfTransport, Keeper, keepers, PEER, Told } from "../helpers/wrapped.ts";

function wrapping(): WrappingFactory<Keeper>;
function wrapping<P extends Protocol>(protocol: new () => P): WrappingFactory<P>;
function wrapping(protocol: new () => Protocol = Keeper): WrappingFactory<Protocol> {
  return new WrappingFactory(keepers(protocol));
}

describe("a ProtocolWrapper as the transport's protocol", () => {
  it("connects the wrapped protocol, with itself as the transport", () => {
    const { wrapper, wrapped, transport } = connect(wrapping());
    expect(wrapped.calls).toEqual(["connectionMade"]);
    expect(wrapped.transport).toBe(wrapper);
    expect(wrapper.transport).toBe(transport);
  });

  it("passes on received bytes", () => {
    const { wrapped, transport } = connect(wrapping());
    transport.receive("one ");
    transport.receive("two");
    expect(wrapped.received).toBe("one two");
  });

  it("passes on the loss, with its reason", () => {
    const { wrapped, transport } = connect(wrapping());
    transport.lose();
    expect(wrapped.calls).toEqual(["connectionMade", "connectionLost"]);
    expect(wrapped.reason?.value).toBeInstanceOf(ConnectionDone);
  });

  it("does not catch exceptions of the wrapped protocol", () => {
    class Thrower extends Protocol {
      override dataReceived(): void {
        throw new Error("no such command");
      }
    }
    const { transport } = connect(wrapping(Thrower));
    expect(() => transport.receive("x")).toThrow("no such command");
  });

  it("returns the results of the wrapped protocol's methods, so that rejections are seen", async () => {
    class Async extends Protocol {
      override async makeConnection(transport: Transport): Promise<void> {
        super.makeConnection(transport);
        throw new Error("made");
      }
      override async dataReceived(): Promise<void> {
        throw new Error("received");
      }
      async readConnectionLost(): Promise<void> {
        throw new Error("read end");
      }
      async writeConnectionLost(): Promise<void> {
        throw new Error("write end");
      }
      override async connectionLost(): Promise<void> {
        throw new Error("lost");
      }
    }
    const wrapper = wrapping(Async).buildProtocol(PEER)!;
    await expect(wrapper.makeConnection(new FakeTransport())).rejects.toThrow("made");
    await expect(wrapper.dataReceived(Buffer.of(1))).rejects.toThrow("received");
    await expect(wrapper.readConnectionLost?.()).rejects.toThrow("read end");
    await expect(wrapper.writeConnectionLost?.()).rejects.toThrow("write end");
    await expect(wrapper.connectionLost(new Failure(new ConnectionDone()))).rejects.toThrow("lost");
  });

  it.each([
    ["is lent its bytes when the wrapped protocol is", Echo, true],
    ["owns its bytes when the wrapped protocol does", Keeper, false],
  ])("%s", (_, protocol, borrows) => {
    expect(borrowsFrom(wrapping<Protocol>(protocol).buildProtocol(PEER)!)).toBe(borrows);
  });

  it("borrows through a second wrapper", () => {
    const twice = new WrappingFactory(wrapping(Echo));
    expect(borrowsFrom(twice.buildProtocol(PEER)!)).toBe(true);
  });

  it("is half-closeable when the wrapped protocol is", () => {
    const { wrapped, transport } = connect(wrapping(HalfKeeper));
    transport.end();
    transport.ended();
    expect(wrapped.calls).toEqual(["connectionMade", "readConnectionLost", "writeConnectionLost"]);
    expect(transport.disconnecting).toBe(false);
  });

  it("is not half-closeable when the wrapped protocol is not", () => {
    const { wrapper, transport } = connect(wrapping());
    expect([wrapper.readConnectionLost, wrapper.writeConnectionLost]).toEqual([undefined, undefined]);
    transport.end();
    expect(transport.disconnecting).toBe(true);
  });

  it("has only the half-close method that the wrapped protocol has", () => {
    class Reader extends Keeper {
      readConnectionLost(): void {
        this.calls.push("readConnectionLost");
      }
    }
    const { wrapper } = connect(wrapping(Reader));
    expect([typeof wrapper.readConnectionLost, typeof wrapper.writeConnectionLost]).toEqual(["function", "undefined"]);
  });
});

describe("a ProtocolWrapper as the wrapped protocol's transport", () => {
  it("passes on writes", () => {
    const { wrapped, transport } = connect(wrapping());
    wrapped.transport.write("one ");
    wrapped.transport.writeSequence(["two ", Buffer.from("three")]);
    expect(transport.take()).toBe("one two three");
  });

  it("passes each piece of a sequence to write() once, also from a generator", () => {
    class Counting extends ProtocolWrapper {
      pieces = 0;
      override write(data: string): void {
        this.pieces++;
        super.write(data);
      }
    }
    const wrapper = new Counting(wrapping(), new Keeper());
    const transport = new FakeTransport().connect(wrapper);
    wrapper.writeSequence(
      (function* () {
        yield "a";
        yield "b";
      })(),
    );
    expect([wrapper.pieces, transport.take()]).toEqual([2, "ab"]);
  });

  it("closes, and is `disconnecting`", () => {
    const { wrapped, transport } = connect(wrapping());
    expect(wrapped.transport.disconnecting).toBe(false);
    wrapped.transport.loseConnection();
    expect([transport.disconnecting, transport.aborted]).toEqual([true, false]);
    expect(wrapped.transport.disconnecting).toBe(true);
  });

  it("is `disconnecting` when the transport is", () => {
    const { wrapped, transport } = connect(wrapping());
    transport.loseConnection();
    expect(wrapped.transport.disconnecting).toBe(true);
  });

  it("aborts", () => {
    const { wrapped, transport } = connect(wrapping());
    wrapped.transport.abortConnection();
    expect(transport.aborted).toBe(true);
  });

  it("half-closes", () => {
    const { wrapped, transport } = connect(wrapping());
    wrapped.transport.loseWriteConnection();
    expect(transport.halfClosed).toBe(true);
  });

  it("has the transport's addresses", () => {
    const { wrapped, transport } = connect(wrapping());
    expect(wrapped.transport.getPeer()).toEqual(transport.getPeer());
    expect(wrapped.transport.getHost()).toEqual(transport.getHost());
  });

  it("passes on the TCP options", () => {
    class Options extends HalfTransport {
      readonly set: [string, boolean][] = [];
      override setTcpNoDelay(on?: boolean): void {
        this.set.push(["noDelay", on!]);
      }
      override setTcpKeepAlive(on?: boolean): void {
        this.set.push(["keepAlive", on!]);
      }
    }
    const options = new Options();
    const { wrapped } = connect(wrapping(), options);
    wrapped.transport.setTcpNoDelay(false);
    wrapped.transport.setTcpKeepAlive(true);
    expect(options.set).toEqual([
      ["noDelay", false],
      ["keepAlive", true],
    ]);
    expect([wrapped.transport.getTcpNoDelay(), wrapped.transport.getTcpKeepAlive()]).toEqual([true, false]);
  });

  it("registers and unregisters producers with the transport", () => {
    const { wrapped, transport } = connect(wrapping());
    const producer = new Told();
    wrapped.transport.registerProducer(producer, true);
    expect(transport.producer).toBe(producer);
    expect(() => wrapped.transport.registerProducer(new Told(), true)).toThrow("already has a producer");
    wrapped.transport.unregisterProducer();
    expect(transport.producer).toBeNull();
  });

  it("pauses, resumes and stops reading", () => {
    const { wrapped, transport } = connect(wrapping());
    wrapped.transport.pauseProducing();
    expect(transport.paused).toBe(true);
    wrapped.transport.resumeProducing();
    expect(transport.paused).toBe(false);
    wrapped.transport.stopProducing();
    expect(transport.disconnecting).toBe(true);
  });

  it("can be its own producer, as an echo makes it", () => {
    const { transport } = connect(wrapping(Echo));
    transport.congest();
    expect(transport.paused).toBe(true);
    transport.drain();
    expect(transport.paused).toBe(false);
  });
});

describe("switchProtocol() through a wrapper", () => {
  it("wraps the next protocol in the same wrapper", () => {
    const factory = wrapping();
    const { wrapper, wrapped, transport } = connect(factory);
    const next = new Keeper();
    transport.receive("for the first");
    wrapped.transport.switchProtocol(next);
    transport.receive("for the next");
    transport.lose();
    expect([wrapped.received, next.received]).toEqual(["for the first", "for the next"]);
    expect([wrapped.calls, next.calls]).toEqual([["connectionMade"], ["connectionMade", "connectionLost"]]);
    expect(next.transport).toBe(wrapper);
    expect(factory.protocols.size).toBe(0);
  });

  it("registers the connection with the factory once", () => {
    let registered = 0;
    class Counting extends WrappingFactory {
      override registerProtocol(wrapper: ProtocolWrapper): void {
        registered++;
        super.registerProtocol(wrapper);
      }
    }
    connect(new Counting(keepers())).wrapper.switchProtocol(new Keeper());
    expect(registered).toBe(1);
  });

  it("lets the transport check again whether the protocol borrows and is half-closeable", () => {
    class Looking extends HalfTransport {
      readonly borrows: boolean[] = [];
      override connect(protocol: Protocol): this {
        this.borrows.push(borrowsFrom(protocol));
        return super.connect(protocol);
      }
    }
    const transport = new Looking();
    const { wrapper } = connect(wrapping<Protocol>(Echo), transport);
    const next = new HalfKeeper();
    transport.unregisterProducer(); // the echo
    wrapper.switchProtocol(next);
    expect(transport.borrows).toEqual([true, false]);
    transport.end();
    expect(next.calls).toEqual(["connectionMade", "readConnectionLost"]);
  });

  it("works through two wrappers", () => {
    const { wrapper: outer, wrapped: inner, transport } = connect(new WrappingFactory(wrapping()));
    const next = new Keeper();
    inner.switchProtocol(next);
    transport.receive("hello");
    expect(next.received).toBe("hello");
    expect(next.transport).toBe(inner);
    expect(outer.wrappedProtocol).toBe(inner);
  });

  it("does nothing once the connection is lost", () => {
    const { wrapper, wrapped, transport } = connect(wrapping());
    transport.lose();
    const next = new Keeper();
    wrapper.switchProtocol(next);
    expect(next.calls).toEqual([]);
    expect(wrapper.wrappedProtocol).toBe(wrapped);
  });
});

describe("a WrappingFactory", () => {
  it("does not change the wrapped protocol's factory", () => {
    const inner = keepers();
    const factory = new WrappingFactory(inner);
    const { wrapper, wrapped } = connect(factory);
    expect(wrapped.factory).toBe(inner);
    expect(wrapper.factory).toBe(factory);
  });

  it("keeps its connected wrappers in `protocols`", () => {
    const factory = wrapping();
    const one = connect(factory);
    const two = connect(factory);
    expect([...factory.protocols]).toEqual([one.wrapper, two.wrapper]);
    one.transport.lose();
    expect([...factory.protocols]).toEqual([two.wrapper]);
  });

  it("builds nothing when the wrapped factory builds nothing", () => {
    class Refusing extends Factory {
      override buildProtocol(): null {
        return null;
      }
    }
    expect(new WrappingFactory(new Refusing()).buildProtocol(PEER)).toBeNull();
  });

  it("starts and stops the wrapped factory", () => {
    const inner = keepers();
    const factory = new WrappingFactory(inner);
    factory.doStart();
    expect([factory.numPorts, inner.numPorts]).toEqual([1, 1]);
    factory.doStop();
    expect([factory.numPorts, inner.numPorts]).toEqual([0, 0]);
  });

  it("passes the connector's calls to a wrapped client factory", () => {
    const told: unknown[] = [];
    class Client extends ClientFactory {
      override startedConnecting(connector: unknown): void {
        told.push(["started", connector]);
      }
      override clientConnectionFailed(connector: unknown, reason: unknown): void {
        told.push(["failed", connector, reason]);
      }
      override clientConnectionLost(connector: unknown, reason: unknown): void {
        told.push(["lost", connector, reason]);
      }
    }
    const factory = new WrappingFactory(new Client());
    const connector = new FakeConnector("192.0.2.7", 80, factory);
    const reason = new Failure(new ConnectionDone());
    factory.startedConnecting(connector);
    factory.clientConnectionFailed(connector, reason);
    factory.clientConnectionLost(connector, reason);
    expect(told).toEqual([
      ["started", connector],
      ["failed", connector, reason],
      ["lost", connector, reason],
    ]);
  });

  it("works as a client factory around a plain Factory", () => {
    const inner = { buildProtocol: () => new Keeper(), doStart() {}, doStop() {} };
    const factory = new WrappingFactory(inner);
    const connector = new FakeConnector("192.0.2.7", 80, factory);
    factory.startedConnecting(connector);
    const transport = connector.succeed();
    transport.receive("hello");
    connector.lose();
    connector.fail(new ConnectionDone());
    expect(factory.protocols.size).toBe(0);
  });

  it("has a logPrefix() that begins with the wrapped one's, as its wrappers do", () => {
    class Site extends Factory<Keeper> {
      override protocol: new () => Keeper = Keeper;
    }
    const factory = new WrappingFactory(new Site());
    expect(factory.logPrefix()).toBe("Site (WrappingFactory)");
    expect(factory.buildProtocol(PEER)?.logPrefix()).toBe("Keeper (ProtocolWrapper)");
  });

  it("uses the class name where there is no logPrefix()", () => {
    class Plain {
      makeConnection(): void {}
      dataReceived(): void {}
      connectionLost(): void {}
    }
    class PlainFactory {
      buildProtocol = () => new Plain();
      doStart(): void {}
      doStop(): void {}
    }
    const factory = new WrappingFactory(new PlainFactory());
    expect(factory.logPrefix()).toBe("PlainFactory (WrappingFactory)");
    expect(factory.buildProtocol(PEER)?.logPrefix()).toBe("Plain (ProtocolWrapper)");
  });

  it("may build wrappers of another class", () => {
    class Shouting extends ProtocolWrapper<Keeper> {
      override write(data: string): void {
        super.write(data.toUpperCase());
      }
    }
    class ShoutingFactory extends WrappingFactory<Keeper, Shouting> {
      override wrapProtocol(wrapped: Keeper): Shouting {
        return new Shouting(this, wrapped);
      }
    }
    const { wrapped, transport } = connect(new ShoutingFactory(keepers()));
    wrapped.transport.write("hello");
    expect(transport.take()).toBe("HELLO");
  });

  it("has the wrapped factory's types", () => {
    const factory = new WrappingFactory(Factory.forProtocol(HalfKeeper));
    expectTypeOf(factory.buildProtocol).returns.toEqualTypeOf<ProtocolWrapper<HalfKeeper> | null>();
    expectTypeOf(factory.buildProtocol(PEER)!.wrappedProtocol).toEqualTypeOf<HalfKeeper>();
    expectTypeOf(factory.protocols).toEqualTypeOf<Set<ProtocolWrapper<HalfKeeper>>>();
    expectTypeOf<ProtocolWrapper>().toExtend<Transport>();
  });
});
