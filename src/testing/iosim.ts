/**
 * Two protocols connected in memory, by a pump that the test works.
 *
 *     client protocol ──write──► FakeTransport ══ pump() ══► FakeTransport ──dataReceived──► server protocol
 *                                     ◄═══════════ pump() ═══════════
 *
 * Nothing moves but in pump(), so a test sees every step; and startTLS() is simulated, handshake, refusal and all.
 */

import { IPv4Address } from "../internet/address.ts";
import { ConnectionAborted, ConnectionDone, ConnectionLost } from "../internet/error.ts";
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
import { CLOSED, END, type FakeContext, type FakeHandshakeListener, Hello, type Item } from "./fakewire.ts";
import { watchForLeaks } from "./leaks.ts";
import { TcpOptions } from "./tcpoptions.ts";

/** A streaming producer is paused while more than this waits to be pumped, in bytes. */
const HIGH_WATER = 64 * 1024;

/** One end of a connection whose other end is pumped to. */
export class FakeTransport extends TcpOptions implements Transport {
  readonly isServer: boolean;
  disconnecting = false;
  disconnected = false;
  /** Why the connection was lost, when it was not closed cleanly. */
  disconnectReason: Error | null = null;
  producer: Producer | null = null;
  streaming = false;
  /** What was passed to startTLS(), once that was called. */
  tls: FakeContext | null = null;
  /** The other side's, once the handshake is done. */
  peerContext: FakeContext | null = null;
  /** What goes to the other side with the next pump. */
  readonly stream: Item[] = [];
  private readonly protocol_: { current: ProtocolLike | null };
  private readonly ends: { readonly host: Address; readonly peer: Address };
  /** Called whenever there may be something to pump. */
  onActivity: (() => void) | null = null;
  /** Called once, when the connection is lost and its protocol was told. */
  onLost: ((reason: Error) => void) | null = null;
  /** Written since startTLS(), before the handshake was done. */
  private readonly sealed: Item[] = [];
  private readonly arrived: Item[] = [];
  private paused = false;
  private producerPaused = false;
  private writeEnded = false;
  private peerEnded = false;

  constructor(protocol: ProtocolLike, isServer: boolean, hostAddress?: Address, peerAddress?: Address) {
    super();
    this.protocol_ = { current: protocol };
    this.isServer = isServer;
    const server = new IPv4Address("TCP", "10.0.0.1", 12345);
    const client = new IPv4Address("TCP", "192.168.1.1", 54321);
    this.ends = {
      host: hostAddress ?? (isServer ? server : client),
      peer: peerAddress ?? (isServer ? client : server),
    };
    watchForLeaks(this);
  }

  /** Who has the connection; null once it is lost. */
  get protocol(): ProtocolLike | null {
    return this.protocol_.current;
  }

  // --- for the pump --------------------------------------------------------------------------------------------------

  /** Bytes that wait to be pumped. */
  get pending(): number {
    return [...this.stream, ...this.sealed].reduce(
      (sum, item) => sum + (item instanceof Uint8Array ? item.length : 0),
      0,
    );
  }

  /** What has been written since the last time, in one piece for each stretch of bytes. */
  takeOutput(): Item[] {
    const items = this.stream.splice(0);
    if (items.length > 0) this.drained();
    return items;
  }

  /** What the other side wrote has arrived. */
  arrive(items: readonly Item[]): void {
    this.arrived.push(...items);
    this.deliverArrived();
  }

  /** Ask a pull producer for more, and close when all that was to be sent has been. True when that did something. */
  settle(): boolean {
    if (this.disconnected) return false;
    if (this.disconnectReason !== null) {
      this.lose(this.disconnectReason);
      return true;
    }
    if (this.producer !== null && !this.streaming && this.stream.length === 0) {
      const asked = this.producer as PullProducer;
      asked.resumeProducing();
      return this.stream.length > 0 || this.producer !== asked;
    }
    if (!this.disconnecting || this.pending > 0 || this.producerHoldsUp()) return false;
    this.lose(new ConnectionDone());
    return true;
  }

  /** The connection is lost for this side. */
  lose(reason: Error): void {
    const { protocol, producer } = this;
    if (protocol === null) return;
    this.protocol_.current = null;
    this.disconnected = true;
    this.disconnecting = true;
    this.producer = null;
    this.stream.length = 0;
    this.sealed.length = 0;
    this.arrived.length = 0;
    producer?.stopProducing();
    protocol.connectionLost(new Failure(reason));
    this.onLost?.(reason);
  }

  /** The other side has closed: what it wrote before comes first. */
  peerClosed(): void {
    this.arrive([CLOSED]);
  }

  /** See skein/testing/vitest. */
  readonly leakKind = "transports";
  leaks(): string[] {
    return this.protocol === null ? [] : [`the connection of a ${this.protocol.constructor.name} is still open`];
  }

  private deliverArrived(): void {
    while (this.protocol !== null && this.arrived.length > 0) {
      const item = this.arrived[0] as Item;
      // A handshake goes on whatever the protocol has in mind.
      if (this.paused && !this.disconnecting && !(item instanceof Hello)) return;
      this.arrived.shift();
      if (item === CLOSED) this.lose(new ConnectionDone());
      else if (item instanceof Hello) this.shakeHands(item.context);
      else if (!this.disconnecting) this.receive(this.protocol, item);
    }
  }

  private receive(protocol: ProtocolLike, item: Buffer | typeof END): void {
    if (item === END) this.receiveEnd();
    else if (this.tls !== null && this.peerContext === null) this.fail("plain bytes came where a handshake was due");
    else deliver(protocol, Buffer.from(item));
  }

  private receiveEnd(): void {
    this.peerEnded = true;
    const protocol = this.protocol as Partial<HalfCloseableProtocol>;
    if (typeof protocol.readConnectionLost !== "function") {
      this.loseConnection();
      return;
    }
    protocol.readConnectionLost();
    if (this.writeEnded) this.loseConnection();
  }

  private shakeHands(context: FakeContext): void {
    if (this.tls === null) {
      this.fail("a handshake came where plain bytes were due");
      return;
    }
    if (this.tls.iosimVerify?.(context) === false) {
      this.fail("the certificate was refused");
      return;
    }
    this.peerContext = context;
    this.stream.push(...this.sealed.splice(0));
    (this.protocol as Partial<FakeHandshakeListener> | null)?.handshakeCompleted?.();
  }

  private fail(why: string): void {
    this.disconnectReason = new ConnectionLost(`The TLS handshake failed: ${why}.`);
    this.abortConnection();
  }

  private drained(): void {
    if (!this.producerPaused) return;
    this.producerPaused = false;
    (this.producer as PushProducer | null)?.resumeProducing();
  }

  private producerHoldsUp(): boolean {
    return this.producer !== null && (!this.streaming || this.producerPaused);
  }

  // --- for the protocol ----------------------------------------------------------------------------------------------

  write(data: Bytes): void {
    if (this.disconnectReason !== null || this.disconnected || this.writeEnded) return;
    const bytes = Buffer.from(data as string);
    if (bytes.length === 0) return;
    this.put(bytes);
    if (this.producer !== null && this.streaming && !this.producerPaused && this.pending > HIGH_WATER) {
      this.producerPaused = true;
      (this.producer as PushProducer).pauseProducing();
    }
  }

  writeSequence(pieces: Iterable<Bytes>): void {
    for (const piece of pieces) this.write(piece);
  }

  loseConnection(): void {
    this.disconnecting = true;
    this.onActivity?.();
  }

  abortConnection(): void {
    this.disconnecting = true;
    this.disconnectReason ??= new ConnectionAborted();
    this.stream.length = 0;
    this.sealed.length = 0;
    this.onActivity?.();
  }

  loseWriteConnection(): void {
    if (this.writeEnded || this.disconnecting) return;
    this.writeEnded = true;
    this.put(END);
    (this.protocol as Partial<HalfCloseableProtocol> | null)?.writeConnectionLost?.();
    if (this.peerEnded) this.loseConnection();
  }

  /** Encrypt from here on, or rather, exchange contexts with the other side, which is to call this too. */
  startTLS(context: FakeContext): void {
    if (this.tls !== null) throw new Error("TLS was started already.");
    this.tls = context;
    this.stream.push(new Hello(context));
    this.onActivity?.();
  }

  /** The other side's context: undefined before the handshake is done. */
  getPeerCertificate(): FakeContext | undefined {
    return this.peerContext ?? undefined;
  }

  switchProtocol(next: ProtocolLike): void {
    if (this.protocol === null) return;
    this.protocol_.current = next;
    next.makeConnection(this);
  }

  getPeer(): Address {
    return this.ends.peer;
  }
  getHost(): Address {
    return this.ends.host;
  }
  registerProducer(producer: PushProducer | PullProducer, streaming: boolean): void {
    if (this.producer !== null) {
      throw new Error("A producer is registered with this transport already: unregisterProducer() it first.");
    }
    if (this.disconnected) {
      producer.stopProducing();
      return;
    }
    this.producer = producer;
    this.streaming = streaming;
    this.producerPaused = false;
    this.onActivity?.();
  }

  unregisterProducer(): void {
    this.producer = null;
    this.streaming = false;
    this.producerPaused = false;
    this.onActivity?.();
  }

  pauseProducing(): void {
    this.paused = true;
  }
  resumeProducing(): void {
    if (!this.paused) return;
    this.paused = false;
    this.onActivity?.();
  }
  stopProducing(): void {
    this.loseConnection();
  }

  /** Deliver what arrived while the protocol had paused. True when there was something. */
  catchUp(): boolean {
    const waiting = this.arrived.length;
    this.deliverArrived();
    return this.arrived.length < waiting;
  }

  private put(item: Item): void {
    if (this.tls !== null && this.peerContext === null) this.sealed.push(item);
    else this.stream.push(item);
    this.onActivity?.();
  }
}

/** Moves bytes between two ends. */
export class IOPump {
  readonly client: ProtocolLike;
  readonly server: ProtocolLike;
  readonly clientIO: FakeTransport;
  readonly serverIO: FakeTransport;

  constructor(client: ProtocolLike, server: ProtocolLike, clientIO: FakeTransport, serverIO: FakeTransport) {
    this.client = client;
    this.server = server;
    this.clientIO = clientIO;
    this.serverIO = serverIO;
  }

  /** Carry what both ends have written to each other, once. False when there was nothing to do. */
  pump(): boolean {
    const { clientIO, serverIO } = this;
    const toServer = clientIO.takeOutput();
    const toClient = serverIO.takeOutput();
    let moved = toServer.length > 0 || toClient.length > 0;
    if (toServer.length > 0) serverIO.arrive(toServer);
    if (toClient.length > 0) clientIO.arrive(toClient);
    moved = clientIO.catchUp() || moved;
    moved = serverIO.catchUp() || moved;
    moved = this.close(clientIO, serverIO) || moved;
    return this.close(serverIO, clientIO) || moved;
  }

  /**
   * pump() until there is nothing to do.
   * @throws Error when the two go on for ever
   */
  flush(): boolean {
    const TOO_MANY = 100_000;
    let moved = false;
    for (let i = 0; this.pump(); i++) {
      moved = true;
      if (i === TOO_MANY) throw new Error("The two protocols talk without end.");
    }
    return moved;
  }

  /** When one end has closed, so does the other, once it has read what came before. */
  private close(one: FakeTransport, other: FakeTransport): boolean {
    const aborted = one.disconnectReason !== null;
    if (!one.settle()) return false;
    if (!one.disconnected) return true;
    if (aborted) other.lose(other.disconnectReason ?? new ConnectionLost("The other side cut the connection."));
    else other.peerClosed();
    return true;
  }
}

/** Connect two protocols with the transports given, both of whose makeConnection() is called: the server's first. */
export function connect(
  server: ProtocolLike,
  serverTransport: FakeTransport,
  client: ProtocolLike,
  clientTransport: FakeTransport,
  greet = true,
): IOPump {
  server.makeConnection(serverTransport);
  client.makeConnection(clientTransport);
  const pump = new IOPump(client, server, clientTransport, serverTransport);
  if (greet) pump.flush();
  return pump;
}

/** A client and a server of these classes, connected. */
export function connectedServerAndClient<S extends ProtocolLike, C extends ProtocolLike>(
  makeServer: (new () => S) | (() => S),
  makeClient: (new () => C) | (() => C),
  greet = true,
): { readonly client: C; readonly server: S; readonly pump: IOPump } {
  const server = make(makeServer);
  const client = make(makeClient);
  const pump = connect(server, new FakeTransport(server, true), client, new FakeTransport(client, false), greet);
  return { client, server, pump };
}

function make<P>(maker: (new () => P) | (() => P)): P {
  const isClass = maker.prototype !== undefined && /^class\b/.test(Function.prototype.toString.call(maker));
  return isClass ? new (maker as new () => P)() : (maker as () => P)();
}
