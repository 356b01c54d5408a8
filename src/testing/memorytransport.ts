/**
 * The base of the in-memory transports: the closing rules of every transport, the protocol and the producer for a test to
 * inspect, addresses, and socket options. A subclass defines where written bytes go, and how the end of the connection
 * reaches the peer.
 */
import { IPv4Address } from "../internet/address.ts";
import { check } from "../internet/arguments/check.ts";
import { error, flag } from "../internet/arguments/kinds.ts";
import { ensureProtocol } from "../internet/arguments/transports.ts";
import { ensurePieces, ownBytes } from "../internet/arguments/writing.ts";
import { Failure } from "../internet/failure.ts";
import type {
  Address,
  Bytes,
  HandshakeListener,
  Producer,
  ProtocolLike,
  TLSTransport,
} from "../internet/interfaces.ts";
import {
  ABORTED,
  ClosingTransport,
  DEAF,
  FIN_DUE,
  HALF_CLOSING,
  LOST,
  PRODUCER,
  PRODUCER_PAUSED,
  STREAMING,
} from "../internet/stream/closing.ts";
import { ACCEPTED } from "../internet/stream/sendqueue.ts";
import type { Certificate } from "../internet/tls/certificate.ts";
import {
  type CipherInfo,
  type ContextFactory,
  cipherOf,
  type StartTLSOptions,
  type TLSInfo,
} from "../internet/tls/seam.ts";
import { checkExport, keyingMaterial, type MemoryTLS } from "./agreedtls.ts";
import { watchForLeaks } from "./leaks.ts";

/** The default addresses of the two ends. */
export const SERVER_ADDRESS: Address = new IPv4Address("TCP", "10.0.0.1", 12345);
export const CLIENT_ADDRESS: Address = new IPv4Address("TCP", "192.168.1.1", 54321);

/** What every transport in memory has, see {@link StringTransport} and {@link FakeTransport}. */
export abstract class MemoryTransport extends ClosingTransport implements TLSTransport {
  /** Called once, when the connection is lost, after connectionLost(). */
  onLost: ((reason: Error) => void) | null = null;
  private readonly host: Address;
  private readonly peer: Address;
  /** Once the handshake is done. */
  private secured: MemoryTLS | null = null;
  private noDelay = true;
  private keepAlive = false;

  constructor(host: Address, peer: Address) {
    super();
    this.host = host;
    this.peer = peer;
    watchForLeaks(this);
  }

  // --- what a subclass implements ------------------------------------------------------------------------------------

  /** Queue `data`, which is not empty and is owned by this transport. */
  protected abstract put(data: Buffer): void;
  /** Drop what has not reached the peer or the protocol. */
  protected abstract forget(): void;
  abstract pauseProducing(): void;
  abstract resumeProducing(): void;
  abstract startTLS(contextFactory: ContextFactory, options?: StartTLSOptions): void;

  // --- for the test --------------------------------------------------------------------------------------------------

  /** The protocol that has the connection: null before it is connected and once it is lost. */
  get protocol(): ProtocolLike | null {
    return this.receiver ?? null;
  }
  set protocol(protocol: ProtocolLike | null) {
    this.receiver = protocol ?? undefined;
  }

  /** The argument of registerProducer(); null without a producer. */
  get producer(): Producer | null {
    return this.registered ?? null;
  }

  /** Whether that is a push producer. */
  get streaming(): boolean {
    return (this.flags & STREAMING) !== 0;
  }

  /** The connection is lost. */
  get disconnected(): boolean {
    return (this.flags & LOST) !== 0;
  }

  /**
   * The connection is lost for this side. What the producer or the protocol throws is thrown to the caller.
   * @throws TypeError when `reason` is not an Error
   */
  lose(reason: Error): void {
    check("lose(reason)", "reason", reason, error);
    this.forget();
    if ((this.flags & LOST) !== 0) return;
    const { receiver, registered } = this;
    this.receiver = undefined;
    this.registered = undefined;
    this.secured = null;
    this.forgetWaiters();
    this.flags = (this.flags | LOST) & ~(PRODUCER | STREAMING | PRODUCER_PAUSED);
    registered?.stopProducing();
    receiver?.connectionLost(new Failure(reason));
    this.onLost?.(reason);
  }

  /** See skein/testing/vitest. */
  readonly leakKind = "transports";
  leaks(): string[] {
    return this.protocol === null ? [] : [`the connection of a ${this.protocol.constructor.name} is still open`];
  }

  // --- for the protocol ----------------------------------------------------------------------------------------------

  write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    const bytes = ownBytes(data, encoding, callback);
    if ((this.flags & (ABORTED | LOST | FIN_DUE)) !== 0 || bytes.length === 0) return;
    this.put(bytes);
  }

  writeSequence(pieces: Iterable<Bytes>): void {
    for (const piece of ensurePieces(pieces)) this.write(piece);
  }

  switchProtocol(next: ProtocolLike): void {
    ensureProtocol("switchProtocol(next)", next, "next");
    if (this.receiver === undefined) return;
    this.giveTo(next);
    next.makeConnection(this);
  }

  getPeer(): Address {
    return this.peer;
  }
  getHost(): Address {
    return this.host;
  }
  setTcpNoDelay(on: boolean): void {
    check("setTcpNoDelay(on)", "on", on, flag);
    this.noDelay = on;
  }
  getTcpNoDelay(): boolean {
    return this.noDelay;
  }
  setTcpKeepAlive(on: boolean): void {
    check("setTcpKeepAlive(on)", "on", on, flag);
    this.keepAlive = on;
  }
  getTcpKeepAlive(): boolean {
    return this.keepAlive;
  }

  getTLSInfo(): TLSInfo | null {
    return this.secured?.info ?? null;
  }
  get negotiatedProtocol(): string | null {
    return this.secured?.info.protocol ?? null;
  }
  getCipher(): CipherInfo | null {
    return cipherOf(this.getTLSInfo());
  }
  isSessionReused(): boolean {
    return this.secured?.info.resumed ?? false;
  }
  getPeerCertificate(): Certificate | null {
    return this.secured?.peer[0] ?? null;
  }
  getPeerCertificateChain(): readonly Buffer[] {
    return this.secured?.peer.map((each) => each.dump()) ?? [];
  }
  getHostCertificate(): Buffer | null {
    return this.secured?.host?.dump() ?? null;
  }
  /** The same bytes at both ends for the same label and context; they are no secret. */
  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Buffer | null {
    checkExport(length, label, context);
    return this.secured === null ? null : keyingMaterial(length, label, context);
  }

  /** False while the connection closes: startTLS() does nothing. @throws Error as the startTLS() of real transports does */
  protected canStartTLS(started: boolean): boolean {
    if ((this.flags & (LOST | DEAF)) !== 0) return false;
    if ((this.flags & HALF_CLOSING) !== 0)
      throw new Error("TLS cannot begin behind loseWriteConnection(): nothing can be sent.");
    if (started) throw new Error("This connection has TLS already: startTLS() is called once.");
    return true;
  }

  /** The handshake is done: the protocol is told. */
  protected secure(tls: MemoryTLS): void {
    this.secured = tls;
    (this.receiver as Partial<HandshakeListener> | undefined)?.handshakeCompleted?.();
  }

  // --- how it closes -------------------------------------------------------------------------------------------------

  /** The test or its pump decides when a producer is resumed. */
  protected override wantDrain(): void {}
  protected override askFirst(): void {}
  protected override holdReading(): void {}
  protected override readOn(): void {}

  /** @internal So that a test sees receivers wait. */
  override get [ACCEPTED](): boolean {
    return true;
  }

  /** Until the test or its pump says that the queue has drained. */
  protected override stillOverMark(): boolean {
    return true;
  }

  /** Exceptions of protocols reach the test. */
  protected override fail(error: unknown): void {
    throw error;
  }
}
