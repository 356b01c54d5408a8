/** Transports as Duplexes, on a transport of the test's own. */
import { once } from "node:events";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { succeed } from "../../src/entries/defer.ts";
import { connectDuplex, duplexFactory, type SocketDuplex, toDuplex } from "../../src/entries/streams.ts";
import { StringTransportWithDisconnection } from "../../src/entries/testing.ts";
import { TCP4ClientEndpoint } from "../../src/internet/endpoints/tcp.ts";
import {
  ConnectError,
  ConnectionAborted,
  ConnectionDone,
  ConnectionLost,
  ConnectTimeoutError,
  DNSLookupError,
  TimeoutError,
} from "../../src/internet/error.ts";
import { Failure } from "../../src/internet/failure.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { FakeReactor } from "../helpers/fake-transport.ts";
import { Gate, turns } from "../helpers/gate.ts";
import { OwningTransport } from "../helpers/owning-transport.ts";

const KIB = 1024;

interface Opened {
  readonly transport: OwningTransport;
  readonly duplex: SocketDuplex;
  /** The names of the events that came. */
  readonly events: string[];
}

function record(duplex: SocketDuplex): string[] {
  const events: string[] = [];
  for (const name of ["connect", "ready", "end", "finish", "timeout"]) duplex.on(name, () => events.push(name));
  duplex.on("error", (error: NodeJS.ErrnoException) => events.push(`error ${error.code ?? error.message}`));
  duplex.on("close", (hadError: boolean) => events.push(`close ${hadError}`));
  return events;
}

function opened(options?: Parameters<typeof toDuplex>[1]): Opened {
  const transport = OwningTransport.idle();
  const duplex = toDuplex(transport, options);
  return { transport, duplex, events: record(duplex) };
}

function dialled(): { reactor: FakeReactor; duplex: SocketDuplex; events: string[] } {
  const reactor = new FakeReactor();
  const duplex = connectDuplex(new TCP4ClientEndpoint(reactor, "192.0.2.7", 80));
  return { reactor, duplex, events: record(duplex) };
}

describe("reading from a Duplex", () => {
  it("delivers received bytes, and pauses the transport when they are not read", async () => {
    const { transport, duplex } = opened({ highWaterMark: 10 });
    transport.receive("12345");
    expect(transport.paused).toBe(false);
    transport.receive("67890");
    expect(transport.paused).toBe(true);
    expect(String(duplex.read())).toBe("1234567890");
    await turns(1);
    expect([transport.paused, duplex.bytesRead]).toEqual([false, 10]);
  });

  it("resumes a transport that was paused, and replaces its producer", () => {
    const transport = OwningTransport.idle();
    transport.pauseProducing();
    transport.registerProducer({ stopProducing() {}, resumeProducing() {} }, false);
    const duplex = toDuplex(transport);
    expect([transport.paused, transport.producer]).toEqual([false, duplex]);
  });

  it("ends on the peer's FIN, and closes when both sides have ended", async () => {
    const { transport, duplex, events } = opened({ allowHalfOpen: true });
    duplex.resume();
    transport.end();
    await turns(1);
    expect(events).toEqual(["end"]);
    duplex.end("answer");
    await turns(1);
    expect([transport.take(), transport.halfClosed, events]).toEqual(["answer", true, ["end"]]);
    transport.endSent();
    await turns(1);
    expect([events, transport.disconnecting]).toEqual([["end", "finish"], true]);
    transport.lose();
    await turns(1);
    expect(events).toEqual(["end", "finish", "close false"]);
  });

  it("half-closes after the peer's FIN unless allowHalfOpen is set", async () => {
    const { transport, duplex } = opened();
    duplex.resume();
    transport.end();
    await turns(1);
    expect(transport.halfClosed).toBe(true);
  });
});

describe("writing to a Duplex", () => {
  it("calls back at once below the high-water mark, and otherwise when the transport has drained", async () => {
    const { transport, duplex } = opened();
    const done: string[] = [];
    duplex.write("a", () => done.push("a"));
    await turns(1);
    expect(done).toEqual(["a"]);
    transport.congest();
    duplex.write("b", () => done.push("b"));
    duplex.write("c", () => done.push("c"));
    await turns(1);
    expect([done, duplex.bytesWritten, duplex.bufferSize]).toEqual([["a"], 3, 2]);
    transport.drain();
    await turns(1);
    expect([done, transport.take()]).toEqual([["a", "b", "c"], "abc"]);
  });

  it("sends corked writes together, strings in their encoding", async () => {
    const { transport, duplex } = opened();
    duplex.cork();
    duplex.write("6869", "hex");
    duplex.write(new Uint8Array([33]));
    duplex.write("ß", "latin1");
    expect(transport.take()).toBe("");
    duplex.uncork();
    await turns(1);
    expect(transport.written.toString("latin1")).toBe("hi!ß");
    expect(duplex.bytesWritten).toBe(4);
  });

  it("fails with EPIPE when the connection was lost meanwhile", async () => {
    const { transport, duplex, events } = opened({ allowHalfOpen: true });
    transport.congest();
    const failed = new Gate<NodeJS.ErrnoException | null | undefined>();
    duplex.write("waits", failed.open);
    transport.lose(new ConnectionDone());
    expect(await failed.promise).toMatchObject({ code: "EPIPE", syscall: "write", errno: -32 });
    await turns(1);
    expect(events).toEqual(["error EPIPE", "close true"]);
    const late = opened({ allowHalfOpen: true });
    late.transport.lose(new ConnectionDone());
    late.duplex.write("too late");
    await turns(1);
    expect(late.events).toEqual(["error EPIPE", "close true"]);
  });

  it("fails with ECANCELED when the Duplex was destroyed meanwhile", async () => {
    const { transport, duplex } = opened();
    transport.congest();
    const failed = new Gate<NodeJS.ErrnoException | null | undefined>();
    duplex.write("waits", failed.open);
    duplex.destroy();
    expect(await failed.promise).toMatchObject({ code: "ECANCELED" });
    expect([transport.aborted, transport.producer]).toEqual([true, null]);
  });
});

describe("the end of a Duplex", () => {
  it("by the network is an error with Node's code, and Skein's error as its cause", async () => {
    const { transport, duplex } = opened();
    const failed = once(duplex, "error").catch((error) => [error]);
    const reason = new ConnectionLost("gone", "ETIMEDOUT");
    transport.lose(reason);
    const [error] = (await failed) as [NodeJS.ErrnoException];
    expect(error).toMatchObject({ code: "ETIMEDOUT", syscall: "read", message: "read ETIMEDOUT", cause: reason });
  });

  it("by this side is not an error, and an exception of a handler is the error itself", async () => {
    const aborted = opened();
    aborted.transport.lose(new ConnectionAborted());
    const stopped = opened();
    stopped.transport.lose(new ConnectionLost("The reactor was stopped."));
    const thrown = opened();
    thrown.transport.lose(new RangeError("out of bounds"));
    const odd = opened();
    odd.transport.protocol?.connectionLost(new Failure("just text"));
    await turns(1);
    expect([aborted, stopped, thrown, odd].map(({ events }) => events)).toEqual([
      ["close false"],
      ["close false"],
      ["error out of bounds", "close true"],
      ["error ECONNABORTED", "close true"],
    ]);
  });

  it("by loseConnection() of other code ends both sides", async () => {
    const { transport, duplex, events } = opened();
    duplex.resume();
    transport.lose(new ConnectionDone());
    await turns(2);
    expect(events).toEqual(["end", "finish", "close false"]);
  });

  it("by end() waits for our FIN, or for the loss", async () => {
    const { transport, duplex, events } = opened();
    duplex.resume();
    duplex.end();
    await turns(1);
    expect(events).toEqual([]);
    transport.lose(new ConnectionDone());
    await turns(2);
    expect(events.sort()).toEqual(["close false", "end", "finish"]);
  });

  it("by destroy() sends the rest, and aborts the connection when that takes too long", async () => {
    const { transport, duplex, events } = opened();
    duplex.destroy(new Error("why"));
    expect([transport.disconnecting, transport.aborted, duplex.readyState]).toEqual([true, false, "closed"]);
    await turns(1);
    expect(events).toEqual([]);
    const cut = new Gate();
    transport.abortConnection = cut.open;
    await cut.promise;
    transport.lose(new ConnectionAborted());
    await turns(1);
    expect(events).toEqual(["error why", "close true"]);
  });

  it.each(["destroy", "resetAndDestroy"] as const)(
    "by %s() is told when the transport is lost inside it",
    async (how) => {
      const duplex = toDuplex(new StringTransportWithDisconnection({ lenient: true }).connect(new Protocol()));
      const closed = once(duplex, "close");
      duplex[how]();
      expect(await closed).toEqual([false]);
    },
  );

  it("by destroySoon() comes after everything is sent, also when it already is", async () => {
    const { transport, duplex } = opened();
    duplex.write("last words");
    duplex.destroySoon();
    await turns(1);
    expect([transport.take(), transport.halfClosed, duplex.destroyed]).toEqual(["last words", true, false]);
    transport.endSent();
    await turns(1);
    expect(duplex.destroyed).toBe(true);
    const finished = opened();
    finished.duplex.end();
    finished.transport.endSent();
    await turns(1);
    finished.duplex.destroySoon();
    expect(finished.duplex.destroyed).toBe(true);
  });

  it("by resetAndDestroy() aborts the connection", async () => {
    const { transport, duplex, events } = opened();
    expect(duplex.resetAndDestroy()).toBe(duplex);
    expect(transport.aborted).toBe(true);
    transport.lose();
    await turns(1);
    expect(events).toEqual(["close false"]);
  });

  it("is known at once for a transport that is already lost", async () => {
    const transport = OwningTransport.idle();
    transport.lose();
    const events = record(toDuplex(transport));
    await turns(1);
    expect(events).toEqual(["error ECONNRESET", "close true"]);
  });
});

describe("the net.Socket interface", () => {
  it("passes on the TCP options, also before the connection is made", () => {
    const { transport, duplex } = opened();
    duplex.setNoDelay(false).setKeepAlive(true, 1000);
    expect([transport.getTcpNoDelay(), transport.getTcpKeepAlive()]).toEqual([false, true]);
    duplex.setNoDelay().setKeepAlive();
    expect([transport.getTcpNoDelay(), transport.getTcpKeepAlive()]).toEqual([true, false]);
    expect(duplex.ref().unref()).toBe(duplex);
    const early = dialled();
    let noDelay: boolean | undefined;
    early.duplex.setNoDelay(false);
    early.duplex.on("connect", () => {
      noDelay = true;
    });
    early.reactor.connectors[0]!.succeed();
    expect(noDelay).toBe(true);
  });

  it("has the addresses once they are known", () => {
    const { reactor, duplex } = dialled();
    expect([duplex.address(), duplex.remoteAddress, duplex.remotePort, duplex.remoteFamily]).toEqual([
      {},
      undefined,
      undefined,
      undefined,
    ]);
    expect([duplex.localAddress, duplex.localPort, duplex.localFamily]).toEqual([undefined, undefined, undefined]);
    reactor.connectors[0]!.succeed();
    expect(duplex.address()).toEqual({ address: "192.0.2.2", family: "IPv4", port: 12345 });
    expect([duplex.remoteAddress, duplex.remotePort, duplex.remoteFamily]).toEqual(["192.0.2.1", 54321, "IPv4"]);
    expect([duplex.localAddress, duplex.localPort, duplex.localFamily]).toEqual(["192.0.2.2", 12345, "IPv4"]);
  });

  it("has the connection's readyState", async () => {
    const { reactor, duplex, events } = dialled();
    expect([duplex.readyState, duplex.connecting, duplex.pending]).toEqual(["opening", true, true]);
    reactor.connectors[0]!.succeed();
    expect([duplex.readyState, duplex.connecting, duplex.pending]).toEqual(["open", false, false]);
    expect(events).toEqual(["connect", "ready"]);
    const half = opened({ allowHalfOpen: true });
    half.duplex.end();
    expect(half.duplex.readyState).toBe("readOnly");
    const other = opened({ allowHalfOpen: true });
    other.duplex.resume();
    other.transport.end();
    await turns(1);
    expect(other.duplex.readyState).toBe("writeOnly");
  });

  it("connect() emits 'connect' for libraries that call it on a given socket", async () => {
    const { duplex, events } = opened();
    let called = 0;
    expect(duplex.connect(80, "ignored", () => called++)).toBe(duplex);
    await turns(1);
    expect([called, events]).toEqual([1, ["connect", "ready"]]);
    const early = dialled();
    early.duplex.connect({ port: 80 });
    await turns(1);
    expect(early.events).toEqual([]);
    early.reactor.connectors[0]!.succeed();
    expect(early.events).toEqual(["connect", "ready"]);
    duplex.connect();
    duplex.destroy();
    await turns(1);
    expect(events).toEqual(["connect", "ready"]);
  });

  it("setTimeout() counts from the last traffic, and 0 disables it", async () => {
    const { transport, duplex, events } = opened();
    let heard = 0;
    const listener = () => heard++;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    duplex.setTimeout(30, listener);
    expect(duplex.timeout).toBe(30);
    for (const traffic of [() => transport.receive("in"), () => duplex.write("out")]) {
      vi.advanceTimersByTime(29);
      traffic();
    }
    vi.advanceTimersByTime(29);
    expect(heard).toBe(0);
    vi.advanceTimersByTime(1);
    expect([heard, duplex.destroyed]).toEqual([1, false]);
    duplex.on("timeout", listener);
    duplex.setTimeout(0, listener);
    expect([duplex.timeout, duplex.listeners("timeout").includes(listener)]).toEqual([0, false]);
    duplex.setTimeout(30);
    transport.receive("traffic");
    transport.congest();
    transport.drain();
    duplex.destroy();
    duplex.setTimeout(10, listener);
    transport.lose();
    await once(duplex, "close");
    expect([heard, events]).toEqual([1, ["timeout", "close false"]]);
  });

  it("setTimeout() shortens a delay that is too long for a timer of Node, as net.Socket does", () => {
    const { duplex } = opened();
    expect(duplex.setTimeout(2 ** 40).timeout).toBe(2 ** 31 - 1);
    duplex.setTimeout(0);
    for (const refused of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
      expect(() => duplex.setTimeout(refused)).toThrow(RangeError);
    }
  });

  it("setNoDelay() and setKeepAlive() take any value as a boolean, as net.Socket does", () => {
    const { transport, duplex } = opened();
    duplex.setNoDelay(0 as never).setKeepAlive("yes" as never);
    expect([transport.getTcpNoDelay(), transport.getTcpKeepAlive()]).toEqual([false, true]);
  });
});

describe("a connecting Duplex", () => {
  it("queues writes and end() until it is connected", async () => {
    const { reactor, duplex } = dialled();
    duplex.write("early ");
    duplex.end("end");
    await turns(1);
    const transport = reactor.connectors[0]!.succeed();
    await turns(1);
    expect(transport.take()).toBe("early end");
    const silent = dialled();
    silent.duplex.end();
    await turns(1);
    const other = silent.reactor.connectors[0]!.succeed();
    let ended = false;
    other.loseWriteConnection = () => {
      ended = true;
    };
    await turns(1);
    expect([other.take(), ended || !silent.duplex.writable]).toEqual(["", true]);
  });

  it("emits 'connect' later when the endpoint connects at once", async () => {
    const transport = new OwningTransport();
    const duplex = connectDuplex({
      connect(factory) {
        const protocol = factory.buildProtocol(transport.getPeer())!;
        transport.connect(protocol);
        return succeed(protocol);
      },
    });
    const events = record(duplex);
    expect([duplex.connecting, duplex.remotePort]).toEqual([false, 54321]);
    await turns(1);
    expect(events).toEqual(["connect", "ready"]);
  });

  it("fails with Node's codes", async () => {
    for (const [error, code, syscall] of [
      [new ConnectError("refused", "ECONNREFUSED"), "ECONNREFUSED", "connect"],
      [new ConnectTimeoutError("late"), "ETIMEDOUT", "connect"],
      [new TimeoutError("late"), "ETIMEDOUT", "connect"],
      [new DNSLookupError("no such host"), "ENOTFOUND", "getaddrinfo"],
      [new ConnectError("stopped"), "ECONNABORTED", "connect"],
    ] as const) {
      const { reactor, duplex, events } = dialled();
      const failed = new Gate<NodeJS.ErrnoException | null | undefined>();
      duplex.write("never sent", failed.open);
      const told = once(duplex, "error").catch((reason) => [reason]);
      reactor.connectors[0]!.fail(error);
      expect(await told).toEqual([expect.objectContaining({ code, syscall, cause: error })]);
      expect((await failed.promise)?.message).toContain(code);
      await turns(1);
      expect([events, duplex.connecting]).toEqual([[`error ${code}`, "close true"], false]);
    }
    const { reactor, events } = dialled();
    reactor.connectors[0]!.fail(new RangeError("a bug"));
    await turns(1);
    expect(events).toEqual(["error a bug", "close true"]);
  });

  it("stops the attempt when it is destroyed, and aborts a connection that is made all the same", async () => {
    const { reactor, duplex, events } = dialled();
    duplex.destroy();
    await turns(1);
    expect([reactor.connectors[0]!.state, events]).toEqual(["disconnected", ["close false"]]);
    const transport = new OwningTransport();
    let given: SocketDuplex | undefined;
    const protocol = duplexFactory((accepted) => {
      given = accepted;
    }).buildProtocol(transport.getPeer())!;
    (protocol as unknown as { duplex: SocketDuplex }).duplex.destroy();
    transport.connect(protocol);
    expect([transport.aborted, given?.destroyed]).toEqual([true, true]);
  });
});

it("a factory passes each connection as a Duplex", () => {
  const accepted: SocketDuplex[] = [];
  const factory = duplexFactory((duplex) => accepted.push(duplex), { allowHalfOpen: true });
  const transport = new OwningTransport();
  transport.connect(factory.buildProtocol(transport.getPeer())!);
  expect([accepted[0]?.remotePort, accepted[0]?.allowHalfOpen, accepted[0]?.connecting]).toEqual([54321, true, false]);
});

it("a small queued piece does not retain the chunk that it arrived in", () => {
  const { transport, duplex } = opened();
  const slab = Buffer.allocUnsafeSlow(64 * KIB).fill("x");
  (transport.current as { dataReceived(data: Buffer): void }).dataReceived(Buffer.from("first"));
  (transport.current as { dataReceived(data: Buffer): void }).dataReceived(slab.subarray(0, 10));
  slab.fill("y");
  expect(String(duplex.read())).toBe(`first${"x".repeat(10)}`);
});
