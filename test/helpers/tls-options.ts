/** Certificates for tests, made once, and the options that use them. Keys are Ed25519: their signatures have one length. */
import {
  CertificateOptions,
  type CertificateOptionsInit,
  type ClientTLSOptions,
  type ContextFactory,
  KeyPair,
  optionsForClientTLS,
  type PrivateCertificate,
} from "../../src/entries/ssl.ts";

/** The one that signs the others. */
export const AUTHORITY: PrivateCertificate = KeyPair.generate("ed25519").selfSignedCert(
  { commonName: "Test authority" },
  { isAuthority: true },
);

/** A certificate of the authority for these names. */
export function certificateFor(...names: [string, ...string[]]): PrivateCertificate {
  const key = KeyPair.generate("ed25519");
  const asked = key.requestObject({ commonName: names[0] });
  return key.newCertificate(AUTHORITY.signRequestObject(asked, { subjectAltNames: names }).dumpPEM());
}

/** Of the server of every test. */
export const SERVER: PrivateCertificate = certificateFor("server", "localhost", "127.0.0.1", "10.0.0.1");

export function serverOptions(options: CertificateOptionsInit = {}): CertificateOptions {
  return new CertificateOptions({ certificate: SERVER, ...options });
}

/** Of a client that knows the authority, and asks for "server". */
export function clientOptions(options: ClientTLSOptions = {}): ContextFactory {
  return optionsForClientTLS("server", { trustRoot: AUTHORITY, ...options });
}
