/** startTLS(): a connection that begins in plaintext and turns to TLS in its middle. */
import { expect, test } from "vitest";
import { LineReceiver } from "../../src/entries/protocols/basic.ts";
import { ConnectionDone, PlaintextBeforeTLS } from "../../src/internet/error.ts";
import type { Failure } from "../../src/internet/failure.ts";
import type { TLSTransport } from "../../src/internet/interfaces.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { Gate, turns } from "../helpers/gate.ts";
import { Peer, PeerServer } from "../helpers/peer.ts";
import { dial, serve } from "../helpers/recorder.ts";
import { clientTLS, forEachTLSReactor, HOST, Secure, SecureHalf, serverTLS, TLSPeer } from "../helpers/secure.ts";

const MIB = 1024 * 1024;

/** A server that turns to TLS when it is told so. */
class Turning extends Secure {
  readonly before: string[] = [];
  tlsOptions = serverTLS();
  override onData = (data: Buffer) => {
    if (!String(data).startsWith("STARTTLS")) return;
    this.transport.write("go\n");
    this.tls.startTLS(this.tlsOptions);
    this.transport.write("secret");
  };
}

/** A client that asks for TLS. */
class Asking extends Secure {
  override onMade = () => this.transport.write("STARTTLS\n");
  override onData = (data: Buffer) => {
    if (String(data) === "go\n") this.tls.startTLS(clientTLS());
  };
}

/** A protocol of lines that turns to TLS. */
class LineTurning extends LineReceiver {
  readonly lines: string[] = [];
  readonly lost = new Gate<unknown>();
  secured = 0;

  override delimiter = "\n";

  override lineReceived(line: Buffer): void {
    this.lines.push(String(line));
    if (String(line) !== "STARTTLS") return;
    this.sendLine("go");
    (this.transport as TLSTransport).startTLS(serverTLS());
  }

  handshakeCompleted(): void {
    this.secured++;
  }

  override connectionLost({ value }: Failure): void {
    this.lost.open(value);
  }
}

forEachTLSReactor((make) => {
  async function turned(reactor: EngineReactor, client: Secure, server: Secure): Promise<void> {
    const { port } = serve(reactor, () => server);
    await dial(reactor, port, client);
    await Promise.all([client.secured.promise, server.secured.promise]);
  }

  test("both our ends: plaintext before, TLS behind, and the protocols stay", async () => {
    const [client, server] = [new Asking(), new Turning()];
    await turned(make(), client, server);
    await client.arrived.reaches(9);
    client.transport.write("answer");
    await server.arrived.reaches(15);
    expect([client.text, server.text]).toEqual(["go\nsecret", "STARTTLS\nanswer"]);
    for (const { calls } of [client, server]) {
      expect(calls).toEqual(["connectionMade", "dataReceived", "handshakeCompleted", "dataReceived"]);
    }
    expect(client.tls.getTLSInfo()).toMatchObject({ serverName: HOST });
    client.transport.loseConnection();
    expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
    expect(await client.lossError()).toBeInstanceOf(ConnectionDone);
  });

  test("with a client of node:tls", async () => {
    const { port, next } = serve(make(), () => new Turning());
    const plain = await Peer.connect(port);
    plain.write("STARTTLS\n");
    expect(await plain.take(3)).toBe("go\n");
    plain.socket.removeAllListeners("data");
    const peer = TLSPeer.over(plain.socket);
    await peer.secured;
    expect(await peer.take(6)).toBe("secret");
    peer.end("hello");
    const server = await next();
    expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
    expect(server.text).toBe("STARTTLS\nhello");
  });

  test("with a server of node:tls", async () => {
    const server = await PeerServer.listen();
    const client = await dial(make(), server.port, new Asking());
    const plain = await server.accepted();
    expect(await plain.take(9)).toBe("STARTTLS\n");
    plain.socket.removeAllListeners("data");
    const peer = TLSPeer.serve(plain.socket);
    plain.write("go\n");
    await peer.secured;
    peer.write("secret");
    await client.arrived.reaches(9);
    expect(client.text).toBe("go\nsecret");
    client.transport.loseConnection();
    await peer.ended;
    expect(await client.lossError()).toBeInstanceOf(ConnectionDone);
  });

  test("8 MiB that were written before are plaintext, and what is written at once behind is not", async () => {
    const server = new Secure();
    server.onData = () => {
      for (let at = 0; at < 8 * MIB; at += MIB) server.transport.write(flow(MIB, at));
      server.tls.startTLS(serverTLS());
      server.transport.write("secret");
    };
    const { port } = serve(make(), () => server);
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { check });
    peer.write("STARTTLS");
    await peer.arrived.reaches(8 * MIB);
    await turns(20);
    expect([check.at, check.firstWrong]).toEqual([8 * MIB, -1]);
    peer.socket.removeAllListeners("data");
    const secured = TLSPeer.over(peer.socket);
    await secured.secured;
    expect(await secured.take(6)).toBe("secret");
    secured.end();
    await server.lost.promise;
  });

  test("together with switchProtocol(): the next protocol is told of the handshake, and gets what comes over TLS", async () => {
    const reactor = make();
    for (const first of ["startTLS", "switchProtocol"] as const) {
      const next = new Secure();
      const server = new Secure();
      server.onData = () => {
        server.transport.write("go\n");
        const { tls } = server;
        if (first === "startTLS") tls.startTLS(serverTLS());
        tls.switchProtocol(next);
        if (first === "switchProtocol") tls.startTLS(serverTLS());
      };
      const client = new Asking();
      const { port } = serve(reactor, () => server);
      await dial(reactor, port, client);
      await client.secured.promise;
      client.transport.write("hello");
      await next.arrived.reaches(5);
      expect(next.text).toBe("hello");
      expect(next.calls).toEqual(["connectionMade", "handshakeCompleted", "dataReceived"]);
      expect(server.calls).toEqual(["connectionMade", "dataReceived"]);
      client.transport.loseConnection();
      await next.lost.promise;
    }
  });

  test("in connectionMade(), from either side", async () => {
    const client = new Secure();
    client.onMade = () => client.tls.startTLS(clientTLS());
    const server = new Secure();
    server.onMade = () => server.tls.startTLS(serverTLS());
    await turned(make(), client, server);
    client.transport.loseConnection();
    expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
    expect(server.calls).toEqual(["connectionMade", "handshakeCompleted", "connectionLost"]);
  });

  test("whoever has connected may be the server of TLS", async () => {
    const client = new Secure();
    client.onMade = () => client.tls.startTLS(serverTLS(), { server: true });
    const server = new Secure();
    server.onMade = () => server.tls.startTLS(clientTLS(), { server: false });
    await turned(make(), client, server);
    server.transport.write("hello");
    await client.arrived.reaches(5);
    client.transport.loseConnection();
    await server.lost.promise;
  });

  test("in connectionMade() TLS gets what has come with the connection", async () => {
    const reactor = make({ run: false });
    const server = new Secure();
    server.onMade = () => server.tls.startTLS(serverTLS());
    const { port } = serve(reactor, () => server);
    const peer = TLSPeer.begin(port);
    // The ClientHello waits in the kernel.
    await turns(20);
    const ended = reactor.run({ installSignalHandlers: false });
    await peer.secured;
    peer.write("hello");
    await server.arrived.reaches(5);
    expect(server.text).toBe("hello");
    peer.end();
    expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
    reactor.stop();
    await ended;
  });

  for (const [when, code, inject] of [
    ["in the same segment", "ERR_TLS_PLAINTEXT_BEFORE", (peer: Peer) => peer.write("STARTTLS\nMAIL FROM:<evil>\n")],
    [
      "in the next segment",
      "ERR_TLS_NOT_TLS",
      async (peer: Peer) => {
        peer.write("STARTTLS\n");
        await peer.take(3);
        peer.write("MAIL FROM:<evil>\n");
      },
    ],
  ] as const) {
    test(`plaintext behind the line that asks for TLS is refused, ${when}`, async () => {
      const { port, next } = serve(make(), () => new LineTurning());
      const peer = await Peer.connect(port);
      await inject(peer);
      const server = await next();
      expect(await server.lost.promise).toMatchObject({ code });
      expect([server.lines, server.secured]).toEqual([["STARTTLS"], 0]);
    });
  }

  test("plaintext that came while the connection was paused is refused", async () => {
    const { port, next } = serve(make(), () => new Secure());
    const peer = await Peer.connect(port);
    const server = await next();
    await server.made.promise;
    server.onData = () => server.transport.pauseProducing();
    peer.write("STARTTLS\n");
    await server.arrived.reaches(9);
    peer.write("MAIL FROM:<evil>\n");
    await turns(10);
    server.tls.startTLS(serverTLS());
    server.transport.resumeProducing();
    const error = await server.lossError();
    if (!(error instanceof PlaintextBeforeTLS)) expect(error).toMatchObject({ code: "ERR_TLS_NOT_TLS" });
    expect(server.text).toBe("STARTTLS\n");
    expect(server.calls).not.toContain("handshakeCompleted");
  });

  test("a second startTLS() is an Error, and one after the close or the loss does nothing", async () => {
    const [client, server] = [new Asking(), new Turning()];
    const reactor = make();
    await turned(reactor, client, server);
    expect(() => server.tls.startTLS(serverTLS())).toThrow("has TLS already");
    const { tls } = server;
    client.transport.loseConnection();
    await server.lost.promise;
    tls.startTLS(serverTLS());
    const { port, next } = serve(reactor, () => new Secure());
    const peer = await Peer.connect(port);
    const plain = await next();
    await plain.made.promise;
    plain.transport.write("bye");
    plain.transport.loseConnection();
    plain.tls.startTLS(serverTLS());
    expect(await peer.rest()).toBe("bye");
    await plain.lost.promise;
  });

  test("startTLS() behind loseWriteConnection() is an Error: what comes would be plaintext", async () => {
    const { port, next } = serve(make(), () => new SecureHalf());
    const peer = await Peer.connect(port);
    const server = await next();
    await server.made.promise;
    server.tls.loseWriteConnection();
    expect(() => server.tls.startTLS(serverTLS())).toThrow("behind loseWriteConnection()");
    await peer.close();
    await server.lost.promise;
  });

  test("what are no options is refused before anything changes", async () => {
    const { port, next } = serve(make(), () => new Secure());
    const peer = await Peer.connect(port);
    const server = await next();
    await server.made.promise;
    expect(() => server.tls.startTLS({} as never)).toThrow(TypeError);
    expect(() => server.tls.startTLS(clientTLS())).toThrow("needs a private key");
    server.transport.write("plain");
    expect(await peer.take(5)).toBe("plain");
  });

  test("with its peer silent it ends at the handshake timeout", async () => {
    const server = new Turning();
    server.tlsOptions = serverTLS({ handshakeTimeout: 0.2 });
    const { port } = serve(make(), () => server);
    const peer = await Peer.connect(port);
    peer.write("STARTTLS\n");
    expect(await server.lossError()).toMatchObject({ code: "ERR_TLS_HANDSHAKE_TIMEOUT" });
  });
});
