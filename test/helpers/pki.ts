/** An authority for tests, and what it certifies: also what no authority should, as SHA-1 and names with a NUL. */
import { type KeyObject, sign } from "node:crypto";
import type { CertificateOptionsForIssue } from "../../src/internet/tls/arguments.ts";
import { Certificate } from "../../src/internet/tls/certificate.ts";
import {
  bits,
  element,
  elements,
  integer,
  octets,
  oid,
  sequence,
  TRUE,
  tagged,
  time,
} from "../../src/internet/tls/der.ts";
import { DistinguishedName, type DNParts } from "../../src/internet/tls/dn.ts";
import { issue } from "../../src/internet/tls/issuing.ts";
import { KeyPair, PrivateCertificate } from "../../src/internet/tls/keypair.ts";
import { encodePEM } from "../../src/internet/tls/pem.ts";

const NULL = element(0x05);
const SHA256_RSA = sequence(oid("1.2.840.113549.1.1.11"), NULL);
const SHA256_ECDSA = sequence(oid("1.2.840.10045.4.3.2"));
const SHA1_RSA = sequence(oid("1.2.840.113549.1.1.5"), NULL);
const SHA1_ECDSA = sequence(oid("1.2.840.10045.4.1"));

export interface CertifyOptions extends CertificateOptionsForIssue {
  readonly subject?: DNParts;
  readonly key?: KeyPair;
  /** DER. */
  readonly extensions?: readonly Buffer[];
}

/** A root that certifies itself. */
export function rootAuthority(
  commonName = "Root",
  { key = KeyPair.generate(), ...options }: Omit<CertifyOptions, "subject"> = {},
): PrivateCertificate {
  const name = new DistinguishedName({ commonName });
  const { publicKey, privateKey: signingKey } = key;
  const uses = { isAuthority: true, seconds: 3600, ...options };
  return new PrivateCertificate(
    new Certificate(issue({ ...uses, subject: name, issuer: name, publicKey, signingKey })),
    key,
  );
}

/** What `issuer` certifies: `names` are its subjectAltNames. */
export function certify(
  issuer: PrivateCertificate,
  names: readonly string[] = [],
  { subject = {}, key = KeyPair.generate(), ...options }: CertifyOptions = {},
): PrivateCertificate {
  const der = issue({
    seconds: 3600,
    subjectAltNames: names,
    ...options,
    subject: new DistinguishedName(subject),
    issuer: issuer.getSubject(),
    publicKey: key.publicKey,
    signingKey: issuer.privateKey.privateKey,
    issuerKey: issuer.privateKey.publicKey,
  });
  return new PrivateCertificate(new Certificate(der), key);
}

/** An authority below another one. */
export function intermediate(issuer: PrivateCertificate, options: CertifyOptions = {}): PrivateCertificate {
  return certify(issuer, [], { subject: { commonName: "Intermediate" }, isAuthority: true, ...options });
}

/** The extension nameConstraints: DNS names below these, and not below those (RFC 5280, 4.2.1.10). */
export function nameConstraints(permitted: readonly string[], excluded: readonly string[] = []): Buffer {
  const subtrees = (number: number, names: readonly string[]) =>
    names.length === 0 ? [] : [tagged(number, ...names.map((name) => sequence(element(0x82, Buffer.from(name)))))];
  const value = sequence(...subtrees(0, permitted), ...subtrees(1, excluded));
  return sequence(oid("2.5.29.30"), TRUE, octets(value));
}

/** The same certificate, signed with SHA-1. */
export function withSHA1(certificate: PrivateCertificate, issuer: PrivateCertificate): PrivateCertificate {
  const key = issuer.privateKey.privateKey;
  const algorithm = key.asymmetricKeyType === "rsa" ? SHA1_RSA : SHA1_ECDSA;
  const [outer] = elements(certificate.x509.raw);
  const parts = elements(elements(outer!.contents)[0]!.contents).map((part) => part.whole);
  parts[2] = algorithm;
  return new PrivateCertificate(signed(sequence(...parts), algorithm, "sha1", key), certificate.privateKey);
}

/** The same certificate with a signature that is wrong. */
export function withWrongSignature(certificate: PrivateCertificate): PrivateCertificate {
  const der = Buffer.from(certificate.x509.raw);
  der[der.length - 1]! ^= 1;
  return new PrivateCertificate(new Certificate(der), certificate.privateKey);
}

function signed(contents: Buffer, algorithm: Buffer, digest: string, key: KeyObject): Certificate {
  return new Certificate(sequence(contents, algorithm, bits(sign(digest, contents, key))));
}

/** PEM of the issuer's list of revoked certificates (RFC 5280, 5.1). @param seconds until the next list, from now */
export function revocationList(
  issuer: PrivateCertificate,
  revoked: readonly Certificate[] = [],
  seconds = 3600,
): string {
  const key = issuer.privateKey.privateKey;
  const algorithm = key.asymmetricKeyType === "rsa" ? SHA256_RSA : SHA256_ECDSA;
  const now = Date.now();
  const entries = revoked.map((one) =>
    sequence(integer(Buffer.from(one.serialNumber(), "hex")), time(new Date(now - 60_000))),
  );
  const contents = sequence(
    integer(1),
    algorithm,
    issuer.getSubject().toDER(),
    time(new Date(now - 7_200_000)),
    time(new Date(now + seconds * 1000)),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
  );
  return encodePEM("X509 CRL", sequence(contents, algorithm, bits(sign("sha256", contents, key))));
}
