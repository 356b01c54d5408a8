/** Why TLS refused or lost a connection: an error for each reason, with a sentence that says what to do. */
import { printable } from "../../logger/printable.ts";
import { type TlsFailure, TlsFault } from "../../native.ts";
import { ConnectionLost, SkeinError } from "../error.ts";
import { REVOKED, type Reason, STAPLES } from "./staples.ts";

/** TLS ended the connection: the reason of connectionLost(). `code` says why. */
export class TLSError extends ConnectionLost {
  override readonly code: string;
  /** The name of the alert that this side sent, as "certificate_expired"; "" when it sent none. RFC 8446, 6. */
  readonly alertSent: string;
  /** The name of the alert that the peer sent; "" when it sent none. */
  readonly alertReceived: string;

  constructor(code: string, message: string, { sent = "", received = "" } = {}) {
    super(message, "EPROTO");
    this.code = code;
    this.alertSent = sent;
    this.alertReceived = received;
  }
}

/** Certificates, keys or rules of TLS that cannot be used. Nothing of a key or a passphrase is in it. */
export class TLSOptionsError extends SkeinError {
  override readonly code: string = "ERR_TLS_OPTIONS";
}

/** There is no certificate where one is asked for. */
export class CertificateError extends SkeinError {
  override readonly code: string = "ERR_TLS_NO_CERTIFICATE";
}

/** Keys that both ends could export may not be theirs alone. RFC 9266, 3; RFC 7627. */
export class KeyingMaterialError extends SkeinError {
  override readonly code: string = "ERR_TLS_NO_EXTENDED_MASTER_SECRET";
}

/** TLS cannot run on this runtime. */
export class TLSNotAvailableError extends SkeinError {
  override readonly code: string = "ERR_TLS_NOT_AVAILABLE";
}

/** RFC 8446, 6; RFC 5246, 7.2; RFC 6066, 9; RFC 7301, 3.2. */
export const ALERTS: Readonly<Record<number, string>> = {
  0: "close_notify",
  10: "unexpected_message",
  20: "bad_record_mac",
  22: "record_overflow",
  40: "handshake_failure",
  42: "bad_certificate",
  43: "unsupported_certificate",
  44: "certificate_revoked",
  45: "certificate_expired",
  46: "certificate_unknown",
  47: "illegal_parameter",
  48: "unknown_ca",
  49: "access_denied",
  50: "decode_error",
  51: "decrypt_error",
  70: "protocol_version",
  71: "insufficient_security",
  80: "internal_error",
  86: "inappropriate_fallback",
  90: "user_canceled",
  100: "no_renegotiation",
  109: "missing_extension",
  110: "unsupported_extension",
  112: "unrecognized_name",
  113: "bad_certificate_status_response",
  115: "unknown_psk_identity",
  116: "certificate_required",
  120: "no_application_protocol",
};

/** What an alert of the peer's means for this side. */
const TOLD: Readonly<Record<string, string>> = {
  handshake_failure:
    "both sides have no cipher, group or signature algorithm in common, or it requires a certificate of this side " +
    "(clientCertificate)",
  bad_certificate: "it does not accept the certificate of this side: is it for the name that the peer wants?",
  unsupported_certificate: "the certificate of this side is for another purpose (extendedKeyUsage)",
  certificate_revoked: "the certificate of this side was revoked: get another one",
  certificate_expired: "the certificate of this side has expired, or one of its chain: renew it",
  certificate_unknown: "it does not accept the certificate of this side",
  unknown_ca:
    "it does not trust the authority that issued this side's certificate: have it trust that one, or send the " +
    "intermediate certificates (extraCertChain)",
  access_denied: "it knows this side, and does not admit it",
  decrypt_error: "a signature was wrong",
  protocol_version: "it speaks none of the versions of TLS that are allowed here: 1.2 and 1.3 are by default",
  insufficient_security: "it requires stronger ciphers",
  internal_error: "something went wrong there: look at its log",
  unrecognized_name: "it has no server of this name",
  certificate_required: "it requires a certificate of this side (clientCertificate)",
  no_application_protocol: "it speaks none of the offered application protocols (acceptableProtocols)",
};

/** OpenSSL's reasons for a certificate, and for a stapled response, that was refused. */
const VERIFY_FAILED = 134;
const STATUS_REFUSED = 328;

export const UNRECOGNIZED_NAME = 112;
export const INTERNAL_ERROR = 80;

const EXPIRED: Reason = {
  code: "ERR_TLS_CERT_EXPIRED",
  says: "has expired: renew it, and check the clocks of both machines",
};
const NOT_YET_VALID: Reason = {
  code: "ERR_TLS_CERT_NOT_YET_VALID",
  says: "is not valid yet: check the clocks of both machines",
};
const UNKNOWN_ISSUER: Reason = {
  code: "ERR_TLS_CERT_UNKNOWN_ISSUER",
  says:
    "was issued by an authority that is not trusted here: trust that authority (trustRoot), or have the peer send the " +
    "intermediate certificates of its chain (extraCertChain)",
};
const SELF_SIGNED: Reason = {
  code: "ERR_TLS_CERT_SELF_SIGNED",
  says: "is self-signed, or its root is, and not trusted here: trust that certificate (trustRoot) if it is the peer's",
};
const WRONG_NAME: Reason = {
  code: "ERR_TLS_CERT_WRONG_NAME",
  says: "is for another name than NAME: connect by a name that it has, or have it made for this one (subjectAltName)",
};
const NO_AUTHORITY: Reason = {
  code: "ERR_TLS_CERT_NO_AUTHORITY",
  says: "was issued by a certificate that may not issue others: it needs CA in basicConstraints, and keyCertSign in keyUsage",
};
const WRONG_PURPOSE: Reason = {
  code: "ERR_TLS_CERT_WRONG_PURPOSE",
  says: "is for another purpose: a server needs serverAuth in extendedKeyUsage, a client clientAuth",
};
const NO_CRL: Reason = {
  code: "ERR_TLS_CERT_NO_CRL",
  says: "could not be checked: there is no current list of revoked certificates (crls) of its authority",
};
const WEAK_KEY: Reason = {
  code: "ERR_TLS_CERT_WEAK_KEY",
  says: "has a key that is too weak: make one with at least 2,048 bits of RSA, or with an elliptic curve",
};
const WEAK_SIGNATURE: Reason = {
  code: "ERR_TLS_CERT_WEAK_SIGNATURE",
  says: "has a signature that is too weak (MD5 or SHA-1): have it signed anew with SHA-256",
};
const CONSTRAINTS: Reason = {
  code: "ERR_TLS_CERT_NAME_CONSTRAINTS",
  says: "has a name that its authority may not certify (nameConstraints): have another authority issue it",
};
const BAD_SIGNATURE: Reason = {
  code: "ERR_TLS_CERT_BAD_SIGNATURE",
  says: "has a wrong signature: it was changed, or another authority has the name of the one that is trusted here",
};

/** By X509_V_ERR_… (x509_vfy.h). */
const VERIFY: Readonly<Record<number, Reason>> = {
  2: UNKNOWN_ISSUER,
  3: NO_CRL,
  7: BAD_SIGNATURE,
  9: NOT_YET_VALID,
  10: EXPIRED,
  11: NO_CRL,
  12: NO_CRL,
  18: SELF_SIGNED,
  19: SELF_SIGNED,
  20: UNKNOWN_ISSUER,
  21: UNKNOWN_ISSUER,
  23: REVOKED,
  24: NO_AUTHORITY,
  25: NO_AUTHORITY,
  26: WRONG_PURPOSE,
  32: NO_AUTHORITY,
  47: CONSTRAINTS,
  48: CONSTRAINTS,
  62: WRONG_NAME,
  64: WRONG_NAME,
  66: WEAK_KEY,
  67: WEAK_KEY,
  68: WEAK_SIGNATURE,
  79: NO_AUTHORITY,
};

/** By OpenSSL's reason (sslerr.h). */
const REASONS: Readonly<Record<number, Reason>> = {
  101: {
    code: "ERR_TLS_NO_COMMON_GROUP",
    says: "no group for the key exchange is known to both sides: allow one of the other side's (groups)",
  },
  118: {
    code: "ERR_TLS_NO_COMMON_SIGNATURE",
    says: "no signature algorithm that suits the key is known to both sides: allow more of them (signatureAlgorithms)",
  },
  193: {
    code: "ERR_TLS_NO_COMMON_CIPHER",
    says:
      "no cipher is known to both sides that suits the server's key: allow one of the other side's (acceptableCiphers, " +
      "cipherSuites)",
  },
  199: {
    code: "ERR_TLS_NO_CLIENT_CERT",
    says: "the client has sent no certificate, which this server requires: have it send one (clientCertificate)",
  },
  235: {
    code: "ERR_TLS_NO_COMMON_PROTOCOL",
    says: "no application protocol (ALPN) is known to both sides: allow one of the other side's (acceptableProtocols)",
  },
  258: {
    code: "ERR_TLS_OLD_VERSION",
    says: "the peer offers no version of TLS that is allowed here (1.2 and 1.3 by default): have it offer a newer one",
  },
};

/** The types of records. RFC 8446, 5.1. */
const RECORD = { least: 20, most: 23 } as const;

/** What another protocol begins with. */
const OTHERS: readonly (readonly [RegExp, string])[] = [
  [/^(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT) /, "HTTP without TLS: use https:"],
  [/^PRI \* HTTP/, "HTTP/2 without TLS: use https:"],
  [/^HTTP\//, "an answer of HTTP: the server does not speak TLS on this port"],
  [/^SSH-/, "SSH"],
  [/^PROXY |^\r\n\r\n\0\r\nQUIT/, "a PROXY header: listen with haproxy: in front of TLS"],
  [/^(EHLO|HELO|\d{3}[ -])/, "plain SMTP or FTP: it begins without TLS, and turns to it by startTLS()"],
];

/** The error for what a filter failed with. `peer` and `server` are for the message. */
export function tlsError(failure: TlsFailure, peer: string, server: boolean): TLSError {
  const alerts = { sent: ALERTS[failure.alertSent] ?? "", received: receivedAlert(failure.code) };
  const who = `TLS with ${peer}`;
  switch (failure.fault) {
    case TlsFault.TRUNCATED:
      return new TLSError(
        "ERR_TLS_TRUNCATED",
        `${who}: the connection ended without close_notify: what came last may be missing, so do not use it as if it were whole.`,
        alerts,
      );
    case TlsFault.CUT:
      return new TLSError(
        "ERR_TLS_CUT_OFF",
        `${who}: the peer closed during the handshake: its log may say why, and whether it speaks TLS on this port.`,
        alerts,
      );
    case TlsFault.FLOOD:
      return new TLSError("ERR_TLS_FLOOD", `${who}: the peer sent too many messages that bring no data.`, alerts);
    case TlsFault.REFUSED:
      return new TLSError(
        "ERR_TLS_REFUSED",
        failure.alertSent === INTERNAL_ERROR
          ? `${who}: onClient() failed for a client that wanted ${named(failure)}: the log says why.`
          : `${who}: onClient() refused a client that wanted ${named(failure)}.`,
        alerts,
      );
  }
  const staple = failure.code === STATUS_REFUSED ? STAPLES[failure.staple] : undefined;
  if (failure.code === VERIFY_FAILED || staple !== undefined) {
    const { code, says } = staple ??
      VERIFY[failure.verify] ?? {
        code: "ERR_TLS_CERT_INVALID",
        says: `is not valid: ${failure.verifyReason}`,
      };
    const reason = says.replace("NAME", () => named(failure));
    return new TLSError(code, `${who}: the certificate of the ${server ? "client" : "server"} ${reason}.`, alerts);
  }
  if (alerts.received !== "") {
    const means = TOLD[alerts.received];
    return new TLSError(
      "ERR_TLS_ALERT",
      `${who}: the peer refused, with the alert ${alerts.received}${means === undefined ? "" : `: ${means}`}.`,
      alerts,
    );
  }
  const { beginning } = failure;
  if (beginning.length > 0 && (beginning[0]! < RECORD.least || beginning[0]! > RECORD.most)) {
    return new TLSError("ERR_TLS_NOT_TLS", `${who}: what came is ${whatBegins(beginning)}.`, alerts);
  }
  const known = REASONS[failure.code];
  if (known !== undefined) return new TLSError(known.code, `${who}: ${known.says}.`, alerts);
  return new TLSError("ERR_TLS_PROTOCOL", `${who} failed: ${failure.reason || "the peer broke the protocol"}.`, alerts);
}

function whatBegins(bytes: Buffer): string {
  // A length of 15 bits, and the type of a hello.
  if (bytes[0]! >= 0x80 && bytes[2] === 1) return "SSL 2, which nobody should use any more";
  const text = bytes.toString("latin1");
  return OTHERS.find(([begins]) => begins.test(text))?.[1] ?? "no TLS";
}

/** OpenSSL's reason for an alert is 1000 and the alert. */
function receivedAlert(code: number): string {
  return code >= 1000 && code < 1256 ? (ALERTS[code - 1000] ?? `${code - 1000}`) : "";
}

function named({ serverName }: TlsFailure): string {
  return serverName === "" ? "no name" : printable(serverName);
}
