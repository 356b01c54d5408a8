/** What is accepted as a certificate and as a private key. */
import { KeyObject, X509Certificate } from "node:crypto";
import { TLSOptionsError } from "./errors.ts";
import { certificateOf, certificatesIn, encodePEM, privateKeyFrom } from "./pem.ts";
import type { Identity } from "./policy.ts";

/** A `Certificate`. */
export interface CertificateLike {
  readonly x509: X509Certificate;
  /** What is sent behind it. */
  readonly chain?: readonly CertificateLike[];
}

/** A `KeyPair`. */
export interface KeyPairLike {
  readonly privateKey: KeyObject;
}

/** A `PrivateCertificate`: a certificate together with its key. */
export interface PrivateCertificateLike extends CertificateLike {
  readonly privateKey: KeyPairLike;
}

/** PEM, DER, or a certificate that was read. */
export type CertificateInput = CertificateLike | X509Certificate | string | Uint8Array;
/** PEM, DER, or a key that was read. */
export type KeyInput = KeyPairLike | KeyObject | string | Uint8Array;

export interface IdentityInput {
  readonly privateKey?: KeyInput;
  readonly certificate?: CertificateInput;
  readonly passphrase?: string | Uint8Array;
  readonly extraCertChain?: CertificateInput | readonly CertificateInput[];
}

/** DER of all that is in `input`. @throws TypeError | TLSOptionsError */
export function certificatesOf(input: CertificateInput): Buffer[] {
  if (typeof input === "string" || input instanceof Uint8Array) return certificatesIn("the certificate", input);
  if (input instanceof X509Certificate) return [input.raw];
  if (isCertificate(input)) return [input, ...(input.chain ?? [])].map((one) => one.x509.raw);
  throw new TypeError("A certificate must be PEM, DER, a Certificate or an X509Certificate.");
}

/** The certificate of one side and its key, if there are any. @throws TypeError | TLSOptionsError */
export function identityOf({
  privateKey,
  certificate,
  passphrase,
  extraCertChain,
}: IdentityInput): Identity | undefined {
  if (certificate === undefined && privateKey === undefined) return undefined;
  if (certificate === undefined)
    throw new TLSOptionsError("There is a private key without its certificate: pass both.");
  const own = hasKey(certificate) ? certificate.privateKey : privateKey;
  if (own === undefined) throw new TLSOptionsError("There is a certificate without its private key: pass both.");
  const key = keyOf(own, passphrase);
  const chain = [certificate, ...(Array.isArray(extraCertChain) ? extraCertChain : [extraCertChain])];
  const certificates = chain
    .filter((one) => one !== undefined)
    .flatMap((one) => certificatesOf(one as CertificateInput));
  // Says so now, not when a port is opened.
  ensureBelongs(certificateOf(certificates[0]!), key);
  return { certificates: certificates.map((der) => encodePEM("CERTIFICATE", der)).join(""), key };
}

/** @throws TLSOptionsError when the key is another certificate's */
export function ensureBelongs(certificate: X509Certificate, key: KeyObject): void {
  if (!certificate.checkPrivateKey(key)) throw new TLSOptionsError("The private key is not the certificate's.");
}

/** Whether it is a `Certificate`. */
export function isCertificate(value: unknown): value is CertificateLike {
  return (value as Partial<CertificateLike> | null | undefined)?.x509 instanceof X509Certificate;
}

/** Whether it is a `PrivateCertificate`. */
export function hasKey(value: unknown): value is PrivateCertificateLike {
  return isCertificate(value) && isKeyPair((value as Partial<PrivateCertificateLike>).privateKey);
}

/** Whether it is a `KeyPair`. */
export function isKeyPair(value: unknown): value is KeyPairLike {
  return (value as Partial<KeyPairLike> | null | undefined)?.privateKey instanceof KeyObject;
}

function keyOf(input: KeyInput, passphrase: string | Uint8Array | undefined): KeyObject {
  if (isKeyPair(input)) return input.privateKey;
  if (typeof input === "string" || input instanceof Uint8Array || input instanceof KeyObject) {
    return privateKeyFrom("The private key", input, passphrase);
  }
  throw new TypeError("A private key must be PEM, DER, a KeyPair or a KeyObject.");
}
