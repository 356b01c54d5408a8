/** The part of a transport that answers for its TLS. What begins TLS is the connection's own: it knows what has come before. */
import { check, checkOptional } from "../arguments/check.ts";
import { byteArray, integer, text } from "../arguments/kinds.ts";
import type { Failure } from "../failure.ts";
import type { Address, ProtocolLike } from "../interfaces.ts";
import type { Loop } from "../reactor/loop.ts";
import type { Certificate } from "../tls/certificate.ts";
import {
  type CipherInfo,
  type ConnectionSecurity,
  cipherOf,
  type SecuredConnection,
  type TLSInfo,
} from "../tls/seam.ts";
import { ClosingTransport } from "./closing.ts";

/** Of keying material. */
const KEY_BYTES = integer(1, 65_535);

export abstract class SecurableTransport extends ClosingTransport implements SecuredConnection {
  /** Of a connection with TLS. */
  security: ConnectionSecurity | undefined;

  constructor() {
    super();
    this.security = undefined;
  }

  abstract readonly handle: number;
  abstract readonly loop: Loop;
  abstract getPeer(): Address;
  abstract end(reason: Failure): void;

  get securedProtocol(): ProtocolLike | undefined {
    return this.receiver;
  }

  getTLSInfo(): TLSInfo | null {
    return this.security?.agreed(this) ?? null;
  }

  get negotiatedProtocol(): string | null {
    return this.getTLSInfo()?.protocol ?? null;
  }

  getCipher(): CipherInfo | null {
    return cipherOf(this.getTLSInfo());
  }

  isSessionReused(): boolean {
    return this.getTLSInfo()?.resumed ?? false;
  }

  getPeerCertificate(): Certificate | null {
    return this.security?.peerCertificate(this) ?? null;
  }

  getPeerCertificateChain(): readonly Buffer[] {
    return this.security?.peerCertificates(this) ?? [];
  }

  getHostCertificate(): Buffer | null {
    return this.security?.hostCertificate(this) ?? null;
  }

  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Buffer | null {
    const call = "exportKeyingMaterial(length, label, context)";
    check(call, "length", length, KEY_BYTES);
    check(call, "label", label, text);
    checkOptional(call, "context", context, byteArray);
    return this.security?.exportKeyingMaterial(this, length, label, context) ?? null;
  }
}
