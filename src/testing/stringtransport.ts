/**
 * A transport that keeps what is written to it. It ends by the rules of every transport, see closing.ts, with a network
 * that takes every byte at once, and a peer that does what the test says.
 */

import { address } from "../internet/arguments/addresses.ts";
import { check, checkOptions } from "../internet/arguments/check.ts";
import { bytes, flag, type Kind, object } from "../internet/arguments/kinds.ts";
import { ensureProtocol } from "../internet/arguments/transports.ts";
import { ConnectionAborted, ConnectionDone, PlaintextBeforeTLS } from "../internet/error.ts";
import type { Address, Bytes, ProtocolLike } from "../internet/interfaces.ts";
import { ABORTED, CLOSE_DUE, DEAF, LOST, WRITE_ENDED } from "../internet/stream/closing.ts";
import { undeliveredIn } from "../internet/stream/sendqueue.ts";
import { type ContextFactory, START_KINDS, type StartTLSOptions, securityOf } from "../internet/tls/seam.ts";
import { type AgreedTLS, MemoryTLS } from "./agreedtls.ts";
import { deliver } from "./delivery.ts";
import { CLIENT_ADDRESS, MemoryTransport, SERVER_ADDRESS } from "./memorytransport.ts";

/** The addresses of a StringTransport, and how strict it is. */
export interface StringTransportOptions {
  /** Default 10.0.0.1, port 12345. */
  readonly hostAddress?: Address;
  /** Default 192.168.1.1, port 54321. */
  readonly peerAddress?: Address;
  /** True: calls that make no sense (resumeProducing() after stopProducing(), say) are allowed, as by real transports. Default false. */
  readonly lenient?: boolean;
  /** Options of TLS: the connection has TLS from the beginning, as of listenSSL() and connectSSL(). Default: none. */
  readonly contextFactory?: ContextFactory;
}

const OPTIONS: Record<keyof StringTransportOptions, Kind> = {
  hostAddress: address,
  peerAddress: address,
  lenient: flag,
  contextFactory: object,
};

/** The arguments of startTLS(). Of a connection that has TLS from the beginning, its options, and no others. */
export interface StartedTLS {
  readonly contextFactory: ContextFactory;
  readonly options: StartTLSOptions;
}

/** What the protocol last asked for: reading, a pause, or the end. */
export type ProducerState = "producing" | "paused" | "stopped";

/**
 * One end of a connection that exists in a test only. The test looks at what was written, gives bytes to the protocol,
 * and ends the connection.
 */
export class StringTransport extends MemoryTransport {
  producerState: ProducerState = "producing";
  /** What startTLS() was called with, once it was, or the constructor's `contextFactory`. No TLS is spoken: value() is what the protocol wrote. */
  tls: StartedTLS | null = null;
  private handshakeDone = false;
  private plaintext: PlaintextBeforeTLS | undefined;
  private readonly lenient: boolean;
  private pieces: Buffer[] = [];

  /** @throws TypeError for a wrong option */
  constructor(options: StringTransportOptions = {}) {
    const call = "new StringTransport(options)";
    const checked = checkOptions<StringTransportOptions>(call, options, OPTIONS);
    super(checked.hostAddress ?? SERVER_ADDRESS, checked.peerAddress ?? CLIENT_ADDRESS);
    this.lenient = checked.lenient ?? false;
    const { contextFactory } = checked;
    if (contextFactory === undefined) return;
    securityOf(call, contextFactory);
    this.tls = { contextFactory, options: {} };
  }

  // --- for the test --------------------------------------------------------------------------------------------------

  /** Give the connection to `protocol`. Returns this transport. @throws TypeError when it is not a protocol */
  connect(protocol: ProtocolLike): this {
    ensureProtocol("connect(protocol)", protocol);
    this.receiver = protocol;
    protocol.makeConnection(this);
    return this;
  }

  /** abortConnection() was called, or the connection is lost. */
  override get disconnected(): boolean {
    return (this.flags & (ABORTED | LOST)) !== 0;
  }

  /** Our half has ended: loseWriteConnection() was called, and no producer had more to write. */
  get writeDisconnected(): boolean {
    return (this.flags & WRITE_ENDED) !== 0;
  }

  /**
   * Bytes arrive. They are dropped if the protocol has closed the connection. If the protocol borrows, they are
   * overwritten after the call, as the engine does.
   * @throws Error while the protocol has paused reading, or without a protocol
   */
  receive(data: Bytes): void {
    check("receive(data)", "data", data, bytes);
    const protocol = this.connected();
    if ((this.flags & DEAF) !== 0) return;
    if (this.producerState === "paused") throw new Error("The protocol has paused this transport: nothing arrives.");
    deliver(protocol, data);
  }

  /**
   * The peer's FIN arrives. The connection stays open if the protocol has readConnectionLost(); otherwise it is lost,
   * as soon as no producer has more to write.
   * @throws Error without a protocol
   */
  receiveEnd(): void {
    this.connected();
    this.peerEnded();
    if ((this.flags & CLOSE_DUE) !== 0) this.lose();
  }

  /** The connection is lost, for `reason`; by default for what the protocol did. */
  override lose(reason: Error = this.ownReason()): void {
    super.lose(reason);
  }

  /**
   * The handshake is done: the protocol's handshakeCompleted() is called, if it has one. getTLSInfo(), getPeerCertificate()
   * and the others answer with what is `agreed`, until the loss.
   * @throws TypeError | RangeError for what is wrong in `agreed`; Error without TLS, and the second time
   */
  completeHandshake(agreed: AgreedTLS = {}): void {
    const tls = new MemoryTLS("completeHandshake(agreed)", agreed);
    this.connected();
    if (this.tls === null) throw new Error("There is no handshake: the protocol has not called startTLS().");
    if (this.handshakeDone) throw new Error("The handshake is done already.");
    this.handshakeDone = true;
    this.secure(tls);
  }

  /** Everything that was written since the last clear(). */
  value(): Buffer {
    return Buffer.concat(this.pieces);
  }

  /** The same, one buffer for each write(). */
  writes(): Buffer[] {
    return [...this.pieces];
  }

  /** Forget what was written. */
  clear(): void {
    this.pieces = [];
  }

  /** What was written since the last take(), as text. */
  take(): string {
    const text = this.value().toString();
    this.clear();
    return text;
  }

  /** More waits to be sent than the high-water mark: a push producer is paused, receivers hold messages back. */
  congest(): void {
    this.markExceeded();
  }

  /**
   * All that was written is sent: receivers deliver what they held back, a paused push producer is resumed, a pull producer
   * is asked for its next piece.
   */
  drain(): void {
    this.drained();
  }

  // --- for the protocol ----------------------------------------------------------------------------------------------

  /**
   * Recorded in {@link tls}. The connection is aborted, as a real one, when bytes came already behind what asked for TLS.
   * @throws TypeError for what are no options of TLS; Error as on a real transport
   */
  startTLS(contextFactory: ContextFactory, options: StartTLSOptions = {}): void {
    const call = "startTLS(contextFactory, options)";
    checkOptions<StartTLSOptions>(call, options, START_KINDS);
    securityOf(call, contextFactory);
    if (!this.canStartTLS(this.tls !== null)) return;
    const early = this.receiver === undefined ? 0 : undeliveredIn(this.receiver);
    if (early > 0 && options.received === undefined) {
      this.plaintext = new PlaintextBeforeTLS(String(this.getPeer()), early);
      this.abortConnection();
      return;
    }
    this.tls = { contextFactory, options };
  }

  /** @throws Error when there is none, unless lenient */
  override unregisterProducer(): void {
    if (this.registered === undefined && !this.lenient)
      throw new Error("No producer is registered with this transport.");
    super.unregisterProducer();
  }

  /** @throws Error after stopProducing() or loseConnection(), unless lenient */
  pauseProducing(): void {
    this.ensureProducing("paused");
    this.producerState = "paused";
  }

  /** @throws Error after stopProducing() or loseConnection(), unless lenient */
  resumeProducing(): void {
    this.ensureProducing("resumed");
    this.producerState = "producing";
  }

  override stopProducing(): void {
    this.producerState = "stopped";
    super.stopProducing();
  }

  // --- how it closes -------------------------------------------------------------------------------------------------

  protected override put(data: Buffer): void {
    this.pieces.push(data);
  }

  protected override forget(): void {}
  protected override stopReading(): void {}

  protected override sendThenFin(): void {
    this.writeEnded();
  }

  /** The test decides when the connection is lost. */
  protected override sendThenClose(): void {}
  protected override cut(): void {}

  private ownReason(): Error {
    if (this.plaintext !== undefined) return this.plaintext;
    return (this.flags & ABORTED) !== 0 ? new ConnectionAborted() : new ConnectionDone();
  }

  private connected(): ProtocolLike {
    if (this.receiver !== undefined) return this.receiver;
    const why = this.disconnected
      ? "The connection is lost"
      : "No protocol has this transport: call connect(protocol) first";
    throw new Error(`${why}.`);
  }

  private ensureProducing(what: string): void {
    if (this.lenient) return;
    if (this.producerState === "stopped") throw new Error(`This transport was stopped, so it cannot be ${what}.`);
    if (this.disconnecting) throw new Error(`loseConnection() was called, so this transport cannot be ${what}.`);
  }
}

/** A StringTransport whose connection is lost inside loseConnection() or abortConnection(). */
export class StringTransportWithDisconnection extends StringTransport {
  protected override sendThenClose(): void {
    this.lose();
  }

  protected override cut(): void {
    this.lose();
  }
}
