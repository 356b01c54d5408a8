/** Why connections over TLS are refused: a code for each reason, what to do, the alert, and what the peer is told. */
import { expect, it } from "vitest";
import { TLSError } from "../../src/internet/tls/errors.ts";
import { KeyPair, type PrivateCertificate } from "../../src/internet/tls/keypair.ts";
import {
  CertificateOptions,
  type CertificateOptionsInit,
  type ClientTLSOptions,
  optionsForClientTLS,
} from "../../src/internet/tls/options.ts";
import { testReactor } from "../helpers/interop.ts";
import { collectLog } from "../helpers/log.ts";
import {
  certify,
  intermediate,
  nameConstraints,
  revocationList,
  rootAuthority,
  withSHA1,
  withWrongSignature,
} from "../helpers/pki.ts";
import { dialTLS, SecureRecorder, serveTLS } from "../helpers/tls.ts";

const reactor = testReactor();
const log = collectLog();

const root = rootAuthority();
const other = rootAuthority("Other");
const weak = { key: KeyPair.generate("rsa", 1024) };
const weakRoot = rootAuthority("Weak", weak);
const good = certify(root, ["localhost"]);
const goodRSA = certify(root, ["localhost"], { key: KeyPair.generate("rsa") });
const ofClient = certify(root, ["email:ada@example.com"], { uses: ["client"] });

const EXPIRED = { seconds: -60 };
const EARLY = { validFrom: new Date(Date.now() + 3_600_000), seconds: 7200 };

/** A chain of `certificate` and an authority between it and the root. */
function below(between: PrivateCertificate, names = ["localhost"]): CertificateOptionsInit {
  return { certificate: certify(between, names), extraCertChain: between };
}

interface Case {
  readonly what: string;
  readonly server?: CertificateOptionsInit;
  readonly client?: ClientTLSOptions;
  /** The host that the client wants. */
  readonly name?: string;
  /** Both versions, unless it is about one. */
  readonly versions?: readonly ("TLSv1.2" | "TLSv1.3")[];
  readonly code: string;
  readonly alert: string | Readonly<Record<string, string>>;
  /** What the sentence has. */
  readonly says: RegExp;
}

/** The client refuses the server. */
const OF_SERVERS: readonly Case[] = [
  {
    what: "expired",
    server: { certificate: certify(root, ["localhost"], EXPIRED) },
    code: "ERR_TLS_CERT_EXPIRED",
    alert: "certificate_expired",
    says: /server has expired: renew it/,
  },
  {
    what: "under an authority that has expired",
    server: below(intermediate(root, EXPIRED)),
    code: "ERR_TLS_CERT_EXPIRED",
    alert: "certificate_expired",
    says: /server has expired: renew it/,
  },
  {
    what: "not yet valid",
    server: { certificate: certify(root, ["localhost"], EARLY) },
    code: "ERR_TLS_CERT_NOT_YET_VALID",
    alert: "bad_certificate",
    says: /not valid yet: check the clocks/,
  },
  {
    what: "self-signed",
    server: { certificate: other.privateKey.selfSignedCert({}, { subjectAltNames: ["localhost"] }) },
    code: "ERR_TLS_CERT_SELF_SIGNED",
    alert: "unknown_ca",
    says: /self-signed.*trust that certificate/,
  },
  {
    what: "of another root, which it sends",
    server: below(other),
    code: "ERR_TLS_CERT_SELF_SIGNED",
    alert: "unknown_ca",
    says: /or its root is.*trust that certificate/,
  },
  {
    what: "of an unknown issuer",
    server: { certificate: certify(other, ["localhost"]) },
    code: "ERR_TLS_CERT_UNKNOWN_ISSUER",
    alert: "unknown_ca",
    says: /not trusted here: trust that authority/,
  },
  {
    what: "without its intermediate authority",
    server: { certificate: certify(intermediate(root), ["localhost"]) },
    code: "ERR_TLS_CERT_UNKNOWN_ISSUER",
    alert: "unknown_ca",
    says: /send the intermediate certificates/,
  },
  {
    what: "for another name",
    name: "example.com",
    code: "ERR_TLS_CERT_WRONG_NAME",
    alert: "bad_certificate",
    says: /is for another name than example\.com: connect by a name that it has/,
  },
  {
    what: "for no address",
    name: "127.0.0.1",
    code: "ERR_TLS_CERT_WRONG_NAME",
    alert: "bad_certificate",
    says: /is for another name than 127\.0\.0\.1: connect by a name that it has/,
  },
  {
    what: "for another purpose",
    server: { certificate: certify(root, ["localhost"], { uses: ["client"] }) },
    code: "ERR_TLS_CERT_WRONG_PURPOSE",
    alert: "unsupported_certificate",
    says: /a server needs serverAuth/,
  },
  {
    what: "of what is no authority",
    server: below(good),
    code: "ERR_TLS_CERT_NO_AUTHORITY",
    alert: "unknown_ca",
    says: /may not issue others: it needs CA/,
  },
  {
    what: "of an authority for other names",
    server: below(intermediate(root, { extensions: [nameConstraints(["example.com"])] })),
    code: "ERR_TLS_CERT_NAME_CONSTRAINTS",
    alert: "certificate_unknown",
    says: /authority may not certify.*have another authority issue it/,
  },
  {
    what: "with a wrong signature",
    server: { certificate: withWrongSignature(certify(root, ["localhost"])) },
    code: "ERR_TLS_CERT_BAD_SIGNATURE",
    alert: "decrypt_error",
    says: /wrong signature: it was changed/,
  },
  {
    what: "that was revoked",
    client: { crls: revocationList(root, [good]) },
    code: "ERR_TLS_CERT_REVOKED",
    alert: "certificate_revoked",
    says: /was revoked.*must not be used/,
  },
  {
    what: "without a list of its authority's revoked ones",
    client: { crls: revocationList(other) },
    code: "ERR_TLS_CERT_NO_CRL",
    alert: "unknown_ca",
    says: /no current list.*\(crls\)/,
  },
  {
    what: "with an old list",
    client: { crls: revocationList(root, [], -60) },
    code: "ERR_TLS_CERT_NO_CRL",
    alert: "certificate_expired",
    says: /no current list.*\(crls\)/,
  },
  {
    what: "with a weak key",
    server: { certificate: certify(root, ["localhost"], weak), securityLevel: 0 },
    code: "ERR_TLS_CERT_WEAK_KEY",
    alert: "bad_certificate",
    says: /too weak: make one with at least 2,048 bits/,
  },
  {
    what: "of an authority with a weak key",
    server: { certificate: certify(weakRoot, ["localhost"]), securityLevel: 0 },
    client: { trustRoot: weakRoot },
    code: "ERR_TLS_CERT_WEAK_KEY",
    alert: "bad_certificate",
    says: /too weak: make one with at least 2,048 bits/,
  },
  {
    what: "signed with SHA-1",
    server: { certificate: withSHA1(good, root), securityLevel: 0 },
    code: "ERR_TLS_CERT_WEAK_SIGNATURE",
    alert: "bad_certificate",
    says: /SHA-1.*signed anew with SHA-256/,
  },
];

/** The server refuses the client. */
const OF_CLIENTS: readonly Case[] = [
  {
    what: "without a certificate",
    server: { trustRoot: root },
    code: "ERR_TLS_NO_CLIENT_CERT",
    alert: { "TLSv1.2": "handshake_failure", "TLSv1.3": "certificate_required" },
    says: /no certificate.*have it send one/,
  },
  {
    what: "with an expired certificate",
    server: { trustRoot: root },
    client: { clientCertificate: certify(root, [], EXPIRED) },
    code: "ERR_TLS_CERT_EXPIRED",
    alert: "certificate_expired",
    says: /client has expired/,
  },
  {
    what: "with a certificate of an unknown issuer",
    server: { trustRoot: root },
    client: { clientCertificate: certify(other) },
    code: "ERR_TLS_CERT_UNKNOWN_ISSUER",
    alert: "unknown_ca",
    says: /certificate of the client was issued by an authority that is not trusted/,
  },
  {
    what: "with a certificate of an unknown issuer, though it needs none",
    server: { trustRoot: root, clientCertificate: "request" },
    client: { clientCertificate: certify(other) },
    code: "ERR_TLS_CERT_UNKNOWN_ISSUER",
    alert: "unknown_ca",
    says: /certificate of the client was issued by an authority that is not trusted/,
  },
  {
    what: "with a server's certificate",
    server: { trustRoot: root },
    client: { clientCertificate: certify(root, [], { uses: ["server"] }) },
    code: "ERR_TLS_CERT_WRONG_PURPOSE",
    alert: "unsupported_certificate",
    says: /a client clientAuth/,
  },
  {
    what: "with a revoked certificate",
    server: { trustRoot: root, crls: revocationList(root, [ofClient]) },
    client: { clientCertificate: ofClient },
    code: "ERR_TLS_CERT_REVOKED",
    alert: "certificate_revoked",
    says: /certificate of the client was revoked/,
  },
  {
    what: "with other ciphers of TLS 1.2",
    server: { certificate: goodRSA, acceptableCiphers: "ECDHE-RSA-AES128-GCM-SHA256" },
    client: { acceptableCiphers: "ECDHE-RSA-AES256-GCM-SHA384" },
    versions: ["TLSv1.2"],
    code: "ERR_TLS_NO_COMMON_CIPHER",
    alert: "handshake_failure",
    says: /no cipher.*\(acceptableCiphers/,
  },
  {
    what: "with other ciphers of TLS 1.3",
    server: { cipherSuites: "TLS_AES_128_GCM_SHA256", raiseMinimumTo: "TLSv1.3" },
    client: { cipherSuites: "TLS_AES_256_GCM_SHA384" },
    versions: ["TLSv1.3"],
    code: "ERR_TLS_NO_COMMON_CIPHER",
    alert: "handshake_failure",
    says: /no cipher.*cipherSuites\)/,
  },
  {
    what: "with other groups",
    server: { groups: ["P-384"] },
    client: { groups: ["X25519"] },
    versions: ["TLSv1.3"],
    code: "ERR_TLS_NO_COMMON_GROUP",
    alert: "handshake_failure",
    says: /no group.*\(groups\)/,
  },
  {
    what: "with other signature algorithms",
    client: { signatureAlgorithms: ["rsa_pss_rsae_sha256"] },
    versions: ["TLSv1.3"],
    code: "ERR_TLS_NO_COMMON_SIGNATURE",
    alert: "handshake_failure",
    says: /no signature algorithm.*\(signatureAlgorithms\)/,
  },
  {
    what: "of an older version",
    server: { raiseMinimumTo: "TLSv1.3" },
    client: { lowerMaximumSecurityTo: "TLSv1.2" },
    versions: ["TLSv1.3"],
    code: "ERR_TLS_OLD_VERSION",
    alert: "protocol_version",
    says: /no version.*have it offer a newer one/,
  },
  {
    what: "with another application protocol",
    server: { acceptableProtocols: ["a"] },
    client: { acceptableProtocols: ["b"] },
    code: "ERR_TLS_NO_COMMON_PROTOCOL",
    alert: "no_application_protocol",
    says: /ALPN.*\(acceptableProtocols\)/,
  },
  {
    what: "that the program refuses",
    server: { onClient: () => ({ options: null }) },
    code: "ERR_TLS_REFUSED",
    alert: "unrecognized_name",
    says: /onClient\(\) refused a client that wanted localhost/,
  },
];

function everyVersion(cases: readonly Case[]) {
  return cases.flatMap(({ versions = ["TLSv1.2", "TLSv1.3"], ...one }) =>
    versions.map((version) => ({ ...one, version })),
  );
}

type Attempt = ReturnType<typeof everyVersion>[number];

async function losses({ server = {}, client = {}, name = "localhost", version }: Attempt) {
  const newest = version === "TLSv1.2" ? ({ lowerMaximumSecurityTo: version } as const) : {};
  const { port, next } = serveTLS(reactor(), { certificate: good, ...newest, ...server }, () => new SecureRecorder());
  const options = optionsForClientTLS(name, { trustRoot: root, ...client });
  const dialled = await dialTLS(reactor(), port, options, new SecureRecorder());
  const accepted = await next();
  const errors = { client: await dialled.lossError(), server: await accepted.lossError() };
  // Whoever refuses has not completed the handshake.
  return { ...errors, calls: { client: dialled.calls, server: accepted.calls } };
}

function expectRefusal(refuses: unknown, refused: unknown, { code, alert, says, version }: Attempt): void {
  const name = typeof alert === "string" ? alert : alert[version];
  expect(refuses).toBeInstanceOf(TLSError);
  expect(refuses).toMatchObject({ code, alertSent: name, alertReceived: "", message: expect.stringMatching(says) });
  expect(refused).toBeInstanceOf(TLSError);
  // What it says behind the name of the alert is what to do.
  const told = expect.stringMatching(new RegExp(`the alert ${name}: .{20}`));
  expect(refused).toMatchObject({ code: "ERR_TLS_ALERT", alertSent: "", alertReceived: name, message: told });
}

it.each(everyVersion(OF_SERVERS))("a client of $version refuses a server with a certificate $what", async (attempt) => {
  const { client, server, calls } = await losses(attempt);
  expectRefusal(client, server, attempt);
  expect(calls.client).not.toContain("handshakeCompleted");
  expect(log()).toEqual([]);
});

it.each(everyVersion(OF_CLIENTS))("a server of $version refuses a client $what", async (attempt) => {
  const { client, server, calls } = await losses(attempt);
  expectRefusal(server, client, attempt);
  expect(calls.server).not.toContain("handshakeCompleted");
  expect(log()).toEqual([]);
});

it("a server whose onClient() throws tells the client of an internal error, and logs why", async () => {
  const onClient = () => {
    throw new Error("oops");
  };
  const attempt = { server: { onClient }, version: "TLSv1.3", what: "", code: "", alert: "", says: /./ } as const;
  const { client, server } = await losses(attempt);
  const message = expect.stringMatching(/onClient\(\) failed for a client that wanted localhost: the log says why/);
  expect(server).toMatchObject({ code: "ERR_TLS_REFUSED", alertSent: "internal_error", message });
  expect(client).toMatchObject({ code: "ERR_TLS_ALERT", alertReceived: "internal_error" });
  expect(log()).toEqual([expect.stringContaining("Error: oops")]);
});

it("options that leave no version of TLS cannot be made", () => {
  expect(() => new CertificateOptions({ raiseMinimumTo: "TLSv1.3", lowerMaximumSecurityTo: "TLSv1.2" })).toThrow(
    /raiseMinimumTo is above lowerMaximumSecurityTo/,
  );
});
