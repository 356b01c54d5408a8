/** Sessions that are resumed: each once, and never where what was asked for then differs from what is asked for now. */
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import type { CertificateOptions } from "../../src/internet/tls/options.ts";
import type { ContextFactory } from "../../src/internet/tls/seam.ts";
import {
  Authority,
  authority,
  clientCertificate,
  clientTLS,
  dialTLS,
  forEachTLSReactor,
  Secure,
  serverTLS,
  serveTLS,
  TLSPeer,
  VERSIONS,
} from "../helpers/secure.ts";

/** A connection that says something both ways, so that the tickets have come. Whether it was resumed, at both ends. */
async function connection(reactor: EngineReactor, port: number, ofClient: ContextFactory, next: () => Promise<Secure>) {
  const client = await dialTLS(reactor, port, new Secure(), ofClient);
  const server = await next();
  await Promise.all([client.secured.promise, server.secured.promise]);
  server.transport.write("hello");
  await client.arrived.reaches(5);
  const resumed = [client.tls.getTLSInfo()?.resumed, server.tls.getTLSInfo()?.resumed];
  const chain = server.tls.getPeerCertificateChain();
  client.transport.loseConnection();
  await Promise.all([client.lost.promise, server.lost.promise]);
  expect(resumed[0], "both ends agree").toBe(resumed[1]);
  return { resumed: resumed[0], chain };
}

const KEYS = [randomBytes(80)];
const sni = authority.issue("other.example", { subjectAltNames: ["localhost", "other.example"] });

forEachTLSReactor((make) => {
  /** Whether the second connection is resumed when its server is another one. */
  async function crosses(first: CertificateOptions, second: CertificateOptions, ofClient: ContextFactory) {
    const reactor = make();
    const [one, two] = [serveTLS(reactor, () => new Secure(), first), serveTLS(reactor, () => new Secure(), second)];
    await connection(reactor, one.port, ofClient, one.next);
    return (await connection(reactor, two.port, ofClient, two.next)).resumed;
  }

  for (const version of VERSIONS) {
    const limits = { raiseMinimumTo: version, lowerMaximumSecurityTo: version } as const;
    const only = { minVersion: version, maxVersion: version } as const;
    const shared = { ...limits, ticketKeys: KEYS };

    test(`${version}: the same options resume, and each ticket is used once`, async () => {
      const reactor = make();
      const { port, next } = serveTLS(reactor, () => new Secure(), serverTLS(limits));
      const ofClient = clientTLS();
      const resumed: unknown[] = [];
      for (let i = 0; i < 4; i++) resumed.push((await connection(reactor, port, ofClient, next)).resumed);
      expect(resumed).toEqual([false, true, true, true]);
    });

    test(`${version}: a ticket that one connection has taken is no other's`, async () => {
      const reactor = make();
      const { port, next } = serveTLS(reactor, () => new Secure(), serverTLS(limits));
      const ofClient = clientTLS();
      await connection(reactor, port, ofClient, next);
      // So many at a time that some find none left: in TLS 1.3 a server gives two, in 1.2 one.
      const clients = Array.from({ length: 3 }, () => new Secure());
      await Promise.all(clients.map((client) => dialTLS(reactor, port, client, ofClient)));
      await Promise.all(clients.map(({ secured }) => secured.promise));
      const resumed = clients.map(({ tls }) => tls.getTLSInfo()?.resumed);
      expect(resumed.filter(Boolean)).toHaveLength(version === "TLSv1.3" ? 2 : 1);
      for (const client of clients) client.transport.loseConnection();
      await Promise.all(clients.map(({ lost }) => lost.promise));
    });

    test(`${version}: a client of node:tls resumes, and a server of node:tls is resumed`, async () => {
      const reactor = make();
      const { port, next } = serveTLS(reactor, () => new Secure());
      const first = TLSPeer.begin(port, { tls: only });
      const session = new Promise<Buffer>((resolve) => first.tls.once("session", resolve));
      await first.secured;
      (await next()).transport.write("hello");
      await first.take(5);
      const kept = await session;
      first.end();
      const second = await TLSPeer.secure(port, { tls: { ...only, session: kept } });
      expect(second.tls.isSessionReused()).toBe(true);
      const context = { ...only, ticketKeys: randomBytes(48) };
      const server = await TLSPeer.listen({ tls: { context } });
      const ofClient = clientTLS();
      const resumed: unknown[] = [];
      for (let i = 0; i < 2; i++) {
        const client = await dialTLS(reactor, server.port, new Secure(), ofClient);
        const peer = await server.accepted();
        await peer.secured;
        peer.write("hello");
        await client.arrived.reaches(5);
        resumed.push(client.tls.getTLSInfo()?.resumed);
        client.transport.loseConnection();
        await client.lost.promise;
      }
      // createSecureContext() of each connection has the same keys.
      expect(resumed).toEqual([false, true]);
    });

    test(`${version}: servers with the same ticket keys and options resume each other's sessions`, async () => {
      expect(await crosses(serverTLS(shared), serverTLS(shared), clientTLS())).toBe(true);
    });

    test(`${version}: no session is resumed by other options of a client, or by a server with keys of its own`, async () => {
      const reactor = make();
      const { port, next } = serveTLS(reactor, () => new Secure(), serverTLS(limits));
      await connection(reactor, port, clientTLS(), next);
      expect((await connection(reactor, port, clientTLS(), next)).resumed).toBe(false);
      const ofClient = clientTLS();
      await connection(reactor, port, ofClient, next);
      const other = serveTLS(reactor, () => new Secure(), serverTLS(limits));
      expect((await connection(reactor, other.port, ofClient, other.next)).resumed).toBe(false);
    });

    test(`${version}: no session is resumed by a server with other roots, though it has the same ticket keys`, async () => {
      const other = new Authority("Another authority").certificate;
      const asks = { ...shared, clientCertificate: "request" } as const;
      const first = serverTLS({ ...asks, trustRoot: authority.certificate });
      const second = serverTLS({ ...asks, trustRoot: other });
      expect(await crosses(first, second, clientTLS())).toBe(false);
    });

    test(`${version}: no session that was made without a client's certificate passes by a server that requires one`, async () => {
      const reactor = make();
      const asks = { ...shared, trustRoot: authority.certificate } as const;
      const lenient = serveTLS(reactor, () => new Secure(), serverTLS({ ...asks, clientCertificate: "request" }));
      const strict = serveTLS(reactor, () => new Secure(), serverTLS(asks));
      const ofClient = clientTLS();
      await connection(reactor, lenient.port, ofClient, lenient.next);
      const client = await dialTLS(reactor, strict.port, new Secure(), ofClient);
      const server = await strict.next();
      expect(await server.lossError()).toMatchObject({ code: "ERR_TLS_NO_CLIENT_CERT" });
      await client.lost.promise;
      expect(server.calls).not.toContain("handshakeCompleted");
    });

    test(`${version}: no session is resumed under another certificate of the same server`, async () => {
      expect(await crosses(serverTLS(shared), serverTLS({ ...shared, certificate: sni }), clientTLS())).toBe(false);
    });

    test(`${version}: no session is resumed for another virtual host, by a map or by a function`, async () => {
      const reactor = make();
      const other = serverTLS({ ...shared, certificate: sni });
      for (const ofServer of [
        serverTLS({ ...shared, serverNames: { "other.example": other } }),
        serverTLS({
          ...shared,
          onClient: ({ serverName }) => (serverName === "other.example" ? { options: other } : {}),
        }),
      ]) {
        const { port, next } = serveTLS(reactor, () => new Secure(), ofServer);
        const first = TLSPeer.begin(port, { tls: only });
        const session = new Promise<Buffer>((resolve) => first.tls.once("session", resolve));
        await first.secured;
        (await next()).transport.write("hello");
        await first.take(5);
        const kept = await session;
        first.end();
        const asOther = { ...only, session: kept, servername: "other.example" };
        const second = await TLSPeer.secure(port, { tls: asOther });
        expect(second.tls.isSessionReused()).toBe(false);
        expect(second.tls.getPeerCertificate().subject.CN).toBe("other.example");
        const third = await TLSPeer.secure(port, { tls: { ...only, session: kept } });
        expect(third.tls.isSessionReused()).toBe(true);
      }
    });

    test(`${version}: a session that is resumed knows the client's certificate`, async () => {
      const reactor = make();
      const ofServer = serverTLS({ ...limits, trustRoot: authority.certificate });
      const { port, next } = serveTLS(reactor, () => new Secure(), ofServer);
      const ofClient = clientTLS({ clientCertificate });
      await connection(reactor, port, ofClient, next);
      const { resumed, chain } = await connection(reactor, port, ofClient, next);
      expect(resumed).toBe(true);
      expect(chain[0]).toEqual(clientCertificate.dump());
    });

    test(`${version}: without tickets at either side nothing is resumed`, async () => {
      const reactor = make();
      for (const [ofServer, ofClient] of [
        [serverTLS({ ...limits, sessionTickets: false }), clientTLS()],
        [serverTLS(limits), clientTLS({ sessionTickets: false })],
      ] as const) {
        const { port, next } = serveTLS(reactor, () => new Secure(), ofServer);
        await connection(reactor, port, ofClient, next);
        expect((await connection(reactor, port, ofClient, next)).resumed).toBe(false);
      }
    });
  }
});
