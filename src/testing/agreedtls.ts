/** What a test says that a handshake has agreed on. No TLS is spoken in memory: nothing else decides it. */
import { createHash } from "node:crypto";
import { check, checkOptional, checkOptions, type OptionKinds } from "../internet/arguments/check.ts";
import { byteArray, flag, integer, type Kind, orNull, text } from "../internet/arguments/kinds.ts";
import type { Certificate } from "../internet/tls/certificate.ts";
import { isCertificate } from "../internet/tls/identity.ts";
import type { TLSInfo } from "../internet/tls/seam.ts";

/** What one side knows once the handshake is done. What is left out is as between two Skeins without client certificates. */
export interface AgreedTLS extends Partial<TLSInfo> {
  /** Of the other side; an array when it has sent its chain, its own first. Default: it has shown none. */
  readonly peerCertificate?: Certificate | readonly Certificate[] | null;
  /** That this side has shown. Default: none. */
  readonly hostCertificate?: Certificate | null;
}

const CERTIFICATE: Kind = { accepts: "a Certificate", typed: isCertificate };

const KINDS: OptionKinds<AgreedTLS> = {
  version: text,
  cipher: text,
  standardCipher: text,
  bits: integer(0),
  group: text,
  protocol: orNull(text),
  resumed: flag,
  serverName: text,
  ocspResponse: orNull({ accepts: "a Buffer", typed: Buffer.isBuffer }),
  peerCertificate: orNull({
    accepts: "a Certificate, or an array of these",
    typed: (value) => (Array.isArray(value) ? value.every(isCertificate) : isCertificate(value)),
  }),
  hostCertificate: orNull(CERTIFICATE),
};

const USUAL: TLSInfo = {
  version: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  standardCipher: "TLS_AES_256_GCM_SHA384",
  bits: 256,
  group: "x25519",
  protocol: null,
  resumed: false,
  serverName: "",
  ocspResponse: null,
};

/** TLS of a transport in memory whose handshake is done. */
export class MemoryTLS {
  readonly info: TLSInfo;
  readonly peer: readonly Certificate[];
  readonly host: Certificate | null;

  /** @throws TypeError | RangeError */
  constructor(call: string, agreed: AgreedTLS) {
    const { peerCertificate = null, hostCertificate = null, ...info } = checkOptions<AgreedTLS>(call, agreed, KINDS);
    this.info = { ...USUAL, ...info };
    this.peer = peerCertificate === null ? [] : [peerCertificate].flat();
    this.host = hostCertificate;
  }
}

/** Of keying material. */
const KEY_BYTES = integer(1, 65_535);

/** @throws TypeError | RangeError as exportKeyingMaterial() does */
export function checkExport(length: unknown, label: unknown, context: unknown): void {
  const call = "exportKeyingMaterial(length, label, context)";
  check(call, "length", length, KEY_BYTES);
  check(call, "label", label, text);
  checkOptional(call, "context", context, byteArray);
}

/** Bytes that both ends get for the same label and context, and that are no secret. */
export function keyingMaterial(length: number, label: string, context: Uint8Array = new Uint8Array(0)): Buffer {
  const blocks: Buffer[] = [];
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32BE(Buffer.byteLength(label), 0);
  for (let made = 0; made < length; made += blocks.at(-1)!.length) {
    sizes.writeUInt32BE(blocks.length, 4);
    blocks.push(createHash("sha256").update(sizes).update(label).update(context).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}
