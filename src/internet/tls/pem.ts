/** PEM and DER: what users have of certificates, requests and keys. RFC 7468. */
import { createPrivateKey, KeyObject, X509Certificate } from "node:crypto";
import { isUint8Array } from "node:util/types";
import { TLSOptionsError } from "./errors.ts";

const LINE = 64;

export function encodePEM(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString("base64");
  const lines = base64.match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** DER of each block with one of the labels. */
export function decodePEM(text: string, ...labels: readonly string[]): Buffer[] {
  const blocks = text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----/g);
  return [...blocks]
    .filter(([, label]) => labels.includes(label!))
    .map(([, , base64]) => Buffer.from(base64!, "base64"));
}

/** DER of all certificates in PEM, or the one that is DER. @throws TLSOptionsError when there is none */
export function certificatesIn(what: string, data: string | Uint8Array): Buffer[] {
  const bytes =
    typeof data === "string" ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const list = isPEM(bytes)
    ? decodePEM(bytes.toString("latin1"), "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
    : [bytes];
  if (list.length === 0) throw new TLSOptionsError(`There is no certificate in ${what}.`);
  return list.map((der, i) => {
    try {
      return new X509Certificate(der).raw;
    } catch {
      throw new TLSOptionsError(`${what} cannot be read: certificate ${i + 1} is neither PEM nor DER of one.`);
    }
  });
}

/**
 * A private key: PEM or DER, encrypted or not, or a KeyObject. What a wrong passphrase leads to says nothing of the key.
 * @throws TLSOptionsError
 */
export function privateKeyFrom(
  what: string,
  data: string | Uint8Array | KeyObject,
  passphrase?: string | Uint8Array,
): KeyObject {
  if (data instanceof KeyObject) {
    if (data.type === "private") return data;
    throw new TLSOptionsError(`${what} is a ${data.type} key: a private one is needed.`);
  }
  const bytes =
    typeof data === "string" ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const given =
    passphrase === undefined ? {} : { passphrase: isUint8Array(passphrase) ? Buffer.from(passphrase) : passphrase };
  const forms = isPEM(bytes)
    ? [{ format: "pem" } as const]
    : ([
        { format: "der", type: "pkcs8" },
        { format: "der", type: "pkcs1" },
        { format: "der", type: "sec1" },
      ] as const);
  for (const form of forms) {
    try {
      return createPrivateKey({ key: bytes, ...form, ...given });
    } catch {
      // The next form. An error of OpenSSL's is not passed on: it may quote its input.
    }
  }
  const encrypted = /ENCRYPTED/.test(bytes.toString("latin1", 0, 200));
  throw new TLSOptionsError(
    encrypted && passphrase === undefined
      ? `${what} is encrypted: pass its passphrase.`
      : `${what} cannot be read${passphrase === undefined ? "" : " with this passphrase"}: it must be PEM or DER of a private key.`,
  );
}

function isPEM(bytes: Buffer): boolean {
  return bytes.includes("-----BEGIN ");
}
