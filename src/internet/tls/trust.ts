/** Which authorities are trusted. Names follow twisted.internet.ssl. */

import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import type { RootsRequest } from "../../native.ts";
import { described } from "../arguments/described.ts";
import { Certificate } from "./certificate.ts";
import { encodePEM } from "./pem.ts";

/** A set of trusted authorities: the result of {@link platformTrust} and {@link trustRootFromCertificates}. */
export class TrustRoot {
  readonly roots: RootsRequest;

  constructor(roots: RootsRequest) {
    this.roots = roots;
  }
}

/** What can be trusted: a set, or certificates. */
export type TrustRootLike = TrustRoot | Certificate | X509Certificate | string | Uint8Array;

let platform: TrustRoot | undefined;

/** The authorities that Node trusts: Mozilla's, as this version of Node has them, and those in NODE_EXTRA_CA_CERTS. */
export function platformTrust(): TrustRoot {
  platform ??= new TrustRoot({
    certificates: rootCertificates.join("\n"),
    platform: false,
    revoked: "",
    partialChain: false,
  });
  return platform;
}

/**
 * Trust these authorities, and no others. A certificate that is no authority is trusted as itself: a peer that has it is the
 * one.
 * @throws TypeError | TLSOptionsError
 */
export function trustRootFromCertificates(certificates: Iterable<Exclude<TrustRootLike, TrustRoot>>): TrustRoot {
  const list = [...certificates].flatMap((one) => {
    if (typeof one === "string" || one instanceof Uint8Array) return Certificate.loadAllPEM(one);
    if (one instanceof Certificate) return [one];
    if (one instanceof X509Certificate) return [new Certificate(one)];
    throw new TypeError(`trustRootFromCertificates(certificates) needs certificates, not ${described(one)}.`);
  });
  return new TrustRoot({
    certificates: list.map((one) => encodePEM("CERTIFICATE", one.x509.raw)).join(""),
    platform: false,
    revoked: "",
    partialChain: list.some((one) => !one.x509.ca),
  });
}

/** @throws TypeError | TLSOptionsError */
export function trustRootFrom(value: TrustRootLike): TrustRoot {
  return value instanceof TrustRoot ? value : trustRootFromCertificates([value]);
}
