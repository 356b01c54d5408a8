/** Peers that speak no TLS, or break its rules: each is told as what it is, and ends alone. */
import { expect, test } from "vitest";
import { turns } from "../helpers/gate.ts";
import { Peer, PeerServer } from "../helpers/peer.ts";
import {
  clientTLS,
  dialTLS,
  forEachTLSReactor,
  pairTLS,
  Secure,
  serverTLS,
  serveTLS,
  TLSPeer,
  Way,
} from "../helpers/secure.ts";

forEachTLSReactor((make) => {
  for (const [what, bytes, says] of [
    ["HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP without TLS"],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2 without TLS"],
    ["SSH", "SSH-2.0-OpenSSH_9.2\r\n", "SSH"],
    ["SMTP", "EHLO example.org\r\n", "plain SMTP or FTP"],
    ["a PROXY header", "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", "a PROXY header"],
    ["SSL 2", Buffer.concat([Buffer.from([0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10]), Buffer.alloc(37)]), "SSL 2"],
    ["something else", "what is this?", "no TLS"],
    ["nothing but zeros", Buffer.alloc(64), "no TLS"],
  ] as const) {
    test(`${what} on a port for TLS is ERR_TLS_NOT_TLS, which says so, and nothing of it is delivered`, async () => {
      const { port, next } = serveTLS(make(), () => new Secure());
      const peer = await Peer.connect(port);
      peer.write(bytes);
      const server = await next();
      const error = (await server.lossError()) as Error;
      expect(error).toMatchObject({ code: "ERR_TLS_NOT_TLS" });
      expect(error.message).toContain(says);
      expect(server.calls).toEqual(["connectionMade", "connectionLost"]);
      await peer.ended;
    });
  }

  test("an answer that is no TLS is ERR_TLS_NOT_TLS at the client", async () => {
    const reactor = make();
    for (const [bytes, says] of [
      ["HTTP/1.1 400 Bad Request\r\n\r\n", "an answer of HTTP"],
      ["SSH-2.0-OpenSSH_9.2\r\n", "SSH"],
      ["220 mail.example.org ESMTP\r\n", "plain SMTP or FTP"],
    ] as const) {
      const server = await PeerServer.listen();
      const client = await dialTLS(reactor, server.port, new Secure());
      (await server.accepted()).write(bytes);
      const error = (await client.lossError()) as Error;
      expect(error).toMatchObject({ code: "ERR_TLS_NOT_TLS" });
      expect(error.message).toContain(says);
      expect(client.calls).toEqual(["connectionMade", "connectionLost"]);
    }
  });

  test("renegotiation is refused, which the client is told, and no second handshake is done", async () => {
    const { port, next } = serveTLS(make(), () => new Secure());
    const peer = await TLSPeer.secure(port, { tls: { maxVersion: "TLSv1.2" } });
    const server = await next();
    await server.secured.promise;
    const refused = await new Promise<unknown>((resolve) => {
      peer.tls.renegotiate({}, resolve);
      peer.tls.once("error", resolve);
    });
    expect(refused).toMatchObject({ code: "ERR_SSL_NO_RENEGOTIATION" });
    // The client gives up.
    expect(await server.lossError()).toMatchObject({ code: "ERR_TLS_ALERT", alertReceived: "handshake_failure" });
    expect(server.calls.filter((call) => call === "handshakeCompleted")).toHaveLength(1);
  });

  test("a version that is too old is refused, with protocol_version, at either end", async () => {
    const reactor = make();
    const { port, next } = serveTLS(reactor, () => new Secure(), serverTLS({ raiseMinimumTo: "TLSv1.3" }));
    const client = await dialTLS(reactor, port, new Secure(), clientTLS({ lowerMaximumSecurityTo: "TLSv1.2" }));
    const server = await next();
    expect(await server.lossError()).toMatchObject({ code: "ERR_TLS_OLD_VERSION", alertSent: "protocol_version" });
    expect(await client.lossError()).toMatchObject({ alertReceived: "protocol_version" });
    const old = await TLSPeer.listen({ tls: { context: { maxVersion: "TLSv1.2" } } });
    const strict = await dialTLS(reactor, old.port, new Secure(), clientTLS({ raiseMinimumTo: "TLSv1.3" }));
    await strict.lost.promise;
    expect(strict.calls).toEqual(["connectionMade", "connectionLost"]);
  });

  test("no list of ciphers makes a client believe a server without a certificate, or sends plaintext", async () => {
    const reactor = make();
    for (const without of ["aNULL", "eNULL", "aNULL:eNULL"]) {
      const lax = { securityLevel: 0, lowerMaximumSecurityTo: "TLSv1.2", acceptableCiphers: without } as const;
      const refused = expect.objectContaining({ code: "ERR_TLS_OPTIONS" });
      expect(() => serveTLS(reactor, () => new Secure(), serverTLS(lax))).toThrow(refused);
      const some = { ...lax, acceptableCiphers: `${without}:ECDHE-ECDSA-AES128-GCM-SHA256` };
      const { port } = serveTLS(reactor, () => new Secure(), serverTLS(some));
      const client = await dialTLS(reactor, port, new Secure(), clientTLS(some));
      await client.secured.promise;
      expect(client.tls.getCipher()?.name).toBe("ECDHE-ECDSA-AES128-GCM-SHA256");
      expect(client.tls.getPeerCertificate()).not.toBe(null);
      client.transport.loseConnection();
      await client.lost.promise;
    }
  });

  for (const [what, change] of [
    ["altered", (data: Buffer) => Buffer.from(data.map((byte, i) => (i === data.length - 1 ? byte ^ 1 : byte)))],
    ["repeated", (data: Buffer) => Buffer.concat([data, data])],
    ["of a length that no record has", () => Buffer.from([23, 3, 3, 0xff, 0xff, 0])],
    ["of plaintext", () => Buffer.from("hello\r\n")],
  ] as const) {
    test(`a record that is ${what} on its way ends the connection, and its bytes are not delivered`, async () => {
      const { port, next } = serveTLS(make(), () => new Secure());
      const way = await Way.to(port);
      const peer = TLSPeer.begin(way.port);
      let changing = false;
      await way.next((data, onward) => (onward && changing ? change(data) : data));
      await peer.secured;
      const server = await next();
      await server.secured.promise;
      changing = true;
      peer.write("hello");
      expect(await server.lossError()).toMatchObject({ code: expect.stringMatching(/^ERR_TLS_/) as unknown });
      expect(server.text).toBe(what === "repeated" ? "hello" : "");
      expect(server.losses).toBe(1);
    });
  }

  test("what breaks one connection leaves its neighbours alone", async () => {
    const reactor = make();
    const [client, server] = await pairTLS(reactor, new Secure(), new Secure());
    const { port, next } = serveTLS(reactor, () => new Secure());
    for (let i = 0; i < 20; i++) {
      const peer = await Peer.connect(port);
      peer.write(Buffer.concat([Buffer.from([22, 3, 1, 0, 5]), Buffer.alloc(i), Buffer.alloc(5, 255)]));
      await (await next()).lost.promise;
    }
    client.transport.write("still here");
    await server.arrived.reaches(10);
    await turns(1);
    client.transport.loseConnection();
    await server.lost.promise;
  });
});
