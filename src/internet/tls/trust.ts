/** Which authorities are trusted. Names follow twisted.internet.ssl. */

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import type { RootsRequest } from "../../native.ts";
import { check } from "../arguments/check.ts";
import { described } from "../arguments/described.ts";
import { iterable, type Kind } from "../arguments/kinds.ts";
import { type CertificateInput, certificatesOf, isCertificate } from "./identity.ts";
import { certificateOf, certificatesIn, encodePEM } from "./pem.ts";

/** A set of trusted authorities: the result of {@link platformTrust} and {@link trustRootFromCertificates}. */
export class TrustRoot {
  readonly roots: RootsRequest;

  constructor(roots: RootsRequest) {
    this.roots = roots;
  }
}

/** What can be trusted: a set, or certificates. */
export type TrustRootLike = TrustRoot | CertificateInput;

let platform: TrustRoot | undefined;

/** The authorities that Node trusts: Mozilla's, as this version of Node has them, and those in NODE_EXTRA_CA_CERTS. */
export function platformTrust(): TrustRoot {
  platform ??= new TrustRoot({
    certificates: [...rootCertificates, ...extraCertificates()].join("\n"),
    platform: false,
    revoked: "",
    partialChain: false,
  });
  return platform;
}

const CERTIFICATES: Kind = {
  ...iterable,
  accepts: "an iterable of certificates, such as an array",
  // Of its characters no certificate can be made.
  typed: (value) => typeof value !== "string" && iterable.typed(value),
};

/** Without those of a file that cannot be read, of which Node has warned. */
function extraCertificates(): string[] {
  const path = process.env.NODE_EXTRA_CA_CERTS;
  if (!path) return [];
  try {
    return certificatesIn("the file of NODE_EXTRA_CA_CERTS", readFileSync(path)).map((der) =>
      encodePEM("CERTIFICATE", der),
    );
  } catch {
    return [];
  }
}

/**
 * Trust these authorities, and no others. A certificate that is no authority is trusted as itself: a peer that has it is the
 * one.
 * @throws TypeError | TLSOptionsError
 */
export function trustRootFromCertificates(certificates: Iterable<CertificateInput>): TrustRoot {
  check("trustRootFromCertificates(certificates)", "certificates", certificates, CERTIFICATES);
  const list = [...certificates].flatMap((one) => {
    const known = typeof one === "string" || one instanceof Uint8Array || one instanceof X509Certificate;
    // Its chain is what it is sent with.
    if (isCertificate(one)) return [one.x509];
    if (known) return certificatesOf(one).map(certificateOf);
    throw new TypeError(`trustRootFromCertificates(certificates) needs certificates, not ${described(one)}.`);
  });
  return new TrustRoot({
    certificates: list.map((one) => encodePEM("CERTIFICATE", one.raw)).join(""),
    platform: false,
    revoked: "",
    partialChain: list.some((one) => !one.ca),
  });
}

/** @throws TypeError | TLSOptionsError */
export function trustRootFrom(value: TrustRootLike): TrustRoot {
  return value instanceof TrustRoot ? value : trustRootFromCertificates([value]);
}
