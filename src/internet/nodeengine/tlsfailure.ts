/**
 * What the errors of node:tls mean, in OpenSSL's numbers: those of the filter in native/tls. Node tells them by name, and other
 * runtimes have other numbers (BoringSSL) or none (rustls).
 */
import { type TlsFailure, TlsFault } from "../../native.ts";
import { ALERTS } from "../tls/errors.ts";

/** SSL_R_CERTIFICATE_VERIFY_FAILED and SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE. */
const VERIFY_FAILED = 134;
const NO_CERTIFICATE = 199;
const ALERT_REASONS = 1000;

/** OpenSSL's reasons (sslerr.h), by the names that follow ERR_SSL_ in a code. BoringSSL's and rustls' names are among them. */
const REASONS: Readonly<Record<string, number>> = {
  NO_SUITABLE_KEY_SHARE: 101,
  NO_SHARED_GROUP: 101,
  NO_SHARED_SIGNATURE_ALGORITHMS: 376,
  NO_COMMON_SIGNATURE_ALGORITHMS: 376,
  HTTP_REQUEST: 156,
  HTTPS_PROXY_REQUEST: 155,
  NO_SHARED_CIPHER: 193,
  PEER_DID_NOT_RETURN_A_CERTIFICATE: NO_CERTIFICATE,
  NO_APPLICATION_PROTOCOL: 235,
  UNSUPPORTED_PROTOCOL: 258,
  WRONG_VERSION_NUMBER: 267,
  DECRYPTION_FAILED_OR_BAD_RECORD_MAC: 281,
};

/** X509_V_ERR_… (x509_vfy.h), by Node's names. */
const VERIFY_CODES: Readonly<Record<string, number>> = {
  UNABLE_TO_GET_ISSUER_CERT: 2,
  UNABLE_TO_GET_CRL: 3,
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: 4,
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: 5,
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: 6,
  CERT_SIGNATURE_FAILURE: 7,
  CRL_SIGNATURE_FAILURE: 8,
  CERT_NOT_YET_VALID: 9,
  CERT_HAS_EXPIRED: 10,
  CRL_NOT_YET_VALID: 11,
  CRL_HAS_EXPIRED: 12,
  ERROR_IN_CERT_NOT_BEFORE_FIELD: 13,
  ERROR_IN_CERT_NOT_AFTER_FIELD: 14,
  ERROR_IN_CRL_LAST_UPDATE_FIELD: 15,
  ERROR_IN_CRL_NEXT_UPDATE_FIELD: 16,
  OUT_OF_MEM: 17,
  DEPTH_ZERO_SELF_SIGNED_CERT: 18,
  SELF_SIGNED_CERT_IN_CHAIN: 19,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 20,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 21,
  CERT_CHAIN_TOO_LONG: 22,
  CERT_REVOKED: 23,
  INVALID_CA: 79,
  PATH_LENGTH_EXCEEDED: 25,
  INVALID_PURPOSE: 26,
  CERT_UNTRUSTED: 27,
  CERT_REJECTED: 28,
  HOSTNAME_MISMATCH: 62,
};

/** Those for which Node has no name but UNSPECIFIED: by what their message says. */
const VERIFY_TEXTS: readonly (readonly [RegExp, number])[] = [
  [/invalid CA certificate/i, 79],
  [/key ?usage does not include certificate signing/i, 32],
  [/permitted subtree violation/i, 47],
  [/excluded subtree violation/i, 48],
  [/EE certificate key too weak/i, 66],
  [/CA certificate key too weak/i, 67],
  [/digest algorithm too weak/i, 68],
];
/** X509_V_ERR_UNSPECIFIED */
const VERIFY_UNSPECIFIED = 1;

/** What went wrong so far. */
export type FailureState = { -readonly [K in keyof TlsFailure]: TlsFailure[K] };

export function noFailure(): FailureState {
  return {
    fault: TlsFault.NONE,
    code: 0,
    reason: "",
    verify: 0,
    verifyReason: "",
    staple: 0,
    alertSent: -1,
    beginning: Buffer.alloc(0),
    serverName: "",
  };
}

/** The alert that OpenSSL sends for a reason, where it is sealed: in TLS 1.3, and once a handshake is done. RFC 8446, 6.2. */
const ALERT_OF: Readonly<Record<number, number>> = { [NO_CERTIFICATE]: 116, 281: 20 };

/** The number of the alert that was sent. `seen`: as it was not sealed; -1. */
export function alertSentFor({ code, fault }: TlsFailure, seen: number): number {
  return seen >= 0 || fault !== TlsFault.PROTOCOL ? seen : (ALERT_OF[code] ?? -1);
}

/** X509_V_ERR_… of what verifyError() of node:tls says: null or "" when all is in order, an Error, or (Deno) its code. */
export function verifyCode(said: unknown): number {
  if (said === null || said === undefined || said === "") return 0;
  const { code = "", message = "" } = typeof said === "string" ? { code: said } : (said as NodeJS.ErrnoException);
  const known = VERIFY_CODES[code];
  if (known !== undefined) return known;
  return VERIFY_TEXTS.find(([text]) => text.test(`${code} ${message}`))?.[1] ?? VERIFY_UNSPECIFIED;
}

export function verifyReason(said: unknown): string {
  return typeof said === "string" ? said : ((said as Error | null)?.message ?? "");
}

export function failedVerification(failure: FailureState, verify: number, reason: string): void {
  Object.assign(failure, { fault: TlsFault.PROTOCOL, code: VERIFY_FAILED, reason: "certificate verify failed" });
  Object.assign(failure, { verify, verifyReason: reason });
}

export function lackedCertificate(failure: FailureState): void {
  const reason = "peer did not return a certificate";
  Object.assign(failure, { fault: TlsFault.PROTOCOL, code: NO_CERTIFICATE, reason });
}

/** `error` was emitted by a TLSSocket. */
export function failedWith(failure: FailureState, error: NodeJS.ErrnoException & { reason?: string }): void {
  const { code = "", message, reason } = error;
  // Bun looks at a client's certificate in the handshake.
  const verify = VERIFY_CODES[code];
  if (verify !== undefined) {
    failedVerification(failure, verify, message);
    return;
  }
  // "Client network socket disconnected before secure TLS connection was established"
  const cut = code === "ECONNRESET";
  failure.fault = cut ? TlsFault.CUT : TlsFault.PROTOCOL;
  failure.code = cut ? 0 : reasonCode(code, message);
  failure.reason = cut ? "" : (reason ?? saidIn(message)).toLowerCase().replaceAll("_", " ");
}

function reasonCode(code: string, message: string): number {
  const name = code.replace(/^ERR_SSL_/, "");
  const known = REASONS[name];
  if (known !== undefined) return known;
  const packed = Number.parseInt(/error:([0-9A-F]{8}):/i.exec(message)?.[1] ?? "0", 16);
  // Those of alerts are the same in BoringSSL: it has made them like OpenSSL.
  const number = packed & 0x7fffff;
  const isBoring = /OPENSSL_internal/.test(message);
  if (!isBoring || (number >= ALERT_REASONS && number < ALERT_REASONS + 256)) return number || alertNamed(name);
  return alertNamed(name);
}

/** "SSLV3_ALERT_HANDSHAKE_FAILURE" has the number 1000 and that of the alert. 0 for what is no alert. */
function alertNamed(name: string): number {
  const alert = /^(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?(.+)$/.exec(name)?.[1]?.toLowerCase();
  const found = Object.entries(ALERTS).find(([, known]) => known === alert);
  return found === undefined ? 0 : ALERT_REASONS + Number(found[0]);
}

/** The reason, which stands behind the function in OpenSSL's text: "…:error:0A000102:SSL routines:function:reason:file". */
function saidIn(message: string): string {
  return /error:[0-9A-F]{8}:[^:]*:[^:]*:([^:]+)/i.exec(message)?.[1] ?? message.slice(0, 120);
}
