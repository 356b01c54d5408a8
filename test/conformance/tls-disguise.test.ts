/** A certificate with another one in one of its names, as PEM: to X509Certificate it would be that other one. */
import { X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { Certificate } from "../../src/internet/tls/certificate.ts";
import { DistinguishedName } from "../../src/internet/tls/dn.ts";
import { issue } from "../../src/internet/tls/issuing.ts";
import { KeyPair } from "../../src/internet/tls/keypair.ts";
import { encodePEM } from "../../src/internet/tls/pem.ts";
import {
  authority,
  clientTLS,
  dialTLS,
  forEachTLSReactor,
  HOST,
  Secure,
  serverTLS,
  serveTLS,
  TLSPeer,
} from "../helpers/secure.ts";

const victim = authority.issue(HOST, { subjectAltNames: [HOST, "URI:spiffe://example.org/admin"] });
const key = KeyPair.generate("ed25519");
/** Of the same authority, which lets whoever asks choose a name. */
const der = issue({
  seconds: 3600,
  subject: new DistinguishedName({ commonName: `\n${victim.dumpPEM()}` }),
  issuer: authority.certificate.getSubject(),
  subjectAltNames: ["evil.example"],
  publicKey: key.publicKey,
  signingKey: authority.certificate.privateKey.privateKey,
  issuerKey: authority.certificate.privateKey.publicKey,
});
const evil = { cert: encodePEM("CERTIFICATE", der), key: String(key.dump("PEM")) };

test("it is what it is here, and cannot be read", () => {
  expect(new X509Certificate(der).raw.equals(victim.x509.raw), "what Node makes of it").toBe(true);
  expect(() => new Certificate(der)).toThrow(/cannot be read/);
  expect(() => new Certificate(evil.cert)).toThrow(/cannot be read/);
});

forEachTLSReactor((make) => {
  test("a client with it is nobody else", async () => {
    const reactor = make();
    const { port, next } = serveTLS(reactor, () => new Secure(), serverTLS({ trustRoot: authority.certificate }));
    const peer = TLSPeer.begin(port, { tls: evil });
    const server = await next();
    await Promise.race([server.secured.promise, server.lost.promise]);
    const who = () => server.tls.getPeerCertificate()?.spiffeId ?? "nobody";
    if (server.losses > 0) expect(await server.lossError()).toMatchObject({ code: "ERR_TLS_CERT_INVALID" });
    else expect(who).toThrow(/cannot be read/);
    peer.raw.destroy();
    await server.lost.promise;
  });

  test("a server with it is not the host that the client wants", async () => {
    const reactor = make();
    const server = await TLSPeer.listen({ tls: { context: evil } });
    const client = await dialTLS(reactor, server.port, new Secure(), clientTLS());
    await Promise.race([client.secured.promise, client.lost.promise]);
    expect(client.calls).not.toContain("handshakeCompleted");
    expect(await client.lossError()).toMatchObject({
      code: expect.stringMatching(/^ERR_TLS_CERT_(INVALID|WRONG_NAME)$/),
    });
  });
});
