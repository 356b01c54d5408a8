/** PEM and DER: what users have of certificates, requests and keys. RFC 7468. */
import type { KeyObject, X509Certificate } from "node:crypto";
import { elements, TAG } from "./der.ts";
import { TLSOptionsError } from "./errors.ts";
import { nodeCrypto } from "./node.ts";

const LINE = 64;

export function encodePEM(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString("base64");
  const lines = base64.match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

const BEGIN = "-----BEGIN ";
const DASHES = "-----";
const LABEL_MOST = 80;

/** DER of each block with one of the labels. Of the others, which may be keys, no string is made. */
export function decodePEM(pem: Buffer, ...labels: readonly string[]): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = pem.indexOf(BEGIN); at >= 0; ) {
    const label = labelAt(pem, at + BEGIN.length);
    const begin = at + BEGIN.length + label.length + DASHES.length;
    const end = label === "" ? -1 : pem.indexOf(`-----END ${label}-----`, begin);
    if (end >= 0 && labels.includes(label)) blocks.push(Buffer.from(pem.toString("latin1", begin, end), "base64"));
    at = pem.indexOf(BEGIN, end < 0 ? at + 1 : end);
  }
  return blocks;
}

/** "" when there is none. */
function labelAt(pem: Buffer, at: number): string {
  const end = pem.subarray(at, at + LABEL_MOST).indexOf(DASHES);
  return end < 0 ? "" : pem.toString("latin1", at, at + end);
}

/**
 * The certificate that is this DER; other things may stand behind it. X509Certificate looks for PEM first, also in a name of
 * the certificate: whoever chose that name would be taken for the owner of another certificate.
 * @throws TLSOptionsError for one with another one in it; Error for what is no certificate
 */
export function certificateOf(der: Uint8Array): X509Certificate {
  const certificate = new (nodeCrypto().X509Certificate)(der);
  if (certificate.raw.equals(der.subarray(0, certificate.raw.length))) return certificate;
  throw new TLSOptionsError("The certificate has another one in it, as PEM.");
}

/** DER of all certificates in PEM, or the one that is DER. @throws TLSOptionsError when there is none */
export function certificatesIn(what: string, data: string | Uint8Array): Buffer[] {
  const bytes =
    typeof data === "string" ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const list =
    isPEM(bytes) && !isDER(bytes)
      ? decodePEM(bytes, "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
      : [bytes];
  if (list.length === 0) throw new TLSOptionsError(`There is no certificate in ${what}.`);
  return list.map((der, i) => {
    try {
      return certificateOf(der).raw;
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
  if (data instanceof nodeCrypto().KeyObject) {
    if (data.type === "private") return data;
    throw new TLSOptionsError(`${what} is a ${data.type} key: a private one is needed.`);
  }
  const bytes =
    typeof data === "string" ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const secret = passphrase === undefined ? undefined : Buffer.from(passphrase);
  try {
    const key = parsed(bytes, secret);
    if (key !== undefined) return key;
  } finally {
    secret?.fill(0);
  }
  throw new TLSOptionsError(
    isEncrypted(bytes) && passphrase === undefined
      ? `${what} is encrypted: pass its passphrase.`
      : `${what} cannot be read${passphrase === undefined ? "" : " with this passphrase"}: it must be PEM or DER of a private key.`,
  );
}

function parsed(bytes: Buffer, passphrase: Buffer | undefined): KeyObject | undefined {
  const key = isPEM(bytes) ? keyBlockIn(bytes) : bytes;
  const forms = isPEM(bytes)
    ? [{ format: "pem" } as const]
    : ([
        { format: "der", type: "pkcs8" },
        { format: "der", type: "pkcs1" },
        { format: "der", type: "sec1" },
      ] as const);
  for (const form of forms) {
    try {
      return nodeCrypto().createPrivateKey({ key, ...form, ...(passphrase && { passphrase }) });
    } catch {
      // The next form. An error of OpenSSL's is not passed on: it may quote its input.
    }
  }
  return undefined;
}

/** RFC 1421, 4.6.1.1; RFC 5958, 3: an algorithm stands where the version of one that is not encrypted does. */
function isEncrypted(bytes: Buffer): boolean {
  if (isPEM(bytes)) return bytes.includes("ENCRYPTED");
  try {
    const [outer] = elements(bytes);
    return elements(outer!.contents)[0]?.tag === TAG.SEQUENCE;
  } catch {
    return false;
  }
}

/** The key among other things, without a copy: Deno does not look for it. */
function keyBlockIn(pem: Buffer): Buffer {
  const label = pem.indexOf("PRIVATE KEY-----");
  const begin = pem.lastIndexOf("-----BEGIN ", label);
  const end = pem.indexOf("-----END ", label);
  return label < 0 || begin < 0 || end < 0 ? pem : pem.subarray(begin, pem.indexOf("-----", end + 9) + 5);
}

/** A sequence of more than 127 bytes, and no text. */
export function isDER(bytes: Uint8Array): boolean {
  return bytes[0] === TAG.SEQUENCE && bytes[1]! > 0x80;
}

function isPEM(bytes: Buffer): boolean {
  return bytes.includes(BEGIN);
}
