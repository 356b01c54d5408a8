import { describe, expect, it } from "vitest";
import { LineOnlyReceiver } from "../../src/entries/protocols/basic.ts";
import {
  AccumulatingProtocol,
  NonStreamingProducer,
  StringTransport,
  StringTransportWithDisconnection,
} from "../../src/entries/testing.ts";
import { IPv4Address } from "../../src/internet/address.ts";
import { ConnectionAborted, ConnectionDone, ConnectionLost, PlaintextBeforeTLS } from "../../src/internet/error.ts";
import type { Failure } from "../../src/internet/failure.ts";
import type { TLSTransport } from "../../src/internet/interfaces.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { Certificate } from "../../src/internet/tls/certificate.ts";
import { CertificateError } from "../../src/internet/tls/errors.ts";
import { KeyPair } from "../../src/internet/tls/keypair.ts";
import { serverOptions } from "../helpers/tls-options.ts";

const identity = KeyPair.generate("ed25519").selfSignedCert(
  { commonName: "ada" },
  { subjectAltNames: ["URI:spiffe://example.org/ada"] },
);

const pushProducer = () => {
  const calls: string[] = [];
  return {
    calls,
    pauseProducing: () => calls.push("pause"),
    resumeProducing: () => calls.push("resume"),
    stopProducing: () => calls.push("stop"),
  };
};

describe("a StringTransport", () => {
  it("records startTLS(), and the test says when the handshake is done", () => {
    const calls: string[] = [];
    class Turning extends LineOnlyReceiver {
      override lineReceived(line: Buffer): void {
        calls.push(String(line));
        if (String(line) !== "STARTTLS") return;
        this.sendLine("go ahead");
        (this.transport as StringTransport).startTLS(options, { server: true });
      }
      handshakeCompleted(): void {
        calls.push("handshakeCompleted");
      }
    }
    const options = serverOptions();
    const transport = new StringTransport().connect(new Turning());
    expect(transport.tls).toBe(null);
    expect(() => transport.completeHandshake()).toThrow(/has not called startTLS/);
    transport.receive("STARTTLS\r\n");
    expect(transport.take()).toBe("go ahead\r\n");
    expect(transport.tls).toEqual({ contextFactory: options, options: { server: true } });
    expect(() => transport.startTLS(options)).toThrow(/TLS already/);
    transport.completeHandshake();
    expect(() => transport.completeHandshake()).toThrow(/done already/);
    transport.receive("secret\r\n");
    expect(calls).toEqual(["STARTTLS", "handshakeCompleted", "secret"]);
  });

  it("tells the protocol what the test has agreed on, from the handshake to the loss", () => {
    const asked: unknown[] = [];
    const ask = ({ transport }: Protocol) => {
      const tls = transport as TLSTransport;
      const { version, serverName } = tls.getTLSInfo() ?? {};
      const chain = tls.getPeerCertificateChain().map((der) => der.equals(identity.dump()));
      const keys = tls.exportKeyingMaterial(40, "label")?.length;
      asked.push([version, serverName, tls.getCipher()?.name, tls.negotiatedProtocol, tls.isSessionReused()]);
      asked.push([tls.getPeerCertificate()?.spiffeId, chain, tls.getHostCertificate()?.length, keys]);
    };
    class Asking extends Protocol {
      override connectionMade(): void {
        ask(this);
      }
      handshakeCompleted(): void {
        ask(this);
        expect(Certificate.peerFromTransport(this.transport).equals(identity)).toBe(true);
        expect(Certificate.hostFromTransport(this.transport).equals(identity)).toBe(true);
      }
      override connectionLost(): void {
        ask(this);
      }
    }
    const transport = new StringTransport().connect(new Asking());
    transport.startTLS(serverOptions());
    expect(() => Certificate.peerFromTransport(transport)).toThrow(CertificateError);
    transport.completeHandshake({
      ...{ version: "TLSv1.2", cipher: "ECDHE-RSA-AES128-GCM-SHA256", serverName: "a.example" },
      ...{ protocol: "h2", resumed: true, peerCertificate: [identity, identity], hostCertificate: identity },
    });
    transport.lose();
    const nothing = [
      [undefined, undefined, undefined, null, false],
      [undefined, [], undefined, undefined],
    ];
    const all = [
      ["TLSv1.2", "a.example", "ECDHE-RSA-AES128-GCM-SHA256", "h2", true],
      ["spiffe://example.org/ada", [true, true], identity.dump().length, 40],
    ];
    expect(asked).toEqual([...nothing, ...all, ...nothing]);
  });

  it("has agreed on what is usual if the test says nothing", () => {
    const transport = new StringTransport().connect(new Protocol());
    transport.startTLS(serverOptions());
    transport.completeHandshake();
    expect(transport.getTLSInfo()).toMatchObject({
      version: "TLSv1.3",
      group: "x25519",
      protocol: null,
      resumed: false,
    });
    expect([transport.getPeerCertificate(), transport.getHostCertificate()]).toEqual([null, null]);
  });

  it("may have TLS from the beginning, as of listenSSL()", () => {
    const contextFactory = serverOptions();
    const transport = new StringTransport({ contextFactory }).connect(new Protocol());
    expect(transport.tls).toEqual({ contextFactory, options: {} });
    expect(() => transport.startTLS(contextFactory)).toThrow(/TLS already/);
    transport.completeHandshake({ protocol: "h2" });
    expect(transport.negotiatedProtocol).toBe("h2");
    expect(() => new StringTransport({ contextFactory: {} as never })).toThrow(/needs the options of TLS/);
  });

  it("refuses what no handshake agrees on", () => {
    const transport = new StringTransport({ contextFactory: serverOptions() }).connect(new Protocol());
    for (const wrong of [
      { peerCertificate: identity.dumpPEM() },
      { peerCertificate: ["x"] },
      { hostCertificate: {} },
      { protocol: 2 },
      { resumed: 1 },
      { name: "a" },
    ]) {
      expect(() => transport.completeHandshake(wrong as never)).toThrow(TypeError);
    }
    expect(transport.getTLSInfo()).toBe(null);
    expect(() => transport.exportKeyingMaterial(0, "label")).toThrow(RangeError);
    transport.completeHandshake();
  });

  it("is aborted, as a real transport, when plaintext came behind what asked for TLS", () => {
    const lines: string[] = [];
    let lost: Failure | undefined;
    class Turning extends LineOnlyReceiver {
      override lineReceived(line: Buffer): void {
        lines.push(String(line));
        (this.transport as StringTransport).startTLS(serverOptions());
      }
      override connectionLost(reason: Failure): void {
        lost = reason;
      }
    }
    const transport = new StringTransport().connect(new Turning());
    transport.receive("STARTTLS\r\nINJECTED\r\n");
    expect([lines, transport.tls, transport.disconnected]).toEqual([["STARTTLS"], null, true]);
    transport.lose();
    expect(lost?.value).toBeInstanceOf(PlaintextBeforeTLS);
  });

  it("refuses startTLS() behind its own FIN, as a real transport does", () => {
    const transport = new StringTransport().connect(new Protocol());
    transport.loseWriteConnection();
    expect(() => transport.startTLS(serverOptions())).toThrow(/behind loseWriteConnection/);
  });

  it("refuses what are no options of TLS, and startTLS() after the close does nothing", () => {
    const transport = new StringTransport().connect(new Protocol());
    expect(() => transport.startTLS({} as never)).toThrow(TypeError);
    transport.loseConnection();
    transport.startTLS(serverOptions());
    expect(transport.tls).toBe(null);
  });

  it("delivers bytes in memory of their own, as the engine does", () => {
    const sizes: number[] = [];
    class Sizes extends Protocol {
      override dataReceived(data: Buffer): void {
        sizes.push(data.buffer.byteLength);
      }
    }
    const transport = new StringTransport().connect(new Sizes());
    transport.receive("text");
    transport.receive(Buffer.from("bytes"));
    expect(sizes).toEqual([4, 5]);
  });

  it("keeps what is written, strings as UTF-8", () => {
    const transport = new StringTransport();
    transport.write("gr\u00fc\u00df");
    transport.write(Buffer.from([0xff]));
    expect(transport.value()).toEqual(Buffer.concat([Buffer.from("grüß"), Buffer.from([0xff])]));
  });

  it("keeps a copy of what is written", () => {
    const transport = new StringTransport();
    const bytes = Buffer.from("abc");
    transport.write(bytes);
    bytes.fill(0);
    expect(transport.value().toString()).toBe("abc");
  });

  it("keeps the pieces of a sequence separate", () => {
    const transport = new StringTransport();
    transport.writeSequence(["a", Buffer.from("bc")]);
    expect(transport.writes().map(String)).toEqual(["a", "bc"]);
  });

  it("forgets what was written before clear()", () => {
    const transport = new StringTransport();
    transport.write("a");
    transport.clear();
    transport.write("b");
    expect(transport.take()).toBe("b");
    expect(transport.take()).toBe("");
  });

  it.each([[5], [null], [undefined], [["a"]]])("refuses to write %s", (data) => {
    expect(() => new StringTransport().write(data as never)).toThrow(TypeError);
  });

  it("records loseConnection() and abortConnection()", () => {
    const transport = new StringTransport();
    expect([transport.disconnecting, transport.disconnected]).toEqual([false, false]);
    transport.loseConnection();
    expect([transport.disconnecting, transport.disconnected]).toEqual([true, false]);
    transport.abortConnection();
    expect([transport.disconnecting, transport.disconnected]).toEqual([true, true]);
  });

  it("records loseWriteConnection()", () => {
    const transport = new StringTransport();
    transport.loseWriteConnection();
    expect([transport.writeDisconnected, transport.disconnecting]).toEqual([true, false]);
  });

  it("delivers nothing after loseConnection(), and throws after the loss", () => {
    const protocol = new AccumulatingProtocol();
    const transport = new StringTransport().connect(protocol);
    transport.loseConnection();
    transport.receive("x");
    expect(protocol.data.length).toBe(0);
    transport.lose();
    expect(() => transport.receive("x")).toThrow(/lost/);
    expect(() => transport.receiveEnd()).toThrow(/lost/);
  });

  it("ignores what is written after the FIN, abortConnection() and the loss", () => {
    const ends = ["loseWriteConnection", "abortConnection", "lose"] as const;
    for (const end of ends) {
      const transport = new StringTransport().connect(new Protocol());
      transport.write("before");
      transport[end]();
      transport.write("after");
      expect([end, transport.take()]).toEqual([end, "before"]);
    }
  });

  it("ends its half once a pull producer has unregistered", () => {
    const transport = new StringTransport();
    transport.registerProducer(new NonStreamingProducer(transport), false);
    transport.loseWriteConnection();
    expect(transport.writeDisconnected).toBe(false);
    transport.unregisterProducer();
    expect(transport.writeDisconnected).toBe(true);
  });

  it("takes its protocol by assignment too, as Twisted's does", () => {
    const transport = new StringTransport();
    const protocol = new AccumulatingProtocol();
    transport.protocol = protocol;
    protocol.makeConnection(transport);
    transport.receive("x");
    expect([transport.protocol, protocol.data.toString()]).toEqual([protocol, "x"]);
  });

  it("has default addresses, and those of its options", () => {
    const transport = new StringTransport();
    expect([String(transport.getHost()), String(transport.getPeer())]).toEqual(["10.0.0.1:12345", "192.168.1.1:54321"]);
    const peerAddress = new IPv4Address("TCP", "1.2.3.4", 5);
    expect(new StringTransport({ peerAddress }).getPeer()).toBe(peerAddress);
    expect(new StringTransport({ hostAddress: peerAddress }).getHost()).toBe(peerAddress);
  });

  it("keeps the TCP options", () => {
    const transport = new StringTransport();
    expect([transport.getTcpNoDelay(), transport.getTcpKeepAlive()]).toEqual([true, false]);
    transport.setTcpNoDelay(false);
    transport.setTcpKeepAlive(true);
    expect([transport.getTcpNoDelay(), transport.getTcpKeepAlive()]).toEqual([false, true]);
  });

  it("delivers received bytes", () => {
    const protocol = new AccumulatingProtocol();
    const transport = new StringTransport().connect(protocol);
    transport.receive("ab");
    transport.receive(Buffer.from("c"));
    expect(protocol.data.toString()).toBe("abc");
    expect([protocol.made, protocol.transport]).toEqual([1, transport]);
  });

  it("lets a protocol keep bytes that it owns", () => {
    const kept: Buffer[] = [];
    const protocol = Object.assign(new Protocol(), { dataReceived: (data: Buffer) => kept.push(data) });
    new StringTransport().connect(protocol as unknown as Protocol).receive("mine");
    expect(String(kept[0])).toBe("mine");
  });

  it("overwrites bytes that a borrowing protocol kept", () => {
    class Careless extends Protocol {
      static override readonly borrows = true;
      kept: Buffer | undefined;
      override dataReceived(data: Buffer): void {
        this.kept = data;
      }
    }
    const protocol = new Careless();
    new StringTransport().connect(protocol).receive("lent");
    expect(String(protocol.kept)).not.toBe("lent");
  });

  it("receives nothing before connect(), and nothing while it is paused", () => {
    const transport = new StringTransport();
    expect(() => transport.receive("x")).toThrow(/connect/);
    transport.connect(new Protocol());
    transport.pauseProducing();
    expect(() => transport.receive("x")).toThrow(/paused/);
    transport.resumeProducing();
    transport.receive("x");
  });

  it("calls connectionLost() once", () => {
    const protocol = new AccumulatingProtocol();
    const transport = new StringTransport().connect(protocol);
    transport.lose();
    expect(protocol.closedReason?.value).toBeInstanceOf(ConnectionDone);
    const reason = protocol.closedReason;
    transport.lose(new ConnectionLost());
    expect(protocol.closedReason).toBe(reason);
  });

  it("loses the connection with ConnectionAborted after abortConnection(), or with the given reason", () => {
    const cut = new AccumulatingProtocol();
    const transport = new StringTransport().connect(cut);
    transport.abortConnection();
    transport.lose();
    expect(cut.closedReason?.value).toBeInstanceOf(ConnectionAborted);
    const lost = new AccumulatingProtocol();
    new StringTransport().connect(lost).lose(new ConnectionLost());
    expect(lost.closedReason?.value).toBeInstanceOf(ConnectionLost);
  });

  it("calls readConnectionLost() for the peer's FIN, or loses the connection if there is no such method", () => {
    const calls: string[] = [];
    class Halves extends Protocol {
      readConnectionLost(): void {
        calls.push("read");
      }
      writeConnectionLost(): void {}
      override connectionLost(): void {
        calls.push("lost");
      }
    }
    new StringTransport().connect(new Halves()).receiveEnd();
    expect(calls).toEqual(["read"]);
    const protocol = new AccumulatingProtocol();
    new StringTransport().connect(protocol).receiveEnd();
    expect(protocol.closedReason?.value).toBeInstanceOf(ConnectionDone);
  });

  it("can be switched to another protocol", () => {
    const [first, second] = [new AccumulatingProtocol(), new AccumulatingProtocol()];
    const transport = new StringTransport().connect(first);
    transport.switchProtocol(second);
    transport.receive("x");
    transport.lose();
    expect([first.data.length, second.data.length, second.made]).toEqual([0, 1, 1]);
    expect([first.closedReason, second.closedReason?.value]).toEqual([null, expect.any(ConnectionDone)]);
    transport.switchProtocol(first);
    expect(first.made).toBe(1);
  });

  it("works with a line protocol", () => {
    class Upper extends LineOnlyReceiver {
      override lineReceived(line: Buffer): void {
        this.sendLine(line.toString().toUpperCase());
      }
    }
    const transport = new StringTransport().connect(new Upper());
    for (const byte of "one\r\ntwo\r\n") transport.receive(byte);
    expect(transport.take()).toBe("ONE\r\nTWO\r\n");
  });
});

describe("a producer on a StringTransport", () => {
  it("is recorded until it unregisters", () => {
    const transport = new StringTransport();
    const producer = pushProducer();
    transport.registerProducer(producer, true);
    expect([transport.producer, transport.streaming]).toEqual([producer, true]);
    transport.unregisterProducer();
    expect([transport.producer, transport.streaming]).toEqual([null, false]);
  });

  it("cannot be registered beside another", () => {
    const transport = new StringTransport();
    transport.registerProducer(pushProducer(), true);
    expect(() => transport.registerProducer(pushProducer(), false)).toThrow(/already/);
  });

  it("cannot be unregistered when there is none, unless the transport is lenient", () => {
    expect(() => new StringTransport().unregisterProducer()).toThrow(/No producer/);
    new StringTransport({ lenient: true }).unregisterProducer();
  });

  it("is paused and resumed by the test, and stopped by the loss", () => {
    const transport = new StringTransport();
    const producer = pushProducer();
    transport.registerProducer(producer, true);
    transport.congest();
    transport.drain();
    transport.lose();
    expect(producer.calls).toEqual(["pause", "resume", "stop"]);
  });

  it("may be a pull producer", () => {
    const transport = new StringTransport();
    const producer = new NonStreamingProducer(transport);
    transport.registerProducer(producer, false);
    producer.resumeProducing();
    producer.resumeProducing();
    producer.stopProducing();
    producer.resumeProducing();
    expect([transport.take(), producer.stopped, transport.producer]).toEqual(["01", true, null]);
  });
});

describe("a StringTransport as a producer", () => {
  it("has its state in `producerState`", () => {
    const transport = new StringTransport();
    expect(transport.producerState).toBe("producing");
    transport.pauseProducing();
    expect(transport.producerState).toBe("paused");
    transport.resumeProducing();
    expect(transport.producerState).toBe("producing");
    transport.stopProducing();
    expect([transport.producerState, transport.disconnecting]).toEqual(["stopped", true]);
  });

  it("cannot be paused or resumed after it was stopped or closed, unless it is lenient", () => {
    const stopped = new StringTransport();
    stopped.stopProducing();
    expect(() => stopped.resumeProducing()).toThrow(/stopped/);
    expect(() => stopped.pauseProducing()).toThrow(/stopped/);
    const closing = new StringTransport();
    closing.loseConnection();
    expect(() => closing.resumeProducing()).toThrow(/loseConnection/);
    const lenient = new StringTransport({ lenient: true });
    lenient.loseConnection();
    lenient.resumeProducing();
  });
});

describe("a StringTransportWithDisconnection", () => {
  it("loses its connection when it is closed", () => {
    const protocol = new AccumulatingProtocol();
    const transport = new StringTransportWithDisconnection().connect(protocol);
    transport.loseConnection();
    expect(protocol.closedReason?.value).toBeInstanceOf(ConnectionDone);
    transport.loseConnection();
  });

  it("loses its connection when it is aborted", () => {
    const protocol = new AccumulatingProtocol();
    const transport = new StringTransportWithDisconnection().connect(protocol);
    transport.abortConnection();
    expect(protocol.closedReason?.value).toBeInstanceOf(ConnectionAborted);
    transport.abortConnection();
  });
});

describe("an AccumulatingProtocol", () => {
  it("fires whenMade and whenLost", () => {
    const protocol = new AccumulatingProtocol();
    const told: unknown[] = [];
    protocol.whenMade.addCallback((made) => {
      told.push(made);
    });
    protocol.whenLost.addCallback(({ reason }: { reason: Failure }) => {
      told.push(reason.value);
    });
    new StringTransport().connect(protocol).lose();
    expect(told).toEqual([protocol, expect.any(ConnectionDone)]);
  });
});
