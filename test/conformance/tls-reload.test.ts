/** A port whose options of TLS are changed while it listens, and ticket keys that servers share and rotate. */
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { KeyPair } from "../../src/internet/tls/keypair.ts";
import type { ContextFactory } from "../../src/internet/tls/seam.ts";
import {
  authority,
  clientTLS,
  dialTLS,
  forEachTLSReactor,
  HOST,
  Secure,
  serverCertificate,
  serverTLS,
  serveTLS,
  VERSIONS,
} from "../helpers/secure.ts";

const renewed = authority.issue(HOST);

/** A connection on which something was said, so that tickets have come. */
async function connect(reactor: EngineReactor, port: number, next: () => Promise<Secure>, tls: ContextFactory) {
  const client = await dialTLS(reactor, port, new Secure(), tls);
  const server = await next();
  await Promise.all([client.secured.promise, server.secured.promise]);
  server.transport.write("hello");
  await client.arrived.reaches(5);
  return { client, server, reused: client.tls.isSessionReused(), shown: client.tls.getPeerCertificate()! };
}

async function hangUp(...pairs: readonly { client: Secure; server: Secure }[]) {
  for (const { client } of pairs) client.transport.loseConnection();
  await Promise.all(pairs.flatMap(({ client, server }) => [client.lost.promise, server.lost.promise]));
}

forEachTLSReactor((make) => {
  for (const version of VERSIONS) {
    const limits = { raiseMinimumTo: version, lowerMaximumSecurityTo: version } as const;

    test(`${version}: setContext(): new connections get the new certificate, and those that are there go on`, async () => {
      const reactor = make();
      const { port, next, listening } = serveTLS(reactor, () => new Secure(), serverTLS(limits));
      const before = await connect(reactor, port, next, clientTLS());
      expect(before.shown.equals(serverCertificate)).toBe(true);
      listening.setContext(serverTLS({ ...limits, certificate: renewed }));
      const after = await connect(reactor, port, next, clientTLS());
      expect(after.shown.equals(renewed)).toBe(true);
      before.client.transport.write("still");
      before.server.transport.write("there");
      await Promise.all([before.server.arrived.reaches(5), before.client.arrived.reaches(10)]);
      expect(before.client.tls.getPeerCertificate()!.equals(serverCertificate)).toBe(true);
      expect(before.server.tls.getHostCertificate()).toEqual(serverCertificate.dump());
      await hangUp(before, after);
    });

    test(`${version}: setContext(): a session of the certificate before is not resumed, one of the new is`, async () => {
      const reactor = make();
      const keys = { ...limits, ticketKeys: [randomBytes(80)] };
      const { port, next, listening } = serveTLS(reactor, () => new Secure(), serverTLS(keys));
      const tls = clientTLS();
      await hangUp(await connect(reactor, port, next, tls));
      listening.setContext(serverTLS({ ...keys, certificate: renewed }));
      const first = await connect(reactor, port, next, tls);
      expect(first.reused).toBe(false);
      expect(first.shown.equals(renewed)).toBe(true);
      await hangUp(first);
      const second = await connect(reactor, port, next, tls);
      expect(second.reused).toBe(true);
      await hangUp(second);
    });

    test(`${version}: ticket keys that are rotated: the key before still opens, and what it opened is sealed anew`, async () => {
      const reactor = make();
      const [old, now, later] = [randomBytes(80), randomBytes(80), randomBytes(80)];
      const { port, next, listening } = serveTLS(
        reactor,
        () => new Secure(),
        serverTLS({ ...limits, ticketKeys: [old] }),
      );
      const tls = clientTLS();
      await hangUp(await connect(reactor, port, next, tls));
      listening.setContext(serverTLS({ ...limits, ticketKeys: [now, old] }));
      const rotated = await connect(reactor, port, next, tls);
      await hangUp(rotated);
      listening.setContext(serverTLS({ ...limits, ticketKeys: [later] }));
      const other = clientTLS();
      const fresh = await connect(reactor, port, next, other);
      await hangUp(fresh);
      listening.setContext(serverTLS({ ...limits, ticketKeys: [now] }));
      const forgotten = await connect(reactor, port, next, other);
      await hangUp(forgotten);
      expect([rotated.reused, fresh.reused, forgotten.reused]).toEqual([true, false, false]);
    });
  }

  test("setContext() with what cannot be used throws, and changes nothing", async () => {
    const reactor = make();
    const { port, next, listening } = serveTLS(reactor, () => new Secure());
    const unfit = [
      [clientTLS(), { code: "ERR_TLS_OPTIONS" }],
      [serverTLS({ acceptableCiphers: "NO-SUCH-CIPHER" }), { code: "ERR_TLS_OPTIONS" }],
      [serverTLS({ groups: ["no-such-group"] }), { code: "ERR_TLS_OPTIONS" }],
      [undefined, { name: "TypeError" }],
      [{}, { name: "TypeError" }],
      [KeyPair.generate("ed25519"), { name: "TypeError" }],
    ] as const;
    for (const [options, error] of unfit) {
      expect(() => listening.setContext(options as ContextFactory)).toThrow(expect.objectContaining(error));
      const pair = await connect(reactor, port, next, clientTLS());
      expect(pair.shown.equals(serverCertificate)).toBe(true);
      await hangUp(pair);
    }
  });

  test("setContext() of a port that is closed counts when it listens again", async () => {
    const reactor = make();
    const { next, listening } = serveTLS(reactor, () => new Secure());
    await listening.stopListening();
    listening.setContext(serverTLS({ certificate: renewed }));
    listening.startListening();
    const pair = await connect(reactor, listening.getHost().port, next, clientTLS());
    expect(pair.shown.equals(renewed)).toBe(true);
    await hangUp(pair);
  });
});
