/** A transport that keeps what is written to it. */

import { IPv4Address } from "../internet/address.ts";
import { ensureProducer, ensureProtocol } from "../internet/arguments/transports.ts";
import { ensurePieces, ownBytes } from "../internet/arguments/writing.ts";
import { ConnectionAborted, ConnectionDone } from "../internet/error.ts";
import { Failure } from "../internet/failure.ts";
import type {
  Address,
  Bytes,
  HalfCloseableProtocol,
  Producer,
  ProtocolLike,
  PullProducer,
  PushProducer,
  Transport,
} from "../internet/interfaces.ts";
import { deliver } from "./delivery.ts";
import { watchForLeaks } from "./leaks.ts";
import { TcpOptions } from "./tcpoptions.ts";

/** What a StringTransport says of itself, and how strict it is. */
export interface StringTransportOptions {
  /** Default 10.0.0.1, port 12345. */
  readonly hostAddress?: Address;
  /** Default 192.168.1.1, port 54321. */
  readonly peerAddress?: Address;
  /** True: what makes no sense (resuming what was stopped, say) is let pass, as real transports do. Default false. */
  readonly lenient?: boolean;
}

/** Whether the transport reads on, as the protocol told it. */
export type ProducerState = "producing" | "paused" | "stopped";

/**
 * One end of a connection that exists in a test only. The test looks at what was written, gives bytes to the protocol,
 * and ends the connection.
 */
export class StringTransport extends TcpOptions implements Transport {
  disconnecting = false;
  /** abortConnection() was called. */
  disconnected = false;
  /** loseWriteConnection() was called. */
  writeDisconnected = false;
  producerState: ProducerState = "producing";
  /** What registerProducer() was given. */
  producer: Producer | null = null;
  streaming = false;
  /** Who has the connection, from connect() on. */
  protocol: ProtocolLike | null = null;
  /** Called once, when the connection is lost and its protocol was told. */
  onLost: ((reason: Error) => void) | null = null;
  private readonly options: StringTransportOptions;
  private pieces: Buffer[] = [];

  constructor(options: StringTransportOptions = {}) {
    super();
    this.options = options;
    watchForLeaks(this);
  }

  // --- for the test --------------------------------------------------------------------------------------------------

  /** Give the connection to `protocol`. Returns this transport. */
  connect(protocol: ProtocolLike): this {
    this.protocol = protocol;
    protocol.makeConnection(this);
    return this;
  }

  /**
   * Bytes arrive. A protocol that borrows is lent them, and they are spoiled afterwards, as the engine does.
   * @throws Error while the protocol has paused reading, or without a protocol
   */
  receive(data: Bytes): void {
    if (this.protocol === null) throw new Error("Nobody has this transport: connect(protocol) comes first.");
    if (this.producerState === "paused") throw new Error("The protocol has paused this transport: nothing arrives.");
    deliver(this.protocol, Buffer.from(data as string));
  }

  /** The peer sends nothing more. One that does not care for halves hears of the loss. */
  receiveEnd(): void {
    const protocol = this.protocol as Partial<HalfCloseableProtocol> | null;
    if (typeof protocol?.readConnectionLost === "function") protocol.readConnectionLost();
    else this.lose();
  }

  /** The connection is lost, for `reason`; by default for what the protocol did. */
  lose(reason: Error = this.disconnected ? new ConnectionAborted() : new ConnectionDone()): void {
    const { protocol, producer, onLost } = this;
    this.protocol = null;
    this.producer = null;
    this.onLost = null;
    this.disconnected = true;
    producer?.stopProducing();
    protocol?.connectionLost(new Failure(reason));
    onLost?.(reason);
  }

  /** Everything that was written since the last clear(). */
  value(): Buffer {
    return Buffer.concat(this.pieces);
  }

  /** The same, write by write. */
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

  /** What a transport does to a streaming producer when much waits to be sent, and once all is. */
  congest(): void {
    (this.producer as PushProducer).pauseProducing();
  }
  drain(): void {
    (this.producer as PushProducer).resumeProducing();
  }

  /** See skein/testing/vitest. */
  readonly leakKind = "transports";
  leaks(): string[] {
    return this.protocol === null ? [] : [`the connection of a ${this.protocol.constructor.name} is still open`];
  }

  // --- for the protocol ----------------------------------------------------------------------------------------------

  write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    this.pieces.push(ownBytes(data, encoding, callback));
  }

  writeSequence(pieces: Iterable<Bytes>): void {
    for (const piece of ensurePieces(pieces)) this.write(piece);
  }

  loseConnection(): void {
    this.disconnecting = true;
  }

  abortConnection(): void {
    this.disconnecting = true;
    this.disconnected = true;
  }

  loseWriteConnection(): void {
    this.writeDisconnected = true;
  }

  switchProtocol(next: ProtocolLike): void {
    ensureProtocol("switchProtocol(next)", next);
    if (this.protocol !== null) this.connect(next);
  }

  getPeer(): Address {
    return this.options.peerAddress ?? new IPv4Address("TCP", "192.168.1.1", 54321);
  }

  getHost(): Address {
    return this.options.hostAddress ?? new IPv4Address("TCP", "10.0.0.1", 12345);
  }

  /** @throws Error when there is one already */
  registerProducer(producer: PushProducer | PullProducer, streaming: boolean): void {
    ensureProducer(producer, streaming);
    if (this.producer !== null) {
      throw new Error("A producer is registered with this transport already: unregisterProducer() it first.");
    }
    this.producer = producer;
    this.streaming = streaming;
  }

  /** @throws Error when there is none, unless lenient */
  unregisterProducer(): void {
    if (this.producer === null && this.options.lenient !== true) {
      throw new Error("No producer is registered with this transport.");
    }
    this.producer = null;
    this.streaming = false;
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

  stopProducing(): void {
    this.producerState = "stopped";
    this.loseConnection();
  }

  private ensureProducing(what: string): void {
    if (this.options.lenient === true) return;
    if (this.producerState === "stopped") throw new Error(`This transport was stopped, so it cannot be ${what}.`);
    if (this.disconnecting) throw new Error(`loseConnection() was called, so this transport cannot be ${what}.`);
  }
}

/** A StringTransport whose connection is lost as soon as it is closed, from inside that call. */
export class StringTransportWithDisconnection extends StringTransport {
  override loseConnection(): void {
    if (this.disconnecting) return;
    super.loseConnection();
    this.lose();
  }

  override abortConnection(): void {
    if (this.disconnected) return;
    super.abortConnection();
    this.lose();
  }
}
