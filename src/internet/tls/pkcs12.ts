/** PKCS#12 files, which Node can use but does not open: the addon does, with the OpenSSL of the runtime. RFC 7292. */
import { isUint8Array } from "node:util/types";
import { loadNative } from "../../native.ts";
import { check } from "../arguments/check.ts";
import { described } from "../arguments/described.ts";
import { bytes } from "../arguments/kinds.ts";
import { TLSNotAvailableError, TLSOptionsError } from "./errors.ts";
import { certificateOf } from "./pem.ts";

/** DER of a private key (PKCS#8), which whoever asked for it wipes, and of its certificate, with those behind it that signed it. */
export interface PKCS12Contents {
  readonly key: Buffer;
  readonly certificates: readonly Buffer[];
}

/** @throws TypeError | TLSOptionsError | TLSNotAvailableError | NativeLoadError */
export function openPKCS12(data: Uint8Array, passphrase: string | Uint8Array): PKCS12Contents {
  if (!isUint8Array(data)) throw new TypeError(`A PKCS#12 file is a Buffer or Uint8Array, not ${described(data)}.`);
  check("PrivateCertificate.loadPKCS12(data, passphrase)", "passphrase", passphrase, bytes);
  const { tls } = loadNative();
  const unavailable = tls.load(process.versions.openssl ?? "");
  if (unavailable !== "") throw new TLSNotAvailableError(`PKCS#12 files cannot be opened here: ${unavailable}.`);
  const secret = Buffer.from(passphrase);
  try {
    // OpenSSL would take what stands before it.
    if (secret.includes(0)) throw new TLSOptionsError("The passphrase of a PKCS#12 file has no NUL.");
    const opened = tls.openPkcs12(data, secret);
    if (!("what" in opened)) return { key: opened.key, certificates: inOrder(opened.certificates) };
    throw new TLSOptionsError(`TLS cannot open ${opened.what}${reasonOf(opened.reason)}.`);
  } finally {
    secret.fill(0);
  }
}

/** The first one, and those that signed it and each other; others may stand in the file, in any order. */
function inOrder(certificates: readonly Buffer[]): Buffer[] {
  const [own, ...others] = certificates.map(certificateOf);
  const chain = [own!];
  for (;;) {
    const at = others.findIndex((one) => chain.at(-1)!.checkIssued(one));
    if (at < 0) return chain.map((one) => one.raw);
    chain.push(...others.splice(at, 1));
  }
}

function reasonOf(reason: string): string {
  if (reason === "") return "";
  if (reason !== "unsupported") return ` (${reason})`;
  return ": it is encrypted as OpenSSL 3 does no longer by itself (RC2, triple DES); write it anew with AES";
}
