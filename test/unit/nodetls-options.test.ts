/** TLS of the engine over node:net: options are heeded or refused as by the native engines, in the same words. */
import { afterAll, expect, it } from "vitest";
import { Factory, Protocol } from "../../src/internet/protocol.ts";
import { NativeReactor } from "../../src/internet/reactor/native.ts";
import { NodeReactor } from "../../src/internet/reactor/node.ts";
import { KeyPair } from "../../src/internet/tls/keypair.ts";
import { CertificateOptions, type CertificateOptionsInit } from "../../src/internet/tls/options.ts";
import { loadNative } from "../../src/native.ts";
import { authority, serverCertificate } from "../helpers/secure.ts";

const best = loadNative()
  .backends()
  .find(({ unavailable }) => unavailable === "")!;
const reactors = { native: new NativeReactor(best.name), node: new NodeReactor() };
afterAll(() => {
  for (const reactor of Object.values(reactors)) reactor.destroy();
});

function said(options: CertificateOptionsInit): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, reactor] of Object.entries(reactors)) {
    try {
      const port = reactor.listenSSL(0, Factory.forProtocol(Protocol), new CertificateOptions(options));
      void port.stopListening();
      result[name] = "taken";
    } catch (error) {
      result[name] = `${(error as Error).name}: ${(error as Error).message}`;
    }
  }
  return result;
}

const small = KeyPair.generate("rsa", 1024);
const weak = small.selfSignedCert({ commonName: "weak" }, { subjectAltNames: ["localhost"] });
const weakAuthority = small.selfSignedCert({ commonName: "weak authority" }, { isAuthority: true });
const key = KeyPair.generate("ed25519");
const below = key.newCertificate(weakAuthority.signRequestObject(key.requestObject({ commonName: "a" })).dump());

it.each([
  ["an own key that is too weak", { certificate: weak }, "taken"],
  ["an authority's key that is too weak", { certificate: below, extraCertChain: weakAuthority }, "taken"],
  ["another's key", { certificate: serverCertificate.dumpPEM(), privateKey: key }, ""],
  ["groups that nobody knows", { certificate: serverCertificate, groups: ["skein"] }, ""],
  ["ciphers that nobody knows", { certificate: serverCertificate, acceptableCiphers: "skein" }, ""],
  ["suites that nobody knows", { certificate: serverCertificate, cipherSuites: "TLS_SKEIN" }, ""],
  ["algorithms that nobody knows", { certificate: serverCertificate, signatureAlgorithms: ["skein"] }, ""],
  ["short keys for tickets", { certificate: serverCertificate, ticketKeys: [Buffer.alloc(48)] }, ""],
  [
    "lists of revoked certificates that are none",
    { certificate: serverCertificate, trustRoot: authority.certificate, crls: "-" },
    "",
  ],
] as const)("%s", (_, options, atLevel0) => {
  const { native, node } = said(options as CertificateOptionsInit);
  expect(native).toMatch(/^TLSOptionsError: /);
  // node:tls does not say that.
  expect(node).toBe(native!.replace(" (passed invalid argument)", ""));
  if (atLevel0 !== "")
    expect(said({ ...options, securityLevel: 0 } as CertificateOptionsInit)).toEqual({
      native: atLevel0,
      node: atLevel0,
    });
});
