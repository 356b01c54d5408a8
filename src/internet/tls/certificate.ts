/** Certificates. Names and semantics follow twisted.internet.ssl. */
import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import { inspect } from "node:util";
import { check } from "../arguments/check.ts";
import { bytes, instance, oneOf, text } from "../arguments/kinds.ts";
import { certificateData } from "./arguments.ts";
import { elements } from "./der.ts";
import { DistinguishedName } from "./dn.ts";
import { CertificateError } from "./errors.ts";
import { certificateOf, certificatesIn, encodePEM } from "./pem.ts";

/** How certificates and keys are written. */
export type Format = "PEM" | "DER";

/** A transport: of one with TLS, its certificates are asked for. */
export interface AnyTransport {
  getPeer(): unknown;
  getHost(): unknown;
}

interface ShowsCertificates {
  getPeerCertificateChain(): readonly Buffer[];
  getHostCertificate(): Buffer | null;
}

export const FORMAT = oneOf("PEM", "DER");

/** A certificate, without its private key. */
export class Certificate {
  readonly x509: X509Certificate;

  /** @throws TLSOptionsError */
  constructor(data: X509Certificate | string | Uint8Array) {
    check("new Certificate(data)", "data", data, certificateData);
    this.x509 = data instanceof X509Certificate ? data : certificateOf(certificatesIn("the certificate", data)[0]!);
  }

  /** The first certificate in PEM, or the one that is DER. @throws TLSOptionsError */
  static load(data: string | Uint8Array): Certificate {
    return new Certificate(data);
  }

  static loadPEM(data: string | Uint8Array): Certificate {
    return new Certificate(data);
  }

  /** All certificates in PEM. @throws TLSOptionsError */
  static loadAllPEM(data: string | Uint8Array): Certificate[] {
    check("Certificate.loadAllPEM(data)", "data", data, bytes);
    return certificatesIn("the PEM", data).map((der) => new Certificate(der));
  }

  /** Of the other side of a connection. @throws TypeError; CertificateError when it has shown none, or there is no TLS yet */
  static peerFromTransport(transport: AnyTransport): Certificate {
    const [own] = secured("peerFromTransport", transport).getPeerCertificateChain();
    if (own === undefined) throw new CertificateError("The peer has shown no certificate.");
    return new Certificate(own);
  }

  /** Of this side of a connection. @throws TypeError; CertificateError when it has shown none, or there is no TLS yet */
  static hostFromTransport(transport: AnyTransport): Certificate {
    const own = secured("hostFromTransport", transport).getHostCertificate();
    if (own === null) throw new CertificateError("This side has shown no certificate.");
    return new Certificate(own);
  }

  dump(format: "PEM"): string;
  dump(format?: "DER"): Buffer;
  dump(format: Format = "DER"): string | Buffer {
    check("dump(format)", "format", format, FORMAT);
    return format === "PEM" ? encodePEM("CERTIFICATE", this.x509.raw) : Buffer.from(this.x509.raw);
  }

  dumpPEM(): string {
    return this.dump("PEM");
  }

  getSubject(): DistinguishedName {
    return nameIn(this.x509.raw, 4);
  }

  getIssuer(): DistinguishedName {
    return nameIn(this.x509.raw, 2);
  }

  getPublicKey(): KeyObject {
    return this.x509.publicKey;
  }

  /** As a hexadecimal number, in upper case. */
  serialNumber(): string {
    return this.x509.serialNumber;
  }

  /** "DNS:…", "IP Address:…", "URI:…", … as the certificate has them. */
  get subjectAltNames(): readonly string[] {
    const text = this.x509.subjectAltName ?? "";
    // A name with a comma is quoted as JSON is.
    return (text.match(/[A-Za-z ]+:(?:"(?:[^"\\]|\\.)*"|[^,]*)/g) ?? []).map((each) => {
      const [, kind, quoted] = /^\s*([A-Za-z ]+):(".*")$/s.exec(each) ?? [];
      return quoted === undefined ? each.trim() : `${kind!.trim()}:${JSON.parse(quoted)}`;
    });
  }

  /** The SPIFFE ID, "spiffe://…"; undefined unless it is the only URI of the certificate (X509-SVID, 2). */
  get spiffeId(): string | undefined {
    const [only, ...others] = this.subjectAltNames.filter((name) => name.startsWith("URI:"));
    return others.length === 0 && only?.startsWith("URI:spiffe://") ? only.slice(4) : undefined;
  }

  get validFrom(): Date {
    return new Date(this.x509.validFrom);
  }

  get validTo(): Date {
    return new Date(this.x509.validTo);
  }

  /** Of the whole certificate, as "AB:CD:…". */
  digest(algorithm = "sha256"): string {
    check("digest(algorithm)", "algorithm", algorithm, text);
    const hex = createHash(algorithm).update(this.x509.raw).digest("hex").toUpperCase();
    return hex.match(/../g)!.join(":");
  }

  equals(other: Certificate): boolean {
    check("equals(other)", "other", other, instance(Certificate));
    return this.x509.raw.equals(other.x509.raw);
  }

  toString(): string {
    return `<Certificate ${this.getSubject()} issued by ${this.getIssuer()}>`;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** @throws TypeError */
function secured(method: string, transport: AnyTransport): ShowsCertificates {
  const { getPeerCertificateChain, getHostCertificate } = (transport ?? {}) as Partial<ShowsCertificates>;
  if (typeof getPeerCertificateChain === "function" && typeof getHostCertificate === "function") {
    return transport as AnyTransport & ShowsCertificates;
  }
  throw new TypeError(`Certificate.${method}(transport) needs the transport of a connection.`);
}

/** The name that stands `behind` the other elements of a certificate's contents: 2 the issuer's, 4 the subject's. */
function nameIn(der: Buffer, behind: number): DistinguishedName {
  const [outer] = elements(der);
  const [contents] = elements(outer!.contents);
  const parts = elements(contents!.contents);
  // Version 1 has no element for the version.
  const first = parts[0]!.tag === 0xa0 ? 1 : 0;
  return DistinguishedName.fromDER(parts[first + behind]!.whole);
}
