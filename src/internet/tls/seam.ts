/**
 * What a context factory (`CertificateOptions` and its kin, of `skein/ssl`) gives to ports, connectors and transports, which
 * know nothing else of TLS: a program without TLS loads none of it.
 *
 * ```
 *   listenSSL(port, factory, options) ─▶ options[SECURITY].server(…) ─▶ PortSecurity ───── connection() ─▶ ConnectionSecurity
 *   connectSSL(host, …)               ─▶ options[SECURITY].begin(…)  ──────────────────────────────────▶ ConnectionSecurity
 *   startTLS(options)                 ─▶ options[SECURITY].begin(…)  ──────────────────────────────────▶ ConnectionSecurity
 * ```
 */
import type { NativeEngine } from "../../native.ts";
import type { OptionKinds } from "../arguments/check.ts";
import { byteArray, flag } from "../arguments/kinds.ts";
import type { Failure } from "../failure.ts";
import type { Loop } from "../reactor/loop.ts";
import type { Certificate } from "./certificate.ts";

/** The key of what a context factory gives. */
export const SECURITY: unique symbol = Symbol("security");

/** The options of TLS, ready to be used: made by `CertificateOptions`, `optionsForClientTLS()`, … */
export interface ContextFactory {
  readonly [SECURITY]: Security;
}

/** A connection as its TLS sees it. */
export interface SecuredConnection {
  /** The engine's handle; -1 after the loss. */
  readonly handle: number;
  readonly loop: Loop;
  /** Its address, for messages. */
  getPeer(): { toString(): string };
  /** Its protocol; undefined after the loss. */
  readonly securedProtocol: object | undefined;
  /** Abort it for a reason. */
  end(reason: Failure): void;
  /** What a method of the protocol threw, or was rejected with. */
  failed(error: unknown): void;
}

/** What both ends have agreed on. */
export interface TLSInfo {
  /** "TLSv1.3" */
  readonly version: string;
  /** OpenSSL's name of the cipher, the name that IANA registers, and its bits. */
  readonly cipher: string;
  readonly standardCipher: string;
  readonly bits: number;
  /** The group of the key exchange, as "x25519"; "" when there was none. */
  readonly group: string;
  /** The protocol of ALPN; null when there is none. */
  readonly protocol: string | null;
  /** Whether an earlier session was resumed. */
  readonly resumed: boolean;
  /** The name that the client announced (SNI), in lower case; "" when it announced none. */
  readonly serverName: string;
  /** DER of the OCSP response that the server has stapled; null when there is none. */
  readonly ocspResponse: Buffer | null;
}

/** The cipher of a connection. */
export interface CipherInfo {
  /** OpenSSL's name, and the one that IANA registers. */
  readonly name: string;
  readonly standardName: string;
  readonly bits: number;
  /** The version of TLS: "TLSv1.3". */
  readonly version: string;
}

/** The part of what was agreed that is about the cipher. */
export function cipherOf(info: TLSInfo | null): CipherInfo | null {
  if (info === null) return null;
  const { cipher, standardCipher, bits, version } = info;
  return { name: cipher, standardName: standardCipher, bits, version };
}

/** TLS of one connection. */
export interface ConnectionSecurity {
  /** The connection is there: the handshake must be done in time. */
  begun(connection: SecuredConnection): void;
  /** Bytes that were received as plaintext, and belong to TLS. */
  unread(connection: SecuredConnection, wire: Uint8Array): void;
  /** A FILTER record of the engine's; `connection` is the one it was made for. */
  told(connection: SecuredConnection, events: number): void;
  /** What was agreed; null before the handshake is done, and after the loss. */
  agreed(connection: SecuredConnection): TLSInfo | null;
  /** DER of the peer's certificates, its own first; none before the handshake, or when it has none. */
  peerCertificates(connection: SecuredConnection): readonly Buffer[];
  /** The peer's own certificate; null before the handshake, or when it has none. */
  peerCertificate(connection: SecuredConnection): Certificate | null;
  /** DER of the one that this side has shown; null before the handshake, or when it has shown none. */
  hostCertificate(connection: SecuredConnection): Buffer | null;
  exportKeyingMaterial(
    connection: SecuredConnection,
    length: number,
    label: string,
    context: Uint8Array | undefined,
  ): Buffer | null;
  /** The connection is gone. Why, when it has `failed` and TLS knows better than the kernel. Asked while the CLOSED record is read. */
  lost(connection: SecuredConnection, failed: boolean): Failure | undefined;
}

/** TLS of a listening port. */
export interface PortSecurity {
  /** For a connection that was accepted. */
  connection(connection: SecuredConnection): ConnectionSecurity;
}

/** How TLS begins in mid-stream. */
export interface StartTLSOptions {
  /** Whether this side is the server of TLS. Default: whether it accepted the connection. */
  readonly server?: boolean;
  /**
   * Bytes that came already and belong to TLS: those behind the header of a proxy that was read in plaintext. With it, what
   * comes from now on is no injected plaintext either. Not for STARTTLS, where the peer waits for an answer.
   */
  readonly received?: Uint8Array;
}

export const START_KINDS: OptionKinds<StartTLSOptions> = { server: flag, received: byteArray };

export interface Security {
  /** Throw what is wrong with these options, before anything begins. @throws TLSOptionsError | TLSNotAvailableError */
  check(native: NativeEngine, server: boolean): void;
  /** Have what the listener accepts go through TLS. */
  listen(native: NativeEngine, listener: number): PortSecurity;
  /** Begin TLS on a connection, or on an attempt whose handle is new. */
  begin(native: NativeEngine, connection: { readonly handle: number }, server: boolean): ConnectionSecurity;
}

/** @throws TypeError for what is no context factory */
export function securityOf(call: string, contextFactory: unknown): Security {
  const security = (contextFactory as Partial<ContextFactory> | null | undefined)?.[SECURITY];
  if (security !== undefined) return security;
  throw new TypeError(
    `${call} needs the options of TLS, as new CertificateOptions({ privateKey, certificate }) or optionsForClientTLS(host) ` +
      'of "skein/ssl".',
  );
}
