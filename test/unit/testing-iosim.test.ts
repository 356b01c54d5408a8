import { describe, expect, it } from "vitest";
import { LineReceiver } from "../../src/entries/protocols/basic.ts";
import {
  AccumulatingProtocol,
  connect,
  connectedServerAndClient,
  FakeTransport,
  NonStreamingProducer,
} from "../../src/entries/testing.ts";
import { ConnectionDone, ConnectionLost } from "../../src/internet/error.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { KeyPair } from "../../src/internet/tls/keypair.ts";
import { Echo } from "../../src/protocols/wire.ts";

const identity = KeyPair.generate("ed25519").selfSignedCert({ commonName: "ada" });

const fakeOf = (protocol: Protocol): FakeTransport => protocol.transport as FakeTransport;

/** Notes everything, halves included. */
class Halves extends AccumulatingProtocol {
  calls: string[] = [];
  readConnectionLost(): void {
    this.calls.push("read");
  }
  writeConnectionLost(): void {
    this.calls.push("write");
  }
  handshakeCompleted(): void {
    this.calls.push("handshake");
  }
}

describe("two protocols that are connected in memory", () => {
  it("exchange bytes in pump()", () => {
    const { client, server, pump } = connectedServerAndClient(Echo, AccumulatingProtocol);
    expect([server.connected, client.made]).toEqual([true, 1]);
    client.transport.write("hello");
    expect(client.data.toString()).toBe("");
    pump.flush();
    expect(client.data.toString()).toBe("hello");
  });

  it("are created by functions or by classes", () => {
    const made = new Echo();
    const { server } = connectedServerAndClient(
      () => made,
      () => new AccumulatingProtocol(),
    );
    expect(server).toBe(made);
  });

  it("exchange the bytes of connectionMade() unless `greet` is false", () => {
    class Greeter extends Protocol {
      override connectionMade(): void {
        this.transport.write("welcome");
      }
    }
    expect(connectedServerAndClient(Greeter, AccumulatingProtocol).client.data.toString()).toBe("welcome");
    const quiet = connectedServerAndClient(Greeter, AccumulatingProtocol, false);
    expect(quiet.client.data.length).toBe(0);
    expect(quiet.pump.pump()).toBe(true);
    expect(quiet.client.data.toString()).toBe("welcome");
    expect(quiet.pump.pump()).toBe(false);
  });

  it("each send once per pump()", () => {
    class PingPong extends Protocol {
      rounds = 0;
      override dataReceived(data: Buffer): void {
        if (++this.rounds < 5) this.transport.write(data);
      }
    }
    const { client, server, pump } = connectedServerAndClient(PingPong, PingPong);
    client.transport.write("ball");
    pump.pump();
    expect([server.rounds, client.rounds]).toEqual([1, 0]);
    pump.pump();
    expect([server.rounds, client.rounds]).toEqual([1, 1]);
    pump.flush();
    expect(server.rounds + client.rounds).toBeLessThanOrEqual(10);
  });

  it("that write to each other without end make flush() throw", () => {
    const { client, pump } = connectedServerAndClient(Echo, Echo);
    client.transport.write("x");
    expect(() => pump.flush()).toThrow(/without end/);
  });

  it("have each other's addresses", () => {
    const { client, server } = connectedServerAndClient(Protocol, Protocol);
    expect(client.transport.getPeer()).toEqual(server.transport.getHost());
    expect(client.transport.getHost()).toEqual(server.transport.getPeer());
  });

  it("can be line protocols", () => {
    class Answer extends LineReceiver {
      override lineReceived(line: Buffer): void {
        this.sendLine(`you said ${line}`);
      }
    }
    const { client, pump } = connectedServerAndClient(Answer, AccumulatingProtocol);
    client.transport.writeSequence(["one\r", "\ntwo\r\n"]);
    pump.flush();
    expect(client.data.toString()).toBe("you said one\r\nyou said two\r\n");
  });
});

describe("the end of a connection in memory", () => {
  it("comes after the queued bytes, on both sides", () => {
    const { client, server, pump } = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    server.transport.write("bye");
    server.transport.loseConnection();
    server.transport.write(", really");
    expect(server.closedReason).toBe(null);
    pump.flush();
    expect(client.data.toString()).toBe("bye, really");
    expect([client.closedReason?.value, server.closedReason?.value]).toEqual(Array(2).fill(expect.any(ConnectionDone)));
    expect(fakeOf(client).disconnected).toBe(true);
  });

  it("by abortConnection() is ConnectionAborted here and ConnectionLost there, and drops output that was not pumped", () => {
    const { client, server, pump } = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    server.transport.write("lost");
    server.transport.abortConnection();
    pump.flush();
    expect(client.data.length).toBe(0);
    expect(server.closedReason?.value).toMatchObject({ code: "ERR_CONNECTION_ABORTED" });
    expect(client.closedReason?.value).toMatchObject({ code: "ERR_CONNECTION_LOST" });
  });

  it("makes later calls no-ops", () => {
    const { client, pump } = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    client.transport.loseConnection();
    pump.flush();
    client.transport.write("x");
    client.transport.loseConnection();
    client.transport.abortConnection();
    client.transport.loseWriteConnection();
    client.transport.switchProtocol(new Protocol());
    expect(pump.flush()).toBe(false);
  });

  it("of one half leaves the other open", () => {
    const { client, server, pump } = connectedServerAndClient(Halves, Halves);
    client.transport.write("the last");
    client.transport.loseWriteConnection();
    client.transport.write("too late");
    pump.flush();
    expect([client.calls, server.calls, server.data.toString()]).toEqual([["write"], ["read"], "the last"]);
    server.transport.write("answer");
    server.transport.loseWriteConnection();
    pump.flush();
    expect(client.data.toString()).toBe("answer");
    expect([client.closedReason?.value, server.closedReason?.value]).toEqual(Array(2).fill(expect.any(ConnectionDone)));
  });

  it("of one half closes the connection if the other side is not half-closeable", () => {
    const { client, server, pump } = connectedServerAndClient(AccumulatingProtocol, Halves);
    client.transport.loseWriteConnection();
    pump.flush();
    expect([client.closedReason?.value, server.closedReason?.value]).toEqual(Array(2).fill(expect.any(ConnectionDone)));
  });
});

describe("flow in memory", () => {
  it("pauses for a paused protocol, and loses nothing", () => {
    const { client, server, pump } = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    server.transport.pauseProducing();
    client.transport.write("ab");
    pump.flush();
    client.transport.write("cd");
    pump.flush();
    expect(server.data.length).toBe(0);
    server.transport.resumeProducing();
    pump.flush();
    expect(server.data.toString()).toBe("abcd");
  });

  it("pauses a push producer above 64 KiB, and resumes it when that was pumped", () => {
    const { client, pump } = connectedServerAndClient(Protocol, Protocol);
    const calls: string[] = [];
    client.transport.registerProducer(
      {
        pauseProducing: () => calls.push("pause"),
        resumeProducing: () => calls.push("resume"),
        stopProducing: () => calls.push("stop"),
      },
      true,
    );
    client.transport.write(Buffer.alloc(64 * 1024));
    expect(calls).toEqual([]);
    client.transport.write("x");
    client.transport.write("x");
    expect(calls).toEqual(["pause"]);
    pump.flush();
    expect(calls).toEqual(["pause", "resume"]);
    client.transport.abortConnection();
    pump.flush();
    expect(calls).toEqual(["pause", "resume", "stop"]);
  });

  it("asks a pull producer for more in each pump, and closes when it unregisters", () => {
    const { client, server, pump } = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    const producer = new NonStreamingProducer(client.transport);
    client.transport.registerProducer(producer, false);
    client.transport.loseConnection();
    for (let i = 0; i < 4; i++) pump.pump();
    expect(server.closedReason).toBe(null);
    producer.stopProducing();
    pump.flush();
    expect(server.data.toString()).toMatch(/^0123?/);
    expect(server.closedReason?.value).toBeInstanceOf(ConnectionDone);
  });

  it("takes one producer at a time, and stops one that comes too late", () => {
    const { client, pump } = connectedServerAndClient(Protocol, Protocol);
    const producer = new NonStreamingProducer(client.transport);
    client.transport.registerProducer(producer, false);
    expect(() => client.transport.registerProducer(producer, false)).toThrow(/already/);
    client.transport.unregisterProducer();
    client.transport.abortConnection();
    pump.flush();
    client.transport.registerProducer(producer, false);
    expect(producer.stopped).toBe(true);
  });
});

describe("TLS in memory", () => {
  it("starts when both sides call startTLS(), and holds output until then", () => {
    const { client, server, pump } = connectedServerAndClient(Halves, Halves);
    const [mine, theirs] = [{}, {}];
    client.transport.write("STARTTLS");
    pump.flush();
    fakeOf(client).startTLS(mine);
    client.transport.write("secret");
    expect(fakeOf(client).pending).toBe(6);
    expect(server.data.toString()).toBe("STARTTLS");
    fakeOf(server).startTLS(theirs);
    server.transport.write("hidden");
    pump.flush();
    expect([server.data.toString(), client.data.toString()]).toEqual(["STARTTLSsecret", "hidden"]);
    expect([client.calls, server.calls]).toEqual([["handshake"], ["handshake"]]);
    expect([fakeOf(client).peerContext, fakeOf(server).peerContext]).toEqual([theirs, mine]);
    expect([fakeOf(client).isTLSServer, fakeOf(server).isTLSServer]).toEqual([false, true]);
  });

  it("tells each side what the test says that was agreed on, until the loss", () => {
    const { client, server, pump } = connectedServerAndClient(Halves, Halves);
    fakeOf(client).startTLS({});
    fakeOf(server).startTLS({});
    fakeOf(client).agreed = { protocol: "h2", peerCertificate: identity };
    fakeOf(server).agreed = { protocol: "h2", resumed: true, hostCertificate: identity };
    expect([fakeOf(client).getTLSInfo(), fakeOf(client).exportKeyingMaterial(8, "x")]).toEqual([null, null]);
    pump.flush();
    expect([fakeOf(client).negotiatedProtocol, fakeOf(server).negotiatedProtocol]).toEqual(["h2", "h2"]);
    expect([fakeOf(client).isSessionReused(), fakeOf(server).isSessionReused()]).toEqual([false, true]);
    expect(fakeOf(client).getPeerCertificate()).toBe(identity);
    expect(fakeOf(server).getPeerCertificate()).toBe(null);
    expect(fakeOf(server).getHostCertificate()).toEqual(identity.dump());
    const keys = (one: Protocol, label: string) => fakeOf(one).exportKeyingMaterial(70, label);
    expect(keys(client, "a")).toEqual(keys(server, "a"));
    expect(keys(client, "a")).not.toEqual(keys(client, "b"));
    client.transport.loseConnection();
    pump.flush();
    expect([fakeOf(client).getTLSInfo(), fakeOf(server).getHostCertificate()]).toEqual([null, null]);
  });

  it("needs a server and a client, who need not be those of the connection", () => {
    const exchanged = connectedServerAndClient(Halves, Halves);
    fakeOf(exchanged.client).startTLS({}, { server: true });
    fakeOf(exchanged.server).startTLS({}, { server: false });
    exchanged.pump.flush();
    expect([exchanged.client.calls, exchanged.server.calls]).toEqual([["handshake"], ["handshake"]]);
    for (const server of [true, false]) {
      const alike = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
      fakeOf(alike.client).startTLS({}, { server });
      fakeOf(alike.server).startTLS({}, { server });
      alike.pump.flush();
      const messages = [alike.client, alike.server].map((each) => each.closedReason?.getErrorMessage());
      expect(messages.join()).toMatch(server ? /both sides are the server of TLS/ : /both sides are the client of TLS/);
      expect(messages).toHaveLength(2);
    }
  });

  it("takes bytes that were read before for plain ones", () => {
    const { server, pump } = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    fakeOf(server).startTLS({}, { received: Buffer.from("x") });
    pump.flush();
    expect(server.closedReason?.getErrorMessage()).toMatch(/plain bytes/);
  });

  it("does not begin on a connection that closes, and not behind loseWriteConnection()", () => {
    const { client, server } = connectedServerAndClient(Halves, Halves);
    client.transport.abortConnection();
    fakeOf(client).startTLS({});
    expect(fakeOf(client).tls).toBe(null);
    server.transport.loseWriteConnection();
    expect(() => fakeOf(server).startTLS({})).toThrow(/behind loseWriteConnection/);
  });

  it("is aborted when a side refuses the other's context", () => {
    const { client, server, pump } = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    const asked: unknown[] = [];
    const theirs = {};
    fakeOf(client).startTLS({ iosimVerify: (other) => asked.push(other) === 0 });
    fakeOf(server).startTLS(theirs);
    client.transport.write("never seen");
    pump.flush();
    expect(asked).toEqual([theirs]);
    expect(client.closedReason?.value).toBeInstanceOf(ConnectionLost);
    expect(client.closedReason?.getErrorMessage()).toMatch(/certificate was refused/);
    expect(server.closedReason?.value).toBeInstanceOf(ConnectionLost);
    expect(server.data.length).toBe(0);
  });

  it("is aborted when plain bytes come instead of a handshake", () => {
    const { client, server, pump } = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    fakeOf(server).startTLS({});
    client.transport.write("plain");
    pump.flush();
    expect(server.closedReason?.getErrorMessage()).toMatch(/plain bytes/);
    expect(server.data.length).toBe(0);
  });

  it("is aborted when a handshake comes instead of plain bytes", () => {
    const { client, server, pump } = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    fakeOf(client).startTLS({});
    pump.flush();
    expect(server.closedReason?.getErrorMessage()).toMatch(/handshake came/);
    expect(client.closedReason?.value).toBeInstanceOf(ConnectionLost);
  });

  it("can be started once", () => {
    const { client } = connectedServerAndClient(Protocol, Protocol);
    expect([fakeOf(client).getPeerCertificate(), fakeOf(client).isTLSServer]).toEqual([null, null]);
    fakeOf(client).startTLS({});
    expect(() => fakeOf(client).startTLS({})).toThrow(/already/);
  });
});

describe("switching in memory", () => {
  it("delivers to the next protocol", () => {
    const { client, server, pump } = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    const next = new AccumulatingProtocol();
    server.transport.switchProtocol(next);
    client.transport.write("for the next");
    client.transport.loseConnection();
    pump.flush();
    expect([server.data.length, next.data.toString(), next.made]).toEqual([0, "for the next", 1]);
    expect([server.closedReason, next.closedReason?.value]).toEqual([null, expect.any(ConnectionDone)]);
  });
});

describe("order in memory", () => {
  it("a paused protocol gets the bytes before the peer's close", () => {
    const { client, server, pump } = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    server.transport.pauseProducing();
    client.transport.write("abc");
    client.transport.loseConnection();
    pump.flush();
    expect(server.closedReason).toBe(null);
    server.transport.resumeProducing();
    pump.flush();
    expect([server.data.toString(), server.closedReason?.value]).toEqual(["abc", expect.any(ConnectionDone)]);
  });

  it("a connection that is closed during the handshake first sends what was written", () => {
    const { client, server, pump } = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    fakeOf(client).startTLS({});
    fakeOf(server).startTLS({});
    server.transport.write("secret");
    server.transport.loseConnection();
    pump.flush();
    expect([client.data.toString(), server.closedReason?.value]).toEqual(["secret", expect.any(ConnectionDone)]);
  });

  it("a half-close during the handshake comes after what was written before it", () => {
    const { client, server, pump } = connectedServerAndClient(Halves, Halves);
    fakeOf(client).startTLS({});
    fakeOf(server).startTLS({});
    client.transport.write("x");
    client.transport.loseWriteConnection();
    pump.flush();
    expect([server.data.toString(), server.calls]).toEqual(["x", ["handshake", "read"]]);
  });

  it("an abort asks no producer, sends nothing, and ends at once", () => {
    const { client, server, pump } = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    const producer = new NonStreamingProducer(client.transport);
    client.transport.registerProducer(producer, false);
    client.transport.abortConnection();
    pump.flush();
    expect([producer.counter, server.data.length, client.closedReason === null]).toEqual([0, 0, false]);
    const paused = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    paused.client.transport.registerProducer({ pauseProducing() {}, resumeProducing() {}, stopProducing() {} }, true);
    paused.client.transport.write(Buffer.alloc(100_000));
    paused.client.transport.abortConnection();
    paused.pump.flush();
    expect(paused.client.closedReason).not.toBe(null);
  });

  it.each(["ab", ""])("a pull producer that had %j closes inside the call that asks for more", (text) => {
    const { client, server, pump } = connectedServerAndClient(AccumulatingProtocol, AccumulatingProtocol);
    const { transport } = client;
    const pieces = [...text];
    const producer = {
      resumeProducing(): void {
        const piece = pieces.shift();
        if (piece !== undefined) transport.write(piece);
        else {
          transport.unregisterProducer();
          transport.loseConnection();
        }
      },
      stopProducing(): void {},
    };
    transport.registerProducer(producer, false);
    pump.flush();
    expect([server.data.toString(), server.closedReason?.value]).toEqual([text, expect.any(ConnectionDone)]);
  });
});

describe("a FakeTransport", () => {
  it("keeps the TCP options", () => {
    const { client } = connectedServerAndClient(Protocol, Protocol);
    client.transport.setTcpNoDelay(false);
    client.transport.setTcpKeepAlive(true);
    expect([client.transport.getTcpNoDelay(), client.transport.getTcpKeepAlive()]).toEqual([false, true]);
    client.transport.stopProducing();
    expect(client.transport.disconnecting).toBe(true);
  });

  it("can be passed to connect()", () => {
    const [server, client] = [new Echo(), new AccumulatingProtocol()];
    const pump = connect(server, new FakeTransport(server, true), client, new FakeTransport(client, false));
    expect([pump.serverIO.isServer, pump.clientIO.isServer]).toEqual([true, false]);
  });
});
