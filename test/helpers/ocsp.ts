/** What an OCSP responder answers (RFC 6960, 4.2.1), as it should be and as it should not. Keys are ECDSA. */
import { createHash, sign } from "node:crypto";
import { Certificate } from "../../src/internet/tls/certificate.ts";
import { bits, element, elements, integer, octets, oid, sequence, tagged } from "../../src/internet/tls/der.ts";
import { PrivateCertificate } from "../../src/internet/tls/keypair.ts";
import { type CertifyOptions, certify } from "./pki.ts";

const SHA256_ECDSA = sequence(oid("1.2.840.10045.4.3.2"));
const BASIC = oid("1.3.6.1.5.5.7.48.1.1");
const SERVER_AUTH = oid("1.3.6.1.5.5.7.3.1");
const OCSP_SIGNING = oid("1.3.6.1.5.5.7.3.9");
const DIGESTS = { sha1: "1.3.14.3.2.26", sha256: "2.16.840.1.101.3.4.2.1" } as const;
const HOUR = 3600;

export interface Answer {
  readonly status?: "good" | "revoked" | "unknown";
  /** Who signs; default: the issuer. */
  readonly signer?: PrivateCertificate;
  /** Whether its certificate is in the response. */
  readonly embedded?: boolean;
  /** Seconds from now. */
  readonly thisUpdate?: number;
  /** Undefined: the response says none. */
  readonly nextUpdate?: number | undefined;
  readonly digest?: keyof typeof DIGESTS;
  /** The last bit of the signature is wrong. */
  readonly forged?: boolean;
}

/** DER of the response about `certificate`. */
export function answerOCSP(certificate: Certificate, issuer: PrivateCertificate, answer: Answer = {}): Buffer {
  const { status = "good", signer = issuer, embedded = signer !== issuer, digest = "sha1", thisUpdate = -60 } = answer;
  const nextUpdate = "nextUpdate" in answer ? answer.nextUpdate : HOUR;
  const hash = (bytes: Buffer) => octets(createHash(digest).update(bytes).digest());
  const id = sequence(
    sequence(oid(DIGESTS[digest]), element(0x05)),
    hash(issuer.getSubject().toDER()),
    hash(keyBits(issuer)),
    integer(Buffer.from(certificate.serialNumber(), "hex")),
  );
  const single = sequence(
    id,
    status === "revoked" ? element(0xa1, moment(-HOUR)) : element(status === "good" ? 0x80 : 0x82),
    moment(thisUpdate),
    ...(nextUpdate === undefined ? [] : [tagged(0, moment(nextUpdate))]),
  );
  const contents = sequence(tagged(1, signer.getSubject().toDER()), moment(0), sequence(single));
  const signature = sign("sha256", contents, signer.privateKey.privateKey);
  if (answer.forged) signature[signature.length - 1]! ^= 1;
  const chain = embedded ? [tagged(0, sequence(signer.x509.raw))] : [];
  const basic = sequence(contents, SHA256_ECDSA, bits(signature), ...chain);
  return sequence(element(0x0a, Buffer.of(0)), tagged(0, sequence(BASIC, octets(basic))));
}

/** A responder's certificate: for OCSPSigning. */
export function responder(issuer: PrivateCertificate, options: CertifyOptions = {}): PrivateCertificate {
  const made = certify(issuer, [], { subject: { commonName: "Responder" }, uses: ["server"], ...options });
  const [outer] = elements(made.x509.raw);
  const contents = Buffer.from(elements(outer!.contents)[0]!.whole);
  OCSP_SIGNING.copy(contents, contents.indexOf(SERVER_AUTH));
  const signature = sign("sha256", contents, issuer.privateKey.privateKey);
  return new PrivateCertificate(new Certificate(sequence(contents, SHA256_ECDSA, bits(signature))), made.privateKey);
}

/** The extension that says which features of TLS the server has (RFC 7633): 5 is a stapled response. */
export function tlsFeature(...features: readonly number[]): Buffer {
  return sequence(oid("1.3.6.1.5.5.7.1.24"), octets(sequence(...features.map((one) => integer(one)))));
}

function moment(seconds: number): Buffer {
  const text = new Date(Date.now() + seconds * 1000).toISOString().replace(/[-:T]/g, "").slice(0, 14);
  return element(0x18, Buffer.from(`${text}Z`));
}

function keyBits(certificate: PrivateCertificate): Buffer {
  const der = certificate.privateKey.publicKey.export({ format: "der", type: "spki" }) as Buffer;
  return elements(elements(der)[0]!.contents)[1]!.contents.subarray(1);
}
