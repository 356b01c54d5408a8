/**
 * Requests for certificates, and certificates that are signed here: for tests, for development, and for programs that are an
 * authority for their own services. RFC 5280, RFC 2986.
 */
import { createHash, createPublicKey, type KeyObject, randomBytes, sign, verify } from "node:crypto";
import { isIP } from "node:net";
import { bits, element, elements, integer, octets, oid, sequence, TRUE, tagged, time } from "./der.ts";
import { DistinguishedName } from "./dn.ts";
import { TLSOptionsError } from "./errors.ts";

/** What a certificate may be used for. */
export interface CertificateUses {
  /** Host names and literal addresses, "DNS:…", "IP:…", "URI:…" or "email:…"; without one of these, a name or an address. */
  readonly subjectAltNames?: readonly string[];
  /** It may sign certificates. Default false. */
  readonly isAuthority?: boolean;
  /** Default: both, of one that is no authority. */
  readonly uses?: readonly ("server" | "client")[];
}

export interface Issuing extends CertificateUses {
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  readonly publicKey: KeyObject;
  readonly signingKey: KeyObject;
  readonly serialNumber?: number | bigint;
  /** Seconds of validity, from now. */
  readonly seconds: number;
  /** Default: five minutes ago, as clocks differ. */
  readonly validFrom?: Date;
  /** DER of further extensions. */
  readonly extensions?: readonly Buffer[];
  /** Of the issuer, when it is another one. */
  readonly issuerKey?: KeyObject;
}

const OID = {
  basicConstraints: "2.5.29.19",
  keyUsage: "2.5.29.15",
  extKeyUsage: "2.5.29.37",
  subjectAltName: "2.5.29.17",
  subjectKeyIdentifier: "2.5.29.14",
  authorityKeyIdentifier: "2.5.29.35",
  server: "1.3.6.1.5.5.7.3.1",
  client: "1.3.6.1.5.5.7.3.2",
  ed25519: "1.3.101.112",
  ed448: "1.3.101.113",
  ecdsaSHA256: "1.2.840.10045.4.3.2",
  rsaSHA256: "1.2.840.113549.1.1.11",
} as const;

const NULL = element(0x05);
const SERIAL_BYTES = 16;
/** A certificate is valid from so long ago: clocks differ. */
const EARLIER_SECONDS = 300;
const KEY_CERT_SIGN_CRL_SIGN = 0x06;
const DIGITAL_SIGNATURE = 0x80;

/** DER of a certificate. */
export function issue(options: Issuing): Buffer {
  const { subject, issuer, publicKey, signingKey, seconds } = options;
  const algorithm = algorithmOf(signingKey);
  const now = Date.now();
  const { validFrom = new Date(now - EARLIER_SECONDS * 1000) } = options;
  const serial = options.serialNumber ?? randomSerial();
  const contents = sequence(
    tagged(0, integer(2)),
    integer(serial),
    algorithm,
    issuer.toDER(),
    sequence(time(validFrom), time(new Date(now + seconds * 1000))),
    subject.toDER(),
    publicDER(publicKey),
    tagged(3, sequence(...extensions(options), ...(options.extensions ?? []))),
  );
  return sequence(contents, algorithm, bits(signature(contents, signingKey)));
}

/** DER of a request. */
export function request(subject: DistinguishedName, key: KeyObject): Buffer {
  const algorithm = algorithmOf(key);
  const contents = sequence(integer(0), subject.toDER(), publicDER(createPublicKey(key)), element(0xa0));
  return sequence(contents, algorithm, bits(signature(contents, key)));
}

/** What a request asks for, and whether its sender has the key. @throws TLSOptionsError for what is no request */
export function readRequest(der: Buffer): { subject: DistinguishedName; publicKey: KeyObject; verifies: boolean } {
  try {
    const [outer] = elements(der);
    const [contents, , signed] = elements(outer!.contents) as [Part, Part, Part];
    const [, subject, key] = elements(contents.contents) as [Part, Part, Part];
    const publicKey = createPublicKey({ key: key.whole, format: "der", type: "spki" });
    const verifies = verify(digestOf(publicKey), contents.whole, publicKey, signed.contents.subarray(1));
    return { subject: DistinguishedName.fromDER(subject.whole), publicKey, verifies };
  } catch {
    throw new TLSOptionsError("This is no request for a certificate: it must be PEM or DER of one (PKCS#10).");
  }
}

type Part = ReturnType<typeof elements>[number];

function extensions({ subjectAltNames = [], isAuthority = false, uses, publicKey, issuerKey }: Issuing): Buffer[] {
  const list = [
    extension(OID.basicConstraints, true, isAuthority ? sequence(TRUE) : sequence()),
    extension(
      OID.keyUsage,
      true,
      isAuthority ? bits(Buffer.of(KEY_CERT_SIGN_CRL_SIGN), 1) : bits(Buffer.of(DIGITAL_SIGNATURE), 7),
    ),
    extension(OID.subjectKeyIdentifier, false, octets(keyIdentifier(publicKey))),
    extension(OID.authorityKeyIdentifier, false, sequence(element(0x80, keyIdentifier(issuerKey ?? publicKey)))),
  ];
  if (!isAuthority || uses !== undefined) {
    const given = uses ?? ["server", "client"];
    list.push(extension(OID.extKeyUsage, false, sequence(...given.map((use) => oid(OID[use])))));
  }
  if (subjectAltNames.length > 0) {
    list.push(extension(OID.subjectAltName, false, sequence(...subjectAltNames.map(generalName))));
  }
  return list;
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return critical ? sequence(oid(id), TRUE, octets(value)) : sequence(oid(id), octets(value));
}

/** RFC 5280, 4.2.1.6. */
function generalName(name: string): Buffer {
  const [, kind, rest] = /^(DNS|IP|URI|email):(.*)$/s.exec(name) ?? [];
  const value = rest ?? name;
  const is = kind ?? (isIP(value) > 0 ? "IP" : "DNS");
  if (is === "IP") return element(0x87, addressBytes(value));
  return element(is === "DNS" ? 0x82 : is === "URI" ? 0x86 : 0x81, Buffer.from(value, "latin1"));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split(".").map(Number));
  if (isIP(address) !== 6) throw new TLSOptionsError(`${JSON.stringify(address)} is no IP address.`);
  // "::ffff:10.0.0.1" ends with two words in decimal.
  const hexadecimal = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...four: string[]) => {
    const [a, b, c, d] = four.slice(0, 4).map(Number) as [number, number, number, number];
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = "", tail] = hexadecimal.split("::");
  const words = (part: string) => (part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16)));
  const [before, after] = [words(head), words(tail ?? "")];
  const all =
    tail === undefined ? before : [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 255]));
}

function publicDER(key: KeyObject): Buffer {
  return key.export({ format: "der", type: "spki" }) as Buffer;
}

/** SHA-1 of the key's bits (RFC 5280, 4.2.1.2, method 1): a name, not a protection. */
function keyIdentifier(key: KeyObject): Buffer {
  const [outer] = elements(publicDER(key));
  const [, subjectPublicKey] = elements(outer!.contents);
  return createHash("sha1").update(subjectPublicKey!.contents.subarray(1)).digest();
}

function randomSerial(): bigint {
  return BigInt(`0x${randomBytes(SERIAL_BYTES).toString("hex")}`) >> 1n;
}

function algorithmOf(key: KeyObject): Buffer {
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return sequence(oid(OID.ed25519));
    case "ed448":
      return sequence(oid(OID.ed448));
    case "ec":
      return sequence(oid(OID.ecdsaSHA256));
    case "rsa":
      return sequence(oid(OID.rsaSHA256), NULL);
    default:
      throw new TLSOptionsError(
        `Keys of the type ${key.asymmetricKeyType} cannot sign certificates here: use ec, ed25519 or rsa.`,
      );
  }
}

function digestOf(key: KeyObject): string | null {
  return key.asymmetricKeyType === "ec" || key.asymmetricKeyType === "rsa" ? "sha256" : null;
}

function signature(contents: Buffer, key: KeyObject): Buffer {
  return sign(digestOf(key), contents, key);
}
