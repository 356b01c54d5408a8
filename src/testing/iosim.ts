/**
 * Two protocols connected in memory, by a pump that the test works.
 *
 *     client protocol ──write──► FakeTransport ══ pump() ══► FakeTransport ──dataReceived──► server protocol
 *                                     ◄═══════════ pump() ═══════════
 *
 * Nothing moves but in pump(), so a test sees every step; and startTLS() is simulated, handshake, refusal and all.
 */

import { IPv4Address } from "../internet/address.ts";
import { Deferred } from "../internet/defer.ts";
import { attempt } from "../internet/endpoints/attempt.ts";
import type { ClientEndpoint } from "../internet/endpoints.ts";
import { ConnectError, ConnectionAborted, ConnectionDone, ConnectionLost } from "../internet/error.ts";
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
import { type MemoryConnector, MemoryReactorClock } from "./memoryreactor.ts";
import { TcpOptions } from "./tcpoptions.ts";

/** A streaming producer is paused while more than this waits to be pumped, in bytes. */
const HIGH_WATER = 64 * 1024;

/** What a protocol passes to startTLS() in a test. */
export interface FakeContext {
  /** Whether the other side's context is acceptable. Default: everything is. */
  iosimVerify?(other: FakeContext): boolean;
}

/** A protocol that wants to hear of the end of the handshake. */
export interface FakeHandshakeListener {
  handshakeCompleted(): void;
}

/** The greeting of a simulated handshake. */
class Hello {
  readonly context: FakeContext;

  constructor(context: FakeContext) {
    this.context = context;
  }
}

/** The end of one direction. */
const END = Symbol("end");

type Item = Buffer | Hello | typeof END;

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
  /** Written since startTLS(), before the handshake was done. */
  private sealed: Buffer[] = [];
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
    if (this.producer !== null && !this.streaming && this.stream.length === 0) {
      (this.producer as PullProducer).resumeProducing();
      return this.stream.length > 0;
    }
    if (!this.disconnecting || this.pending > 0 || this.producerHoldsUp()) return false;
    this.lose(this.disconnectReason ?? new ConnectionDone());
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
    this.arrived.length = 0;
    producer?.stopProducing();
    protocol.connectionLost(new Failure(reason));
  }

  /** See skein/testing/vitest. */
  leaks(): string[] {
    return this.protocol === null ? [] : [`the connection of a ${this.protocol.constructor.name} is still open`];
  }

  private deliverArrived(): void {
    while (this.arrived.length > 0 && !this.paused && this.protocol !== null && !this.disconnecting) {
      const item = this.arrived.shift() as Item;
      if (item === END) this.receiveEnd();
      else if (item instanceof Hello) this.shakeHands(item.context);
      else if (this.tls !== null && this.peerContext === null) this.fail("plain bytes came where a handshake was due");
      else deliver(this.protocol, Buffer.from(item));
    }
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
    if (this.disconnected || this.writeEnded) return;
    const bytes = Buffer.from(data as string);
    if (bytes.length === 0) return;
    if (this.tls !== null && this.peerContext === null) this.sealed.push(bytes);
    else this.stream.push(bytes);
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
  }

  abortConnection(): void {
    this.disconnecting = true;
    this.disconnectReason ??= new ConnectionAborted();
    this.stream.length = 0;
    this.sealed = [];
  }

  loseWriteConnection(): void {
    if (this.writeEnded || this.disconnecting) return;
    this.writeEnded = true;
    this.stream.push(END);
    (this.protocol as Partial<HalfCloseableProtocol> | null)?.writeConnectionLost?.();
    if (this.peerEnded) this.loseConnection();
  }

  /** Encrypt from here on, or rather, exchange contexts with the other side, which is to call this too. */
  startTLS(context: FakeContext): void {
    if (this.tls !== null) throw new Error("TLS was started already.");
    this.tls = context;
    this.stream.push(new Hello(context));
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
  }

  unregisterProducer(): void {
    this.producer = null;
    this.streaming = false;
    this.producerPaused = false;
  }

  pauseProducing(): void {
    this.paused = true;
  }
  resumeProducing(): void {
    this.paused = false;
  }
  stopProducing(): void {
    this.loseConnection();
  }

  /** Deliver what arrived while the protocol had paused. True when there was something. */
  catchUp(): boolean {
    if (this.arrived.length === 0 || this.paused || this.protocol === null) return false;
    this.deliverArrived();
    return true;
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

  /** When one end has closed, so does the other, unless it has something to say to nobody. */
  private close(one: FakeTransport, other: FakeTransport): boolean {
    const aborted = one.disconnectReason !== null;
    if (!one.settle()) return false;
    if (!one.disconnected) return true;
    const reason = aborted ? new ConnectionLost("The other side cut the connection.") : new ConnectionDone();
    other.lose(other.disconnectReason ?? reason);
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

/** Decides how the connections that a MemoryReactor is asked for turn out. */
export class ConnectionCompleter {
  private readonly reactor: MemoryReactorClock;

  constructor(reactor: MemoryReactorClock) {
    this.reactor = reactor;
  }

  /**
   * The first attempt under way succeeds, with a server on the same reactor that listens at its port.
   * @returns undefined when there is no attempt
   */
  succeedOnce(): IOPump | undefined {
    const connector = this.next();
    if (connector === undefined) return undefined;
    const port = this.reactor.tcpServers.find((candidate) => candidate.listening && candidate.port === connector.port);
    if (port === undefined) throw new Error(`Nobody listens on port ${connector.port} of this reactor.`);
    const client = connector.begin();
    const server = port.factory.buildProtocol(new IPv4Address("TCP", "192.168.1.1", 54321));
    if (!client || !server) throw new Error("A factory built no protocol.");
    return connect(server, new FakeTransport(server, true), client, new FakeTransport(client, false));
  }

  /** The first attempt under way fails. False when there is none. */
  failOnce(reason: Error = new ConnectError("The test let this attempt fail.")): boolean {
    const connector = this.next();
    connector?.fail(reason);
    return connector !== undefined;
  }

  private next(): MemoryConnector | undefined {
    return this.reactor.tcpClients.find((connector) => connector.state === "connecting");
  }
}

/** An endpoint to connect to, and what decides how its attempts turn out. */
export function connectableEndpoint(): {
  readonly endpoint: ClientEndpoint;
  readonly completer: ConnectionCompleter;
  readonly reactor: MemoryReactorClock;
} {
  const reactor = new MemoryReactorClock();
  const endpoint: ClientEndpoint = {
    connect: (factory) => attempt(factory, (client) => reactor.connectTCP("127.0.0.1", 31337, client)),
  };
  return { endpoint, completer: new ConnectionCompleter(reactor), reactor };
}

/** Connect two protocols in memory and pump until both have lost the connection: then it fires. */
export function loopbackAsync(server: ProtocolLike, client: ProtocolLike): Deferred<void> {
  const pump = connect(server, new FakeTransport(server, true), client, new FakeTransport(client, false), false);
  const done = new Deferred<void>();
  const turn = (): void => {
    try {
      pump.flush();
    } catch (error) {
      done.errback(error);
      return;
    }
    if (pump.clientIO.protocol === null && pump.serverIO.protocol === null) done.callback();
    else setImmediate(turn);
  };
  setImmediate(turn);
  return done;
}
