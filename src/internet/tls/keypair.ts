/** Private keys, what they sign, and requests for certificates. Names and semantics follow twisted.internet.ssl. */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { inspect } from "node:util";
import { check, checkOptional, checkOptions } from "../arguments/check.ts";
import { bytes, instance, integer, object, oneOf } from "../arguments/kinds.ts";
import { type CertificateOptionsForIssue, certificates, ISSUE_KINDS, keyData } from "./arguments.ts";
import { Certificate, FORMAT, type Format } from "./certificate.ts";
import { DistinguishedName, type DNParts } from "./dn.ts";
import { TLSOptionsError } from "./errors.ts";
import { type CertificateInput, ensureBelongs } from "./identity.ts";
import { issue, readRequest, request } from "./issuing.ts";
import { CertificateOptions } from "./options.ts";
import { decodePEM, encodePEM, isDER, privateKeyFrom } from "./pem.ts";
import { openPKCS12 } from "./pkcs12.ts";
import { trustRootFromCertificates } from "./trust.ts";

const YEAR_SECONDS = 365 * 24 * 3600;

/** A request for a certificate. */
export class CertificateRequest {
  readonly #der: Buffer;
  readonly #read: ReturnType<typeof readRequest>;

  /** @throws TLSOptionsError */
  constructor(data: string | Uint8Array) {
    check("new CertificateRequest(data)", "data", data, bytes);
    const whole = Buffer.from(data);
    const pem = isDER(whole) ? [] : decodePEM(whole, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
    this.#der = pem[0] ?? whole;
    this.#read = readRequest(this.#der);
  }

  static load(data: string | Uint8Array): CertificateRequest {
    return new CertificateRequest(data);
  }

  dump(format: "PEM"): string;
  dump(format?: "DER"): Buffer;
  dump(format: Format = "DER"): string | Buffer {
    check("dump(format)", "format", format, FORMAT);
    return format === "PEM" ? encodePEM("CERTIFICATE REQUEST", this.#der) : Buffer.from(this.#der);
  }

  getSubject(): DistinguishedName {
    return this.#read.subject;
  }

  getPublicKey(): KeyObject {
    return this.#read.publicKey;
  }

  /** Whether its sender has the private key. */
  verify(): boolean {
    return this.#read.verifies;
  }
}

/** A private key. Nothing of it is shown, logged or kept as text. */
export class KeyPair {
  readonly #key: KeyObject;

  /** @throws TLSOptionsError */
  constructor(data: string | Uint8Array | KeyObject, passphrase?: string | Uint8Array) {
    check("new KeyPair(data, passphrase)", "data", data, keyData);
    checkOptional("new KeyPair(data, passphrase)", "passphrase", passphrase, bytes);
    this.#key = privateKeyFrom("The private key", data, passphrase);
  }

  /** @param kind "ec" (P-256), "ed25519" or "rsa" @param size bits, of RSA */
  static generate(kind: "ec" | "ed25519" | "rsa" = "ec", size = 2048): KeyPair {
    check("KeyPair.generate(kind, size)", "kind", kind, oneOf("ec", "ed25519", "rsa"));
    check("KeyPair.generate(kind, size)", "size", size, integer(512, 16_384));
    if (kind === "rsa") return new KeyPair(generateKeyPairSync("rsa", { modulusLength: size }).privateKey);
    if (kind === "ed25519") return new KeyPair(generateKeyPairSync("ed25519").privateKey);
    return new KeyPair(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  }

  static load(data: string | Uint8Array, passphrase?: string | Uint8Array): KeyPair {
    return new KeyPair(data, passphrase);
  }

  /** PKCS#8. With a passphrase it is encrypted (AES-256). */
  dump(format: Format = "DER", passphrase?: string | Uint8Array): Buffer {
    check("dump(format, passphrase)", "format", format, FORMAT);
    checkOptional("dump(format, passphrase)", "passphrase", passphrase, bytes);
    const secret = passphrase === undefined ? undefined : Buffer.from(passphrase);
    const encryption = secret === undefined ? {} : { cipher: "aes-256-cbc", passphrase: secret };
    const options = { type: "pkcs8", format: format === "PEM" ? "pem" : "der", ...encryption } as const;
    try {
      return Buffer.from(this.#key.export(options as { type: "pkcs8"; format: "der" }));
    } finally {
      secret?.fill(0);
    }
  }

  get privateKey(): KeyObject {
    return this.#key;
  }

  get publicKey(): KeyObject {
    return createPublicKey(this.#key);
  }

  /** SHA-256 of the public key, in hexadecimal: tells keys apart. */
  keyHash(): string {
    return createHash("sha256")
      .update(this.publicKey.export({ format: "der", type: "spki" }) as Buffer)
      .digest("hex");
  }

  /** Ask an authority for a certificate. */
  requestObject(subject: DNParts): CertificateRequest {
    check("requestObject(subject)", "subject", subject, object);
    return new CertificateRequest(request(new DistinguishedName(subject), this.#key));
  }

  /** A certificate for whoever has sent `request`, in the name of `issuer`, whose key this is. */
  signRequestObject(
    issuer: Certificate | DNParts,
    asked: CertificateRequest,
    options: CertificateOptionsForIssue = {},
  ): Certificate {
    const call = "signRequestObject(issuer, request, options)";
    check(call, "issuer", issuer, object);
    check(call, "request", asked, instance(CertificateRequest));
    const checked = checkOptions<CertificateOptionsForIssue>(call, options, ISSUE_KINDS);
    const name = issuer instanceof Certificate ? issuer.getSubject() : new DistinguishedName(issuer);
    if (!asked.verify()) throw new TLSOptionsError("The request is not signed with the key that it is about.");
    return new Certificate(
      issue({
        seconds: YEAR_SECONDS,
        ...checked,
        subject: asked.getSubject(),
        issuer: name,
        publicKey: asked.getPublicKey(),
        signingKey: this.#key,
        issuerKey: this.publicKey,
      }),
    );
  }

  /** A certificate that only those trust who know it. */
  selfSignedCert(subject: DNParts, options: CertificateOptionsForIssue = {}): PrivateCertificate {
    check("selfSignedCert(subject, options)", "subject", subject, object);
    const name = new DistinguishedName(subject);
    const der = issue({
      seconds: YEAR_SECONDS,
      ...checkOptions<CertificateOptionsForIssue>("selfSignedCert(subject, options)", options, ISSUE_KINDS),
      subject: name,
      issuer: name,
      publicKey: this.publicKey,
      signingKey: this.#key,
    });
    return new PrivateCertificate(new Certificate(der), this);
  }

  newCertificate(certificate: string | Uint8Array): PrivateCertificate {
    check("newCertificate(certificate)", "certificate", certificate, bytes);
    return new PrivateCertificate(new Certificate(certificate), this);
  }

  toString(): string {
    return `<KeyPair ${this.#key.asymmetricKeyType} ${this.keyHash().slice(0, 16)}>`;
  }

  [inspect.custom](): string {
    return this.toString();
  }

  toJSON(): string {
    return this.toString();
  }
}

/** A certificate together with its private key. */
export class PrivateCertificate extends Certificate {
  readonly privateKey: KeyPair;
  /** Intermediate certificates that are sent with it, the one that signed it first. */
  readonly chain: readonly Certificate[];

  /** @throws TLSOptionsError when the key is another certificate's */
  constructor(certificate: Certificate, key: KeyPair, chain: readonly Certificate[] = []) {
    const call = "new PrivateCertificate(certificate, key, chain)";
    check(call, "certificate", certificate, instance(Certificate));
    check(call, "key", key, instance(KeyPair));
    check(call, "chain", chain, certificates);
    super(certificate.x509);
    this.chain = chain;
    ensureBelongs(certificate.x509, key.privateKey);
    this.privateKey = key;
  }

  static fromCertificateAndKeyPair(certificate: Certificate, key: KeyPair): PrivateCertificate {
    return new PrivateCertificate(certificate, key);
  }

  /** PEM with both: the key, and its certificate as the first one, its chain behind it. @throws TLSOptionsError */
  static override loadPEM(data: string | Uint8Array, passphrase?: string | Uint8Array): PrivateCertificate {
    const [own, ...chain] = Certificate.loadAllPEM(data);
    return new PrivateCertificate(own!, new KeyPair(data, passphrase), chain);
  }

  /**
   * A PKCS#12 file (.p12, .pfx): a key, its certificate, and its chain.
   * @throws TLSOptionsError | TLSNotAvailableError | NativeLoadError
   */
  static loadPKCS12(data: Uint8Array, passphrase: string | Uint8Array = ""): PrivateCertificate {
    const { key, certificates } = openPKCS12(data, passphrase);
    try {
      const [own, ...chain] = certificates.map((der) => new Certificate(der));
      return new PrivateCertificate(own!, new KeyPair(key), chain);
    } finally {
      key.fill(0);
    }
  }

  /**
   * Options of a server with this certificate. With authorities: its clients must have certificates of one of them.
   * @throws TypeError | TLSOptionsError
   */
  options(...authorities: readonly CertificateInput[]): CertificateOptions {
    if (authorities.length === 0) return new CertificateOptions({ certificate: this });
    return new CertificateOptions({ certificate: this, trustRoot: trustRootFromCertificates(authorities) });
  }

  /** Certify whoever has sent the request. */
  signRequestObject(asked: CertificateRequest, options: CertificateOptionsForIssue = {}): Certificate {
    return this.privateKey.signRequestObject(this, asked, options);
  }

  /** Ask for a certificate with the same name. */
  certificateRequest(): CertificateRequest {
    const { commonName, ...others } = this.getSubject();
    return this.privateKey.requestObject({ ...others, ...(commonName === undefined ? {} : { commonName }) });
  }
}
