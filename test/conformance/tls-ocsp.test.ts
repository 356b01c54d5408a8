/** OCSP responses that a server staples: a good one is handed out, any other one refuses the server. */
import { expect, test } from "vitest";
import type { Certificate } from "../../src/internet/tls/certificate.ts";
import type { ClientTLSOptions } from "../../src/internet/tls/options.ts";
import { optionsForClientTLS } from "../../src/internet/tls/options.ts";
import { answerOCSP, responder, tlsFeature } from "../helpers/ocsp.ts";
import { certify, intermediate, rootAuthority } from "../helpers/pki.ts";
import { dialTLS, forEachTLSReactor, HOST, Secure, serverTLS, serveTLS, VERSIONS } from "../helpers/secure.ts";

const root = rootAuthority();
const issuer = intermediate(root);
const stranger = rootAuthority("Stranger");
const certificate = certify(issuer, [HOST]);
const mustStaple = certify(issuer, [HOST], { extensions: [tlsFeature(5)] });
const otherFeature = certify(issuer, [HOST], { extensions: [tlsFeature(17)] });
const other = certify(issuer, ["other.example"]);
const delegate = responder(issuer);
const servant = certify(issuer, [], { subject: { commonName: "Servant" }, uses: ["server"] });
const impostor = responder(stranger);
const ofRoot = responder(root);
const retired = responder(issuer, { seconds: -60, validFrom: new Date(Date.now() - 7_200_000) });

const DAY = 86_400;
const about = (answer = {}, subject: Certificate = certificate) => answerOCSP(subject, issuer, answer);
const good = about();

/** What a client that requests a response takes. */
const TAKEN: Readonly<Record<string, Buffer | undefined>> = {
  "the issuer's": good,
  "a delegated responder's": about({ signer: delegate }),
  "one that names the certificate by SHA-256": about({ digest: "sha256" }),
  "one of a clock that is 4 minutes ahead": about({ thisUpdate: 240 }),
  "one that ended 4 minutes ago": about({ thisUpdate: -DAY, nextUpdate: -240 }),
  "one of today without nextUpdate": about({ thisUpdate: 60 - DAY, nextUpdate: undefined }),
  none: undefined,
};

/** And what not: the response, the code, and a part of what is said. */
const REFUSED: Readonly<Record<string, readonly [Buffer, string, RegExp]>> = {
  revoked: [about({ status: "revoked" }), "ERR_TLS_CERT_REVOKED", /was revoked/],
  "revoked, says a delegated responder": [
    about({ status: "revoked", signer: delegate }),
    "ERR_TLS_CERT_REVOKED",
    /was revoked/,
  ],
  unknown: [about({ status: "unknown" }), "ERR_TLS_OCSP_UNKNOWN", /is unknown to its issuer's OCSP responder/],
  stale: [about({ thisUpdate: -DAY, nextUpdate: -360 }), "ERR_TLS_OCSP_STALE", /has expired/],
  "not valid yet": [about({ thisUpdate: 360 }), "ERR_TLS_OCSP_STALE", /not valid yet/],
  "of yesterday, without nextUpdate": [
    about({ thisUpdate: -DAY - 360, nextUpdate: undefined }),
    "ERR_TLS_OCSP_STALE",
    /has expired/,
  ],
  "with a wrong signature": [about({ forged: true }), "ERR_TLS_OCSP_WRONG_SIGNER", /somebody else/],
  "a stranger's": [about({ signer: stranger }), "ERR_TLS_OCSP_WRONG_SIGNER", /somebody else/],
  "a stranger's responder's": [about({ signer: impostor }), "ERR_TLS_OCSP_WRONG_SIGNER", /somebody else/],
  "a responder's without OCSPSigning": [about({ signer: servant }), "ERR_TLS_OCSP_WRONG_SIGNER", /OCSPSigning/],
  "of the root's responder": [about({ signer: ofRoot }), "ERR_TLS_OCSP_WRONG_SIGNER", /somebody else/],
  "a responder's whose certificate has expired": [
    about({ signer: retired }),
    "ERR_TLS_OCSP_WRONG_SIGNER",
    /somebody else/,
  ],
  "its own": [about({ signer: certificate }), "ERR_TLS_OCSP_WRONG_SIGNER", /somebody else/],
  "of another certificate": [about({}, other), "ERR_TLS_OCSP_WRONG_CERT", /another certificate/],
  "of another issuer's certificate": [answerOCSP(certificate, stranger), "ERR_TLS_OCSP_WRONG_SIGNER", /somebody else/],
  "an error of the responder's": [Buffer.from("30030a0103", "hex"), "ERR_TLS_OCSP_INVALID", /no answer/],
  "no DER": [Buffer.from("response"), "ERR_TLS_OCSP_INVALID", /cannot be read/],
  truncated: [good.subarray(0, -1), "ERR_TLS_OCSP_INVALID", /cannot be read/],
  "with something behind it": [Buffer.concat([good, Buffer.of(0)]), "ERR_TLS_OCSP_INVALID", /cannot be read/],
  "of another type": [
    Buffer.from(good.toString("latin1").replace("\x30\x01\x01", "\x30\x01\x02"), "latin1"),
    "ERR_TLS_OCSP_INVALID",
    /cannot be read/,
  ],
};

forEachTLSReactor((make) => {
  type Wants = ClientTLSOptions & { readonly lowerMaximumSecurityTo: (typeof VERSIONS)[number] };

  /** What becomes of the two ends, and what the client was given. */
  async function meet(wants: Wants, response: Buffer | undefined, shown = certificate) {
    const reactor = make();
    const stapling = response === undefined ? {} : { ocspResponse: response };
    const ofServer = serverTLS({ certificate: shown, extraCertChain: issuer, ...stapling });
    const { port, next, listening } = serveTLS(reactor, () => new Secure(), ofServer);
    const client = await dialTLS(reactor, port, new Secure(), optionsForClientTLS(HOST, { trustRoot: root, ...wants }));
    const server = await next();
    const lost = client.lossError();
    const failed = await Promise.race([client.secured.promise.then(() => undefined), lost]);
    const given = client.tls.getTLSInfo()?.ocspResponse;
    if (failed === undefined) client.transport.loseConnection();
    const [error] = await Promise.all([server.lossError(), lost, listening.stopListening()]);
    return { failed: failed as Error | undefined, given, server: error, calls: client.calls };
  }

  for (const lowerMaximumSecurityTo of VERSIONS) {
    const asks = { lowerMaximumSecurityTo, requestOCSP: true } as const;

    test(`${lowerMaximumSecurityTo}: a good response, or none, is taken and handed out`, async () => {
      for (const [name, response] of Object.entries(TAKEN)) {
        const { failed, given } = await meet(asks, response);
        expect({ name, failed, given }).toEqual({ name, failed: undefined, given: response ?? null });
      }
    });

    test(`${lowerMaximumSecurityTo}: whoever does not ask is given none, and takes a certificate that must have one`, async () => {
      for (const shown of [certificate, mustStaple]) {
        const { failed, given } = await meet({ lowerMaximumSecurityTo }, REFUSED.revoked![0], shown);
        expect({ failed, given }).toEqual({ failed: undefined, given: null });
      }
    });

    test(`${lowerMaximumSecurityTo}: any other response refuses the server, and says why`, async () => {
      for (const [name, [response, code, says]] of Object.entries(REFUSED)) {
        const { failed, server, calls } = await meet(asks, response);
        const alert = code === "ERR_TLS_CERT_REVOKED" ? "certificate_revoked" : "bad_certificate_status_response";
        expect(failed, name).toMatchObject({ code, alertSent: alert });
        expect(failed!.message, name).toMatch(says);
        expect(server, name).toMatchObject({ code: "ERR_TLS_ALERT", alertReceived: alert });
        expect(calls).toEqual(["connectionMade", "connectionLost"]);
      }
    });

    test(`${lowerMaximumSecurityTo}: none is refused by requireOCSP, and where the certificate must have one`, async () => {
      const alertSent = "bad_certificate_status_response";
      const required = await meet({ lowerMaximumSecurityTo, requireOCSP: true }, undefined);
      expect(required.failed).toMatchObject({ code: "ERR_TLS_OCSP_MISSING", alertSent });
      expect(required.failed!.message).toMatch(/requireOCSP/);
      expect((await meet({ lowerMaximumSecurityTo, requireOCSP: true }, good)).given).toEqual(good);
      const must = await meet(asks, undefined, mustStaple);
      expect(must.failed).toMatchObject({ code: "ERR_TLS_OCSP_MISSING", alertSent });
      expect(must.failed!.message).toMatch(/must staple/);
      expect((await meet(asks, about({}, mustStaple), mustStaple)).failed).toBe(undefined);
      expect((await meet(asks, undefined, otherFeature)).failed).toBe(undefined);
    });

    test(`${lowerMaximumSecurityTo}: a session is resumed without a response: it was verified when the session was made`, async () => {
      const reactor = make();
      const ofServer = serverTLS({ certificate, extraCertChain: issuer, ocspResponse: good });
      const { port, next } = serveTLS(reactor, () => new Secure(), ofServer);
      const tls = optionsForClientTLS(HOST, { trustRoot: root, lowerMaximumSecurityTo, requireOCSP: true });
      for (const resumed of [false, true]) {
        const client = await dialTLS(reactor, port, new Secure(), tls);
        const server = await next();
        await Promise.all([client.secured.promise, server.secured.promise]);
        server.transport.write("hello");
        await client.arrived.reaches(5);
        expect(client.tls.getTLSInfo()).toMatchObject({ resumed, ocspResponse: resumed ? null : good });
        client.transport.loseConnection();
        await Promise.all([client.lost.promise, server.lost.promise]);
      }
    });

    test(`${lowerMaximumSecurityTo}: a client that verifies nothing is given what comes`, async () => {
      const [revoked] = REFUSED.revoked!;
      const { failed, given } = await meet({ ...asks, dangerouslyVerifyNothing: true }, revoked);
      expect({ failed, given }).toEqual({ failed: undefined, given: revoked });
    });
  }
});
