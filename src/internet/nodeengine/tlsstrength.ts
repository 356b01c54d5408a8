/**
 * Whether the certificates of a peer are strong enough, for runtimes whose TLS has no security levels: BoringSSL's, rustls'.
 * SSL_CTX_set_security_level(3) has the bits.
 */
import type { KeyObject } from "node:crypto";
import { dotted, elements } from "../tls/der.ts";
import { nodeCrypto } from "../tls/node.ts";

/** X509_V_ERR_EE_KEY_TOO_SMALL, X509_V_ERR_CA_KEY_TOO_SMALL, X509_V_ERR_CA_MD_TOO_WEAK. */
const KEY_TOO_SMALL = 66;
const AUTHORITY_KEY_TOO_SMALL = 67;
const DIGEST_TOO_WEAK = 68;

/** For each level, the least bits of RSA and DSA, and of elliptic curves. */
const LEAST_BITS = [
  [0, 0],
  [1024, 160],
  [2048, 224],
  [3072, 256],
  [7680, 384],
  [15360, 512],
] as const;
const CURVE_BITS: Readonly<Record<string, number>> = {
  prime256v1: 256,
  secp256k1: 256,
  secp384r1: 384,
  secp521r1: 521,
};

/** md5WithRSAEncryption, sha1WithRSAEncryption, ecdsa-with-SHA1, dsa-with-sha1. */
const WEAK_SIGNATURES = new Set([
  "1.2.840.113549.1.1.4",
  "1.2.840.113549.1.1.5",
  "1.2.840.10045.4.1",
  "1.2.840.10040.4.3",
]);

/** 0, or X509_V_ERR_…: of the first that is too weak. `chain` is DER, the peer's own first, without the root. */
export function weaknessOf(chain: readonly Buffer[], level: number): number {
  for (const [i, der] of chain.entries()) {
    const certificate = new (nodeCrypto().X509Certificate)(der);
    if (!isStrong(certificate.publicKey, level)) return i === 0 ? KEY_TOO_SMALL : AUTHORITY_KEY_TOO_SMALL;
    // One that signed itself is trusted as it is.
    const signed = certificate.issuer !== certificate.subject;
    if (level > 0 && signed && WEAK_SIGNATURES.has(signatureOf(der))) return DIGEST_TOO_WEAK;
  }
  return 0;
}

function isStrong({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject, level: number): boolean {
  const [factored, curved] = LEAST_BITS[level] ?? LEAST_BITS[5];
  const { modulusLength, namedCurve = "" } = asymmetricKeyDetails ?? {};
  if (modulusLength !== undefined) return modulusLength >= factored;
  if (asymmetricKeyType === "ec") return (CURVE_BITS[namedCurve] ?? curved) >= curved;
  // Of one strength each: 128 bits, 224.
  if (asymmetricKeyType === "ed25519") return level <= 3;
  return level <= 4;
}

/** The algorithm stands behind what is signed (RFC 5280, 4.1). */
function signatureOf(der: Buffer): string {
  const algorithm = elements(elements(der)[0]!.contents)[1]!;
  return dotted(elements(algorithm.contents)[0]!.contents);
}
