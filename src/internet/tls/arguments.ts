/** Kinds of arguments about certificates and keys: of which type they are, not yet whether they can be used. */
import { KeyObject, X509Certificate } from "node:crypto";
import type { OptionKinds } from "../arguments/check.ts";
import { byteArray, bytes, flag, type Kind, texts } from "../arguments/kinds.ts";
import { isCertificate, isKeyPair } from "./identity.ts";
import type { CertificateUses } from "./issuing.ts";

export const keyData: Kind = {
  accepts: "PEM or DER of a private key, or a KeyObject",
  typed: (value) => bytes.typed(value) || value instanceof KeyObject,
};

export const keyInput: Kind = {
  accepts: "a private key: PEM, DER, a KeyPair or a KeyObject",
  typed: (value) => keyData.typed(value) || isKeyPair(value),
};

export const certificateData: Kind = {
  accepts: "PEM or DER of a certificate, or an X509Certificate",
  typed: (value) => bytes.typed(value) || value instanceof X509Certificate,
};

export const certificateInput: Kind = {
  accepts: "a certificate: PEM, DER, a Certificate or an X509Certificate",
  typed: (value) => certificateData.typed(value) || isCertificate(value),
};

export const certificateInputs: Kind = {
  accepts: "certificates: PEM, DER, a Certificate or an X509Certificate, or an array of these",
  typed: (value) => (Array.isArray(value) ? value.every(certificateInput.typed) : certificateInput.typed(value)),
};

export const certificates: Kind = {
  accepts: "an array of certificates",
  typed: (value) => Array.isArray(value) && value.every(isCertificate),
};

export const byteArrays: Kind = {
  accepts: "an array of Uint8Arrays, which is not empty",
  typed: (value) => Array.isArray(value) && value.every(byteArray.typed),
  inRange: (value: readonly Uint8Array[]) => value.length > 0,
};

/** How a certificate is made. */
export interface CertificateOptionsForIssue extends CertificateUses {
  readonly serialNumber?: number | bigint;
  /** Seconds of validity, from now; with less than 0 it has expired, which tests need. Default: a year. */
  readonly seconds?: number;
  /** Default: five minutes ago, as clocks differ. */
  readonly validFrom?: Date;
}

const USES = ["server", "client"];

export const ISSUE_KINDS: OptionKinds<CertificateOptionsForIssue> = {
  subjectAltNames: texts,
  isAuthority: flag,
  uses: {
    accepts: 'an array of "server", "client" or both',
    typed: texts.typed,
    inRange: (uses: readonly string[]) => uses.length > 0 && uses.every((use) => USES.includes(use)),
  },
  serialNumber: {
    accepts: "an integer above 0, or such a bigint",
    typed: (value) => typeof value === "number" || typeof value === "bigint",
    inRange: (value: number | bigint) => (typeof value === "bigint" || Number.isSafeInteger(value)) && value > 0,
  },
  seconds: { accepts: "a number of seconds", typed: (value) => typeof value === "number", inRange: Number.isFinite },
  validFrom: {
    accepts: "a Date",
    typed: (value) => value instanceof Date,
    inRange: (value: Date) => Number.isFinite(value.getTime()),
  },
};
