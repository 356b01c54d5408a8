/** The handshake: both ways with node:tls, and between our own ends. */
import { expect, test } from "vitest";
import { ConnectionDone } from "../../src/internet/error.ts";
import { turns } from "../helpers/gate.ts";
import { Peer, PeerServer } from "../helpers/peer.ts";
import { FAMILIES } from "../helpers/reactors.ts";
import {
  clientTLS,
  dialTLS,
  forEachTLSReactor,
  HOST,
  pairTLS,
  Secure,
  serverCertificate,
  serverTLS,
  serveTLS,
  TLSPeer,
  VERSIONS,
  Way,
} from "../helpers/secure.ts";

class SecureEcho extends Secure {
  override dataReceived(data: Buffer): void {
    super.dataReceived(data);
    this.transport.write(data);
  }
}

const EXPORTED = "EXPORTER-Channel-Binding";

forEachTLSReactor((make) => {
  // SSL_OP_NO_EXTENDED_MASTER_SECRET
  const withoutExtension = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2", secureOptions: 1 } as const;
  const refusal = expect.objectContaining({ code: "ERR_TLS_NO_EXTENDED_MASTER_SECRET" });

  test("TLSv1.2: a server exports no keying material when its client has no extended master secret", async () => {
    const { port, next } = serveTLS(make(), () => new Secure());
    await TLSPeer.secure(port, { tls: withoutExtension });
    const protocol = await next();
    await protocol.secured.promise;
    expect(() => protocol.tls.exportKeyingMaterial(32, EXPORTED)).toThrow(refusal);
  });

  test("TLSv1.2: a client exports no keying material when its server has no extended master secret", async () => {
    const server = await TLSPeer.listen({ tls: { context: withoutExtension } });
    const protocol = await dialTLS(make(), server.port, new Secure());
    await protocol.secured.promise;
    expect(() => protocol.tls.exportKeyingMaterial(32, EXPORTED)).toThrow(refusal);
  });

  for (const version of VERSIONS) {
    const only = { minVersion: version, maxVersion: version } as const;
    const limits = { raiseMinimumTo: version, lowerMaximumSecurityTo: version } as const;

    test(`${version}: a server echoes to a client of node:tls`, async () => {
      const { port, next } = serveTLS(make(), () => new SecureEcho());
      const peer = await TLSPeer.secure(port, { tls: only });
      const protocol = await next();
      peer.write("hello");
      expect(await peer.take(5)).toBe("hello");
      expect(peer.tls.authorized).toBe(true);
      expect(peer.tls.getProtocol()).toBe(version);
      expect(protocol.tls.getTLSInfo()).toMatchObject({ version, serverName: HOST, resumed: false });
      peer.end();
      expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
      expect(protocol.calls).toEqual(["connectionMade", "handshakeCompleted", "dataReceived", "connectionLost"]);
    });

    test(`${version}: a client talks to a server of node:tls`, async () => {
      const server = await TLSPeer.listen({ tls: { context: only } });
      const protocol = await dialTLS(make(), server.port, new Secure());
      const peer = await server.accepted();
      protocol.transport.write("hello");
      expect(await peer.take(5)).toBe("hello");
      peer.write("world");
      await protocol.arrived.reaches(5);
      expect(protocol.text).toBe("world");
      expect(protocol.tls.getTLSInfo()).toMatchObject({ version, serverName: HOST });
      protocol.transport.loseConnection();
      await peer.ended;
      expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
      expect(protocol.calls).toEqual(["connectionMade", "handshakeCompleted", "dataReceived", "connectionLost"]);
    });

    test(`${version}: two of our own ends talk, and agree on what was agreed`, async () => {
      const [client, server] = await pairTLS(make(), new Secure(), new SecureEcho(), { ofServer: serverTLS(limits) });
      client.transport.write("hello");
      await client.arrived.reaches(5);
      expect([client.text, server.text]).toEqual(["hello", "hello"]);
      expect(client.tls.getTLSInfo()).toEqual(server.tls.getTLSInfo());
      expect(client.tls.getTLSInfo()).toMatchObject({ version, protocol: null, resumed: false, serverName: HOST });
      expect(client.tls.getPeerCertificateChain()).toEqual([serverCertificate.dump()]);
      expect(server.tls.getPeerCertificateChain()).toEqual([]);
      client.transport.loseConnection();
      expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
      expect(await client.lossError()).toBeInstanceOf(ConnectionDone);
    });

    test(`${version}: exported keying material is the same at both ends, and differs by label and context`, async () => {
      const [client, server] = await pairTLS(make(), new Secure(), new Secure(), { ofServer: serverTLS(limits) });
      const keys = (context?: Buffer, label = EXPORTED) => client.tls.exportKeyingMaterial(32, label, context);
      const own = keys();
      expect(own).toHaveLength(32);
      expect(server.tls.exportKeyingMaterial(32, EXPORTED)).toEqual(own);
      expect(server.tls.exportKeyingMaterial(32, EXPORTED, Buffer.from("c"))).toEqual(keys(Buffer.from("c")));
      expect(keys(Buffer.from("c"))).not.toEqual(own);
      expect(keys(undefined, "EXPERIMENTAL other")).not.toEqual(own);
      client.transport.loseConnection();
      await server.lost.promise;
    });

    test(`${version}: exported keying material is that of node:tls`, async () => {
      const { port, next } = serveTLS(make(), () => new Secure());
      const peer = await TLSPeer.secure(port, { tls: only });
      const protocol = await next();
      await protocol.secured.promise;
      expect(protocol.tls.exportKeyingMaterial(48, EXPORTED, Buffer.from("context"))).toEqual(
        peer.tls.exportKeyingMaterial(48, EXPORTED, Buffer.from("context")),
      );
    });

    test(`${version}: what is written before the handshake arrives behind it, in order`, async () => {
      const server = new Secure();
      server.onMade = () => {
        server.transport.write("one ");
        server.transport.write("two ");
        server.onSecured = () => server.transport.write("three");
      };
      const client = new Secure();
      client.onMade = () => {
        client.transport.writeSequence(["a", "b"]);
        client.onSecured = () => client.transport.write("c");
      };
      await pairTLS(make(), client, server, { ofServer: serverTLS(limits) });
      await Promise.all([client.arrived.reaches(13), server.arrived.reaches(3)]);
      expect([client.text, server.text]).toEqual(["one two three", "abc"]);
      for (const { calls } of [client, server]) {
        expect(calls).toEqual(["connectionMade", "handshakeCompleted", "dataReceived"]);
      }
      client.transport.abortConnection();
      await server.lost.promise;
    });

    test(`${version}: a close before the handshake waits for it, and sends what was written`, async () => {
      const client = new Secure();
      client.onMade = () => {
        client.transport.write("the last words");
        client.transport.loseConnection();
      };
      const reactor = make();
      const { port, next } = serveTLS(reactor, () => new Secure(), serverTLS(limits));
      await dialTLS(reactor, port, client);
      const server = await next();
      expect(await client.lossError()).toBeInstanceOf(ConnectionDone);
      expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
      expect(server.text).toBe("the last words");
    });

    test(`${version}: a ClientHello that comes byte by byte is one`, async () => {
      const { port, next } = serveTLS(make(), () => new SecureEcho());
      const way = await Way.to(port);
      const connecting = TLSPeer.begin(way.port, { tls: only });
      const { far } = await way.next((data, onward) => {
        if (!onward) return data;
        for (const byte of data) far.write(Buffer.of(byte));
        return Buffer.alloc(0);
      });
      await connecting.secured;
      connecting.write("hello");
      expect(await connecting.take(5)).toBe("hello");
      expect((await next()).calls.slice(0, 2)).toEqual(["connectionMade", "handshakeCompleted"]);
    });
  }

  test("handshakeCompleted() comes once, and before the first dataReceived() that came with it", async () => {
    const server = new Secure();
    server.onMade = () => server.transport.write("greeting");
    const client = new Secure();
    await pairTLS(make(), client, server);
    await client.arrived.reaches(8);
    client.transport.write("thanks");
    await server.arrived.reaches(6);
    await turns(5);
    for (const { calls } of [client, server]) {
      expect(calls).toEqual(["connectionMade", "handshakeCompleted", "dataReceived"]);
    }
    client.transport.loseConnection();
    await server.lost.promise;
  });

  test("what was agreed is read once, is each connection's own, and is forgotten with its loss", async () => {
    const ofServer = serverTLS({ acceptableProtocols: ["one"] });
    const { port, next, listening } = serveTLS(make(), () => new Secure(), ofServer);
    const known: [Secure, unknown][] = [];
    for (const protocol of ["one", "two"]) {
      const peer = await TLSPeer.secure(port, { tls: { ALPNProtocols: [protocol] } });
      const server = await next();
      await server.secured.promise;
      const info = server.tls.getTLSInfo();
      expect(info).toMatchObject({ protocol, resumed: false });
      expect(server.tls.getTLSInfo()).toBe(info);
      expect(Object.isFrozen(info)).toBe(true);
      expect(server.tls.getCipher()).toMatchObject({ name: peer.tls.getCipher().name });
      known.push([server, info]);
      listening.setContext(serverTLS({ acceptableProtocols: ["two"] }));
    }
    for (const [server, info] of known) {
      expect(server.tls.getTLSInfo()).toBe(info);
      const { tls } = server;
      server.transport.loseConnection();
      await server.lost.promise;
      expect([tls.getTLSInfo(), tls.getCipher(), tls.negotiatedProtocol, tls.isSessionReused()]).toEqual([
        null,
        null,
        null,
        false,
      ]);
    }
  });

  test("before the handshake, and after the loss, nothing is known of the peer", async () => {
    const client = new Secure();
    const known = () => {
      const { tls } = client;
      return [
        tls.getTLSInfo(),
        tls.negotiatedProtocol,
        tls.getPeerCertificateChain(),
        tls.exportKeyingMaterial(32, EXPORTED),
      ];
    };
    let before: unknown[] = [];
    client.onMade = () => {
      before = known();
    };
    const [, server] = await pairTLS(make(), client, new Secure());
    expect(before).toEqual([null, null, [], null]);
    const { transport } = client;
    client.transport.loseConnection();
    await Promise.all([client.lost.promise, server.lost.promise]);
    client.transport = transport;
    expect(known()).toEqual([null, null, [], null]);
  });

  test("ALPN: the server's order decides", async () => {
    const [client, server] = await pairTLS(make(), new Secure(), new Secure(), {
      ofClient: clientTLS({ acceptableProtocols: ["http/1.1", "h2", "x"] }),
      ofServer: serverTLS({ acceptableProtocols: ["y", "h2", "http/1.1"] }),
    });
    expect([client.tls.negotiatedProtocol, server.tls.negotiatedProtocol]).toEqual(["h2", "h2"]);
    client.transport.loseConnection();
    await server.lost.promise;
  });

  test("ALPN: with node:tls at either end", async () => {
    const reactor = make();
    const { port, next } = serveTLS(
      reactor,
      () => new Secure(),
      serverTLS({ acceptableProtocols: ["h2", "http/1.1"] }),
    );
    const peer = await TLSPeer.secure(port, { tls: { ALPNProtocols: ["http/1.1"] } });
    expect(peer.tls.alpnProtocol).toBe("http/1.1");
    const protocol = await next();
    await protocol.secured.promise;
    expect(protocol.tls.negotiatedProtocol).toBe("http/1.1");
    const server = await TLSPeer.listen({ tls: { ALPNProtocols: ["b", "a"] } });
    const client = await dialTLS(reactor, server.port, new Secure(), clientTLS({ acceptableProtocols: ["a", "b"] }));
    const accepted = await server.accepted();
    await Promise.all([client.secured.promise, accepted.secured]);
    expect([client.tls.negotiatedProtocol, accepted.tls.alpnProtocol]).toEqual(["b", "b"]);
  });

  test("ALPN: without a protocol in common the handshake fails, with no_application_protocol", async () => {
    const reactor = make();
    const client = new Secure();
    const { port, next } = serveTLS(reactor, () => new Secure(), serverTLS({ acceptableProtocols: ["h2"] }));
    await dialTLS(reactor, port, client, clientTLS({ acceptableProtocols: ["smtp"] }));
    const server = await next();
    expect(await client.lossError()).toMatchObject({
      code: "ERR_TLS_ALERT",
      alertReceived: "no_application_protocol",
    });
    expect(await server.lossError()).toMatchObject({
      code: "ERR_TLS_NO_COMMON_PROTOCOL",
      alertSent: "no_application_protocol",
    });
    expect([client.calls, server.calls]).toEqual(Array(2).fill(["connectionMade", "connectionLost"]));
  });

  test("ALPN: a side that offers none agrees on none", async () => {
    const reactor = make();
    for (const [ofClient, ofServer] of [
      [clientTLS({ acceptableProtocols: ["h2"] }), serverTLS()],
      [clientTLS(), serverTLS({ acceptableProtocols: ["h2"] })],
    ] as const) {
      const [client, server] = await pairTLS(reactor, new Secure(), new Secure(), { ofClient, ofServer });
      expect([client.tls.negotiatedProtocol, server.tls.negotiatedProtocol]).toEqual([null, null]);
      client.transport.loseConnection();
      await server.lost.promise;
    }
  });

  test("a client that sends nothing is lost at the timeout, and one that dribbles its hello is, too", async () => {
    const { port, next } = serveTLS(make(), () => new Secure(), serverTLS({ handshakeTimeout: 0.3 }));
    const silent = await Peer.connect(port);
    const protocol = await next();
    expect(await protocol.lossError()).toMatchObject({ code: "ERR_TLS_HANDSHAKE_TIMEOUT" });
    await silent.closed;
    const dribbling = await Peer.connect(port);
    const other = await next();
    // The beginning of a record of 200 bytes, which does not end.
    dribbling.write(Buffer.from([22, 3, 1, 0, 200, 1, 0, 0, 196]));
    for (let i = 0; i < 100 && other.losses === 0; i++) {
      dribbling.write(Buffer.of(0));
      await turns(1);
    }
    expect(await other.lossError()).toMatchObject({ code: "ERR_TLS_HANDSHAKE_TIMEOUT" });
    expect([protocol.calls, other.calls]).toEqual(Array(2).fill(["connectionMade", "connectionLost"]));
  });

  test("a server that does not answer is lost at the client's timeout", async () => {
    const server = await PeerServer.listen();
    const client = await dialTLS(make(), server.port, new Secure(), clientTLS({ handshakeTimeout: 0.3 }));
    const peer = await server.accepted();
    expect(await client.lossError()).toMatchObject({ code: "ERR_TLS_HANDSHAKE_TIMEOUT" });
    expect(peer.arrived.count).toBeGreaterThan(100);
    expect(client.calls).toEqual(["connectionMade", "connectionLost"]);
  });

  test("a handshake that was done in time is not late", async () => {
    const ofServer = serverTLS({ handshakeTimeout: 0.5 });
    const reactor = make();
    const [client, server] = await pairTLS(reactor, new Secure(), new SecureEcho(), {
      ofServer,
      ofClient: clientTLS({ handshakeTimeout: 0.5 }),
    });
    expect(reactor.getDelayedCalls()).toEqual([]);
    client.transport.write("still here");
    await client.arrived.reaches(10);
    client.transport.loseConnection();
    await server.lost.promise;
  });
}, FAMILIES);
