/** Why a client refuses a server for the OCSP response that it has stapled to its certificate, or has not. */

export interface Reason {
  readonly code: string;
  readonly says: string;
}

/** Mirrors native/tls/staple.h, without what is accepted. */
const Staple = {
  MISSING: 3,
  MUST_HAVE: 4,
  MALFORMED: 5,
  NO_ANSWER: 6,
  WRONG_SIGNER: 7,
  OTHER_CERTIFICATE: 8,
  STALE: 9,
  REVOKED: 10,
  UNKNOWN: 11,
} as const;

/** By a list of the authority's, or by a response. */
export const REVOKED: Reason = {
  code: "ERR_TLS_CERT_REVOKED",
  says: "was revoked by its authority: it must not be used",
};

const MISSING = "ERR_TLS_OCSP_MISSING";
const INVALID = "ERR_TLS_OCSP_INVALID";

/** By `Staple`. What is said follows "the certificate of the server". */
export const STAPLES: Readonly<Record<number, Reason>> = {
  [Staple.REVOKED]: REVOKED,
  [Staple.MISSING]: {
    code: MISSING,
    says: "came without an OCSP response, which is required here (requireOCSP): have the server staple one",
  },
  [Staple.MUST_HAVE]: {
    code: MISSING,
    says:
      'came without an OCSP response, and says that it has one ("must staple"): have the server staple one, or get a ' +
      "certificate that does not say so",
  },
  [Staple.MALFORMED]: {
    code: INVALID,
    says: "came with an OCSP response that cannot be read: look at the file that the server staples",
  },
  [Staple.NO_ANSWER]: {
    code: INVALID,
    says:
      "came with an OCSP response that is no answer, but an error of the responder's: have the server ask for another " +
      "one, and staple none meanwhile",
  },
  [Staple.WRONG_SIGNER]: {
    code: "ERR_TLS_OCSP_WRONG_SIGNER",
    says:
      "came with an OCSP response that was signed by somebody else than its issuer, or than a responder with OCSPSigning " +
      "in extendedKeyUsage and a certificate of that issuer: have the server get it from its issuer's responder",
  },
  [Staple.OTHER_CERTIFICATE]: {
    code: "ERR_TLS_OCSP_WRONG_CERT",
    says: "came with the OCSP response of another certificate: have the server get one for this certificate",
  },
  [Staple.STALE]: {
    code: "ERR_TLS_OCSP_STALE",
    says:
      "came with an OCSP response that has expired, or is not valid yet: have the server get a new one in time, and check " +
      "the clocks of both machines",
  },
  [Staple.UNKNOWN]: {
    code: "ERR_TLS_OCSP_UNKNOWN",
    says: "is unknown to its issuer's OCSP responder: ask the issuer why, or get another certificate",
  },
};
