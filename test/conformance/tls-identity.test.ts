/** Who the peer is, and what was agreed: by the transport, by `Certificate`, and by the lists of open connections. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { TLSTransport } from "../../src/internet/interfaces.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { Certificate } from "../../src/internet/tls/certificate.ts";
import { WrappingFactory } from "../../src/protocols/policies/wrapper.ts";
import { Client, pair } from "../helpers/recorder.ts";
import {
  authority,
  clientCertificate,
  clientTLS,
  dialTLS,
  forEachTLSReactor,
  HOST,
  pairTLS,
  Secure,
  serverCertificate,
  serverTLS,
  serveTLS,
  VERSIONS,
} from "../helpers/secure.ts";
import { loopback } from "../helpers/world.ts";

const ADA = "spiffe://example.org/ada";

forEachTLSReactor((make) => {
  for (const version of VERSIONS) {
    const requires = {
      raiseMinimumTo: version,
      lowerMaximumSecurityTo: version,
      trustRoot: authority.certificate,
    } as const;

    test(`${version}: each side knows who the other is, and what was agreed`, async () => {
      const [client, server] = await pairTLS(make(), new Secure(), new Secure(), {
        ofClient: clientTLS({ clientCertificate }),
        ofServer: serverTLS(requires),
      });
      const [ofServer, ofClient] = [client.tls.getPeerCertificate()!, server.tls.getPeerCertificate()!];
      expect(ofServer.subjectAltNames).toEqual([`DNS:${HOST}`, "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1"]);
      expect([ofServer.spiffeId, ofClient.spiffeId]).toEqual([undefined, ADA]);
      expect(ofClient.getSubject().commonName).toBe("ada");
      const hash = createHash("sha256").update(clientCertificate.dump()).digest("hex");
      expect(ofClient.digest().replaceAll(":", "").toLowerCase()).toBe(hash);
      expect(client.tls.getCipher()).toEqual(server.tls.getCipher());
      const { name, standardName, bits, version: spoken } = client.tls.getCipher()!;
      expect(spoken).toBe(version);
      expect(standardName).toMatch(/^TLS_/);
      expect(name.length).toBeGreaterThan(0);
      expect(bits).toBeGreaterThanOrEqual(128);
      expect([client.tls.isSessionReused(), server.tls.isSessionReused()]).toEqual([false, false]);
      expect(Certificate.peerFromTransport(client.transport).equals(serverCertificate)).toBe(true);
      expect(Certificate.hostFromTransport(client.transport).equals(clientCertificate)).toBe(true);
      expect(Certificate.peerFromTransport(server.transport).equals(clientCertificate)).toBe(true);
      expect(Certificate.hostFromTransport(server.transport).equals(serverCertificate)).toBe(true);
      client.transport.loseConnection();
      await server.lost.promise;
    });

    test(`${version}: a session that is resumed says so, and knows who the peer is`, async () => {
      const reactor = make();
      const { port, next } = serveTLS(reactor, () => new Secure(), serverTLS(requires));
      const options = clientTLS({ clientCertificate });
      const reused: boolean[][] = [];
      for (let i = 0; i < 2; i++) {
        const client = await dialTLS(reactor, port, new Secure(), options);
        const server = await next();
        await Promise.all([client.secured.promise, server.secured.promise]);
        server.transport.write("hello");
        await client.arrived.reaches(5);
        reused.push([client.tls.isSessionReused(), server.tls.isSessionReused()]);
        expect(server.tls.getPeerCertificate()?.spiffeId).toBe(ADA);
        expect(client.tls.getPeerCertificate()?.equals(serverCertificate)).toBe(true);
        client.transport.loseConnection();
        await server.lost.promise;
      }
      expect(reused).toEqual([
        [false, false],
        [true, true],
      ]);
    });
  }

  test("a peer that has shown no certificate is nobody; so is everybody before the handshake, and after the loss", async () => {
    const reactor = make();
    const nobody = ({ tls }: Secure) => [tls.getPeerCertificate(), tls.getCipher(), tls.isSessionReused()];
    const before: unknown[] = [];
    const asking = () => {
      const protocol = new Secure();
      protocol.onMade = () => before.push(nobody(protocol));
      return protocol;
    };
    const { port, next } = serveTLS(reactor, asking);
    const client = await dialTLS(reactor, port, asking());
    const server = await next();
    await server.made.promise;
    expect(before).toEqual(Array(2).fill([null, null, false]));
    await Promise.all([client.secured.promise, server.secured.promise]);
    expect(server.tls.getPeerCertificate()).toBe(null);
    const noCertificate = { code: "ERR_TLS_NO_CERTIFICATE" };
    expect(() => Certificate.peerFromTransport(server.transport)).toThrow(expect.objectContaining(noCertificate));
    expect(() => Certificate.hostFromTransport(client.transport)).toThrow(expect.objectContaining(noCertificate));
    client.transport.loseConnection();
    await Promise.all([client.lost.promise, server.lost.promise]);
    expect([nobody(server), nobody(client)]).toEqual(Array(2).fill([null, null, false]));
    for (const read of [Certificate.peerFromTransport, Certificate.hostFromTransport]) {
      expect(() => read(client.transport)).toThrow(expect.objectContaining(noCertificate));
    }
  });

  test("a transport without TLS has none of it, and a wrapper has what its transport has", async () => {
    const reactor = make();
    const [plain, far] = await pair(reactor, new Secure(), new Secure());
    expect([plain.tls.getPeerCertificate(), plain.tls.getCipher(), plain.tls.isSessionReused()]).toEqual([
      null,
      null,
      false,
    ]);
    plain.transport.loseConnection();
    await far.lost.promise;
    const inner = new Secure();
    const { port, next } = serveTLS(reactor, () => new Secure(), serverTLS({ trustRoot: authority.certificate }));
    const wrapping = new WrappingFactory(new Client(() => inner));
    reactor.connectSSL(loopback(), port, wrapping, clientTLS({ clientCertificate }));
    await inner.secured.promise;
    expect(inner.tls.getPeerCertificate()!.equals(serverCertificate)).toBe(true);
    expect(inner.tls.getCipher()).toMatchObject({ version: "TLSv1.3" });
    expect(inner.tls.isSessionReused()).toBe(false);
    inner.transport.loseConnection();
    await (await next()).lost.promise;
  });

  test("connections() tells who is there, and each can be closed while the others are looked at", async () => {
    const reactor = make();
    const mutual = serveTLS(reactor, () => new Secure(), serverTLS({ trustRoot: authority.certificate }));
    const other = serveTLS(reactor, () => new Secure());
    const eve = authority.issue("eve", { subjectAltNames: ["URI:spiffe://example.org/eve"], uses: ["client"] });
    const clients: Secure[] = [];
    const servers: Secure[] = [];
    for (const certificate of [clientCertificate, eve]) {
      clients.push(await dialTLS(reactor, mutual.port, new Secure(), clientTLS({ clientCertificate: certificate })));
      servers.push(await mutual.next());
    }
    clients.push(await dialTLS(reactor, other.port, new Secure()));
    servers.push(await other.next());
    await Promise.all([...clients, ...servers].map(({ secured }) => secured.promise));

    const all = (connections: Iterable<unknown>) => new Set([...connections] as TLSTransport[]);
    expect(all(mutual.listening.connections())).toEqual(new Set([servers[0]!.transport, servers[1]!.transport]));
    expect(all(other.listening.connections())).toEqual(new Set([servers[2]!.transport]));
    expect(all(reactor.connections())).toEqual(new Set([...clients, ...servers].map(({ transport }) => transport)));
    const identities = [...all(mutual.listening.connections())].map((one) => one.getPeerCertificate()?.spiffeId);
    expect(identities.sort()).toEqual([ADA, "spiffe://example.org/eve"]);
    const addresses = [...all(mutual.listening.connections())].map((one) => one.getPeer().toString());
    expect(addresses.sort()).toEqual(
      clients
        .slice(0, 2)
        .map(({ transport }) => transport.getHost().toString())
        .sort(),
    );

    for (const one of mutual.listening.connections()) {
      if ((one as TLSTransport).getPeerCertificate()?.spiffeId !== ADA) one.abortConnection();
    }
    await Promise.all([clients[1]!.lost.promise, servers[1]!.lost.promise]);
    expect(all(mutual.listening.connections())).toEqual(new Set([servers[0]!.transport]));
    await mutual.listening.stopListening();
    expect(all(mutual.listening.connections()), "it may be closed").toEqual(new Set([servers[0]!.transport]));
    for (const { transport } of clients) transport.loseConnection();
    await Promise.all([...clients, ...servers].map(({ lost }) => lost.promise));
    expect([...reactor.connections()]).toEqual([]);
  });
});

test("peerFromTransport() and hostFromTransport() refuse what is no transport of a connection", () => {
  for (const read of [Certificate.peerFromTransport, Certificate.hostFromTransport]) {
    for (const wrong of [undefined, null, {}, new Protocol()]) {
      expect(() => read(wrong as never)).toThrow(/needs the transport of a connection\.$/);
    }
  }
});
