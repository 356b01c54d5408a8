/** Options of TLS that would be weaker than they look: each is refused, or means what it says. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as nodeConnect } from "node:tls";
import { expect, it, onTestFinished, vi } from "vitest";
import {
  CertificateOptions,
  type CertificateOptionsInit,
  optionsForClientTLS,
} from "../../src/internet/tls/options.ts";
import type { ContextFactory } from "../../src/internet/tls/seam.ts";
import { scratch, testReactor } from "../helpers/interop.ts";
import { collectLog } from "../helpers/log.ts";
import { certify, rootAuthority } from "../helpers/pki.ts";
import { dialTLS, SecureEcho, SecureRecorder, serveTLS } from "../helpers/tls.ts";

const reactor = testReactor();
const log = collectLog();
const root = rootAuthority();
const certificate = certify(root, ["localhost"], { subject: { commonName: "default" } });
const b = certify(root, ["b.example"], { subject: { commonName: "b" } });
const ofB = new CertificateOptions({ certificate: b });
const toLocalhost = () => optionsForClientTLS("localhost", { trustRoot: root });

/** A connection that has ended well: whether it was resumed. */
async function visit(port: number, options: ContextFactory): Promise<boolean> {
  const client = await dialTLS(reactor(), port, options, new SecureRecorder());
  client.transport.write("x");
  await client.arrived.reaches(1);
  const { resumed } = await client.shaken.promise;
  client.transport.loseConnection();
  await client.lost.promise;
  return resumed;
}

/** Whose certificate a client gets that announces `name`. */
async function whose(port: number, name: string): Promise<string> {
  const peer = nodeConnect({ port, host: "127.0.0.1", rejectUnauthorized: false, servername: name });
  await new Promise((resolve, reject) => peer.once("secureConnect", resolve).once("error", reject));
  const { subject } = peer.getPeerCertificate();
  peer.destroy();
  return String(subject.CN);
}

it.each([
  [{ clientCertificate: "require" }, /clientCertificate without a trustRoot/],
  [{ clientCertificate: "request" }, /clientCertificate without a trustRoot/],
  [{ crls: "x" }, /crls without a trustRoot/],
  [{ acceptableCiphers: "ECDHE+AESGCM:@SECLEVEL=0" }, /the level of security is securityLevel's/],
  [{ acceptableCiphers: "" }, /not an empty one/],
  [{ cipherSuites: " " }, /not an empty one/],
  [{ groups: [] }, /not an empty one/],
  [{ signatureAlgorithms: [] }, /not an empty one/],
  [{ ticketKeys: [Buffer.alloc(48, 97)] }, /^ticketKeys must be an array of keys, each a Uint8Array of 80 bytes\.$/],
  [
    { ticketKeys: ["a".repeat(80)] },
    /options\.ticketKeys must be an array of Uint8Arrays[^a]*, not an instance of Array\.$/,
  ],
  [{ ocspResponse: "x" }, /must be a Uint8Array/],
  [{ requireOCSP: true, requestOCSP: false }, /^There is requireOCSP without requestOCSP: /],
  [{ serverNames: { "b.example": {} } }, /serverNames\["b\.example"\] must be CertificateOptions/],
  [{ serverNames: { "*": ofB } }, /"\*" must be a host name/],
  [{ serverNames: { "a.*.example": ofB } }, /must be a host name/],
  [{ serverNames: { "127.0.0.1": ofB } }, /must be a host name/],
  [{ serverNames: { "b.example": ofB, "B.example.": ofB } }, /"B\.example\." twice/],
  [{ serverNames: { a: new CertificateOptions({ certificate, serverNames: { b: ofB } }) } }, /nobody would ask/],
  [{ serverNames: { a: new CertificateOptions({ certificate, onClient: () => ({}) }) } }, /nobody would ask/],
] as [object, RegExp][])("options %j are refused", (options, message) => {
  expect(() => new CertificateOptions({ certificate, ...(options as CertificateOptionsInit) })).toThrow(message);
});

it("a client that verifies nothing requires no OCSP response", () => {
  const options = { requireOCSP: true, dangerouslyVerifyNothing: true };
  expect(() => optionsForClientTLS("localhost", options)).toThrow(/^There is requireOCSP with dangerously/);
});

it.each([254, 300, 70_000])("a name of %i bytes is none of a host", (length) => {
  const name = "a.".repeat(length / 2);
  expect(() => optionsForClientTLS(`${name}b`)).toThrow(RangeError);
});

it.each(["none", "request", "require"] as const)(
  "a client verifies its server, clientCertificate %s",
  async (clientCertificate) => {
    const { port } = serveTLS(reactor(), { certificate }, () => new SecureRecorder());
    const options = new CertificateOptions({ trustRoot: rootAuthority("Other"), clientCertificate });
    const client = await dialTLS(reactor(), port, options, new SecureRecorder());
    expect(await client.outcome()).toMatchObject({ code: "ERR_TLS_CERT_UNKNOWN_ISSUER" });
  },
);

it("what the program does with its lists and keys afterwards changes no options", async () => {
  const key = randomBytes(80);
  const protocols = ["echo"];
  const kept = { certificate, ticketKeys: [Buffer.from(key)] };
  const options = new CertificateOptions({ certificate, ticketKeys: [key], acceptableProtocols: protocols });
  key.fill(0);
  protocols.push("");
  const first = serveTLS(reactor(), options, () => new SecureEcho());
  const second = serveTLS(reactor(), { ...kept, acceptableProtocols: ["echo"] }, () => new SecureEcho());
  const client = toLocalhost();
  expect([await visit(first.port, client), await visit(second.port, client)]).toEqual([false, true]);
});

it.each([
  ["b.example.", "b.example", "b"],
  ["B.EXAMPLE", "b.example.", "b"],
  ["bücher.example", "xn--bcher-kva.example", "b"],
  ["*.bücher.example", "a.xn--bcher-kva.example", "b"],
  ["*.b.example", "A.b.example", "b"],
  ["*.b.example", "b.example", "default"],
  ["*.b.example", "x.a.b.example", "default"],
  ["*.b.example", ".b.example", "default"],
  ["*.b.example", "*.b.example", "default"],
])("serverNames %s, announced %s: the certificate is %s's", async (name, announced, owner) => {
  const { port } = serveTLS(reactor(), { certificate, serverNames: { [name]: ofB } }, () => new SecureRecorder());
  expect(await whose(port, announced)).toBe(owner);
});

it("onClient() may answer the options that were asked, and no others that would ask again", async () => {
  const answers: CertificateOptions[] = [];
  const options = new CertificateOptions({ certificate, onClient: () => ({ options: answers.shift()! }) });
  answers.push(options, new CertificateOptions({ certificate: b, onClient: () => ({ options: null }) }));
  const { port, next } = serveTLS(reactor(), options, () => new SecureEcho());
  expect(await visit(port, toLocalhost())).toBe(false);
  await next();
  const client = await dialTLS(reactor(), port, toLocalhost(), new SecureRecorder());
  expect(await client.outcome()).toMatchObject({ alertReceived: "internal_error" });
  expect(log()).toEqual([expect.stringContaining("which nobody would ask")]);
});

it("a client that wants no certain server offers no session of one to another", async () => {
  const { port } = serveTLS(reactor(), { certificate }, () => new SecureEcho());
  const options = new CertificateOptions({ trustRoot: root });
  expect([await visit(port, options), await visit(port, options)]).toEqual([false, false]);
});

it.each([
  [{ securityLevel: 1 }],
  [{ acceptableCiphers: "ECDHE-ECDSA-AES128-GCM-SHA256" }],
  [{ cipherSuites: "TLS_AES_128_GCM_SHA256" }],
  [{ signatureAlgorithms: ["ecdsa_secp256r1_sha256"] }],
])("no session made under the rules %j passes by a server with stricter ones and the same ticket keys", async (lax) => {
  const shared = { certificate, ticketKeys: [randomBytes(80)], trustRoot: root, clientCertificate: "request" } as const;
  const [one, two] = [{ ...shared, ...lax }, shared].map((options) =>
    serveTLS(reactor(), options, () => new SecureEcho()),
  );
  const client = toLocalhost();
  expect([await visit(one!.port, client), await visit(two!.port, client)]).toEqual([false, false]);
});

it("platformTrust() has the authorities of NODE_EXTRA_CA_CERTS", async () => {
  const path = join(scratch(), "extra.pem");
  writeFileSync(path, root.dumpPEM());
  const before = process.env.NODE_EXTRA_CA_CERTS;
  process.env.NODE_EXTRA_CA_CERTS = path;
  onTestFinished(() => {
    if (before === undefined) delete process.env.NODE_EXTRA_CA_CERTS;
    else process.env.NODE_EXTRA_CA_CERTS = before;
  });
  // What was found is kept.
  vi.resetModules();
  const { platformTrust } = await import("../../src/internet/tls/trust.ts");
  expect(platformTrust().roots.certificates).toContain(root.dumpPEM().trim());
});

it("onClient() that answers null serves nobody", async () => {
  const { port } = serveTLS(reactor(), { certificate, onClient: () => null as never }, () => new SecureRecorder());
  const client = await dialTLS(reactor(), port, toLocalhost(), new SecureRecorder());
  expect(await client.outcome()).toMatchObject({ alertReceived: "internal_error" });
  expect(log()).toEqual([expect.stringContaining("not null")]);
});

it.each([
  [["URI:spiffe://example.org/ada", "localhost"], "spiffe://example.org/ada"],
  [["URI:spiffe://example.org/ada", "URI:https://example.org/"], undefined],
  [["URI:spiffe://example.org/ada", "URI:spiffe://example.org/bob"], undefined],
  [["DNS:x, URI:spiffe://example.org/ada"], undefined],
  [["URI:https://example.org/, URI:spiffe://example.org/ada"], undefined],
  [[], undefined],
])("a certificate for %j has the SPIFFE ID %s", (names, id) => {
  expect(certify(root, names).spiffeId).toBe(id);
});
