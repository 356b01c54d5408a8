/** The part of a wrapper that hands TLS on: to its protocol what the connection has to tell, to the connection the rest. */
import type { HandshakeListener, ProtocolLike, TLSTransport } from "../../internet/interfaces.ts";
import { Protocol } from "../../internet/protocol.ts";
import type { Certificate } from "../../internet/tls/certificate.ts";
import {
  type CipherInfo,
  type ContextFactory,
  cipherOf,
  type StartTLSOptions,
  type TLSInfo,
} from "../../internet/tls/seam.ts";

/** Over a transport without TLS, everything is as before a handshake. */
export abstract class SecuringWrapper extends Protocol {
  abstract wrappedProtocol: ProtocolLike;

  /** @throws Error over a transport that has no TLS; else as the transport's own does */
  startTLS(contextFactory: ContextFactory, options?: StartTLSOptions): void {
    const transport = this.transport as Partial<TLSTransport>;
    if (transport.startTLS === undefined)
      throw new Error("startTLS() is for connections of a reactor: this transport has no TLS.");
    transport.startTLS(contextFactory, options);
  }

  getTLSInfo(): TLSInfo | null {
    return (this.transport as Partial<TLSTransport>).getTLSInfo?.() ?? null;
  }

  get negotiatedProtocol(): string | null {
    return (this.transport as Partial<TLSTransport>).negotiatedProtocol ?? null;
  }

  getCipher(): CipherInfo | null {
    return cipherOf(this.getTLSInfo());
  }

  isSessionReused(): boolean {
    return this.getTLSInfo()?.resumed ?? false;
  }

  getPeerCertificate(): Certificate | null {
    return (this.transport as Partial<TLSTransport>).getPeerCertificate?.() ?? null;
  }

  getPeerCertificateChain(): readonly Buffer[] {
    return (this.transport as Partial<TLSTransport>).getPeerCertificateChain?.() ?? [];
  }

  getHostCertificate(): Buffer | null {
    return (this.transport as Partial<TLSTransport>).getHostCertificate?.() ?? null;
  }

  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Buffer | null {
    return (this.transport as Partial<TLSTransport>).exportKeyingMaterial?.(length, label, context) ?? null;
  }

  /** Defined if the wrapped protocol has it. */
  get handshakeCompleted(): (() => unknown) | undefined {
    const inner = this.wrappedProtocol as Partial<HandshakeListener>;
    return typeof inner.handshakeCompleted === "function" ? () => inner.handshakeCompleted!() : undefined;
  }
}
