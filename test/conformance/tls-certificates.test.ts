/** Certificates of both sides: who shows one, who checks it, and what comes of one that is not in order. */
import { expect, test } from "vitest";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { Certificate } from "../../src/internet/tls/certificate.ts";
import type { PrivateCertificate } from "../../src/internet/tls/keypair.ts";
import type { CertificateOptionsInit } from "../../src/internet/tls/options.ts";
import type { ContextFactory } from "../../src/internet/tls/seam.ts";
import {
  Authority,
  authority,
  clientCertificate,
  clientTLS,
  dialTLS,
  forEachTLSReactor,
  pairTLS,
  pemOf,
  Secure,
  serverCertificate,
  serverTLS,
  serveTLS,
  TLSPeer,
  VERSIONS,
} from "../helpers/secure.ts";

const stranger = new Authority("Another authority");
const strange = stranger.issue("ada", { uses: ["client"] });
const expired = authority.issue("old", { seconds: -200 });
const ADA = "spiffe://example.org/ada";

/** What became of a handshake at both ends. */
async function outcomes(reactor: EngineReactor, ofClient: ContextFactory, ofServer: ContextFactory) {
  const { port, next, listening } = serveTLS(reactor, () => new Secure(), ofServer);
  const client = await dialTLS(reactor, port, new Secure(), ofClient);
  const server = await next();
  const [clientError, serverError] = await Promise.all([client.lossError(), server.lossError()]);
  await listening.stopListening();
  expect([client.losses, server.losses]).toEqual([1, 1]);
  return { client, server, clientError, serverError };
}

forEachTLSReactor((make) => {
  for (const version of VERSIONS) {
    const limits = { raiseMinimumTo: version, lowerMaximumSecurityTo: version } as const;
    const only = { minVersion: version, maxVersion: version } as const;
    const requires: CertificateOptionsInit = { ...limits, trustRoot: authority.certificate };
    const requests: CertificateOptionsInit = { ...requires, clientCertificate: "request" };

    test(`${version}: mutual: each side has the other's certificate, and knows its identity`, async () => {
      const [client, server] = await pairTLS(make(), new Secure(), new Secure(), {
        ofClient: clientTLS({ clientCertificate }),
        ofServer: serverTLS(requires),
      });
      expect(client.tls.getPeerCertificateChain()[0]).toEqual(serverCertificate.dump());
      const [own] = server.tls.getPeerCertificateChain();
      expect(own).toEqual(clientCertificate.dump());
      expect(new Certificate(own!).spiffeId).toBe(ADA);
      client.transport.loseConnection();
      await server.lost.promise;
    });

    test(`${version}: mutual with node:tls at either end`, async () => {
      const reactor = make();
      const { port, next } = serveTLS(reactor, () => new Secure(), serverTLS(requires));
      await TLSPeer.secure(port, { tls: pemOf(clientCertificate) });
      const protocol = await next();
      await protocol.secured.promise;
      expect(protocol.tls.getPeerCertificateChain()[0]).toEqual(clientCertificate.dump());
      const tls = { requestCert: true, rejectUnauthorized: true, context: only };
      const server = await TLSPeer.listen({ tls });
      const client = await dialTLS(reactor, server.port, new Secure(), clientTLS({ clientCertificate }));
      const peer = await server.accepted();
      await Promise.all([client.secured.promise, peer.secured]);
      expect(peer.tls.getPeerCertificate().subject.CN).toBe("ada");
    });

    test(`${version}: a server that asks for none sees none`, async () => {
      const [client, server] = await pairTLS(make(), new Secure(), new Secure(), {
        ofClient: clientTLS({ clientCertificate }),
        ofServer: serverTLS(limits),
      });
      expect(server.tls.getPeerCertificateChain()).toEqual([]);
      client.transport.loseConnection();
      await server.lost.promise;
    });

    test(`${version}: a server that requests one takes clients without, and checks one that is shown`, async () => {
      const reactor = make();
      for (const [options, chain] of [
        [{}, []],
        [{ clientCertificate }, [clientCertificate.dump()]],
      ] as const) {
        const [client, server] = await pairTLS(reactor, new Secure(), new Secure(), {
          ofClient: clientTLS(options),
          ofServer: serverTLS(requests),
        });
        expect(server.tls.getPeerCertificateChain().slice(0, 1)).toEqual(chain);
        client.transport.loseConnection();
        await server.lost.promise;
      }
      const { serverError } = await outcomes(reactor, clientTLS({ clientCertificate: strange }), serverTLS(requests));
      expect(serverError).toMatchObject({ code: "ERR_TLS_CERT_UNKNOWN_ISSUER", alertSent: "unknown_ca" });
    });

    test(`${version}: a server that requires one refuses a client without, which hears of it`, async () => {
      const { client, server, clientError, serverError } = await outcomes(make(), clientTLS(), serverTLS(requires));
      const alert = version === "TLSv1.3" ? "certificate_required" : "handshake_failure";
      expect(serverError).toMatchObject({ code: "ERR_TLS_NO_CLIENT_CERT", alertSent: alert });
      expect(clientError).toMatchObject({ code: "ERR_TLS_ALERT", alertReceived: alert });
      expect(server.calls).toEqual(["connectionMade", "connectionLost"]);
      // In TLS 1.3 the client is done before the server has looked at what it was sent.
      expect(client.calls.filter((call) => call !== "handshakeCompleted")).toEqual(server.calls);
    });

    for (const [what, certificate, code, alert] of [
      ["of a stranger's", strange, "ERR_TLS_CERT_UNKNOWN_ISSUER", "unknown_ca"],
      ["that has expired", expired, "ERR_TLS_CERT_EXPIRED", "certificate_expired"],
      [
        "for servers only",
        authority.issue("s", { uses: ["server"] }),
        "ERR_TLS_CERT_WRONG_PURPOSE",
        "unsupported_certificate",
      ],
    ] as const satisfies readonly (readonly [string, PrivateCertificate, string, string])[]) {
      test(`${version}: a client's certificate ${what} is refused by its own code and alert`, async () => {
        const { clientError, serverError } = await outcomes(
          make(),
          clientTLS({ clientCertificate: certificate }),
          serverTLS(requires),
        );
        expect(serverError).toMatchObject({ code, alertSent: alert });
        expect(clientError).toMatchObject({ code: "ERR_TLS_ALERT", alertReceived: alert });
      });
    }

    for (const [what, certificate, code, alert] of [
      ["of a stranger's", stranger.issue("localhost"), "ERR_TLS_CERT_UNKNOWN_ISSUER", "unknown_ca"],
      [
        "that has expired",
        authority.issue("localhost", { seconds: -200 }),
        "ERR_TLS_CERT_EXPIRED",
        "certificate_expired",
      ],
      ["for another name", authority.issue("other.example"), "ERR_TLS_CERT_WRONG_NAME", "bad_certificate"],
      [
        "for clients only",
        authority.issue("localhost", { uses: ["client"] }),
        "ERR_TLS_CERT_WRONG_PURPOSE",
        "unsupported_certificate",
      ],
    ] as const satisfies readonly (readonly [string, PrivateCertificate, string, string])[]) {
      test(`${version}: a server's certificate ${what} is refused by its own code and alert`, async () => {
        const { client, server, clientError, serverError } = await outcomes(
          make(),
          clientTLS(),
          serverTLS({ ...limits, certificate }),
        );
        expect(clientError).toMatchObject({ code, alertSent: alert });
        expect(serverError).toMatchObject({ code: "ERR_TLS_ALERT", alertReceived: alert });
        expect([client.calls, server.calls]).toEqual(Array(2).fill(["connectionMade", "connectionLost"]));
      });
    }

    test(`${version}: a client that verifies nothing takes any certificate`, async () => {
      const [client, server] = await pairTLS(make(), new Secure(), new Secure(), {
        ofClient: clientTLS({ dangerouslyVerifyNothing: true }, "other.example"),
        ofServer: serverTLS({ ...limits, certificate: stranger.issue("nobody") }),
      });
      client.transport.loseConnection();
      await server.lost.promise;
    });
  }
});
