/**
 * The interfaces of the core, under Twisted's names without the leading `I` where a class would not collide.
 * Times are seconds everywhere.
 */
import type { IPv4Address, IPv6Address } from "./address.ts";
import type { Deferred } from "./defer/deferred.ts";
import type { Failure } from "./failure.ts";
import type { ReactorTime } from "./time.ts";
import type { Certificate } from "./tls/certificate.ts";
import type { CipherInfo, ContextFactory, StartTLSOptions, TLSInfo } from "./tls/seam.ts";

/** The address of one end of a connection. */
export type Address = IPv4Address | IPv6Address;

/** Bytes handed to a transport: a string is sent as UTF-8. */
export type Bytes = Uint8Array | string;

/** Produces data on its own (push) or when asked to (pull). */
export interface Producer {
  stopProducing(): void;
}
/** Produces when it is asked to. */
export interface PullProducer extends Producer {
  resumeProducing(): void;
}
/** Produces on its own, until it is told to pause. */
export interface PushProducer extends Producer {
  pauseProducing(): void;
  resumeProducing(): void;
}
/** Receives a producer's data, and applies back-pressure to it. */
export interface Consumer {
  /** @throws Error when a producer is registered already */
  registerProducer(producer: PushProducer, streaming: true): void;
  registerProducer(producer: PullProducer, streaming: false): void;
  unregisterProducer(): void;
  write(data: Bytes): void;
}

/** One end of a connection, as a protocol sees it. Every method is safe to call at any time, also after the loss. */
export interface Transport extends Consumer, PushProducer {
  /**
   * Queue bytes. Writes of one tick are coalesced into one system call. Ignored once the connection is lost.
   * @param encoding of a string; UTF-8 by default
   * @throws TypeError for what is neither bytes nor a string, for an encoding that Buffer does not know, and for a callback,
   * which Node's streams take: nothing is written then
   */
  write(data: Bytes, encoding?: BufferEncoding): void;
  /** write() each piece. @throws TypeError when one of them is neither bytes nor a string: nothing is written then */
  writeSequence(pieces: Iterable<Bytes>): void;
  /** Close after everything written has been handed to the kernel. */
  loseConnection(): void;
  /** Close at once and discard the outgoing buffer; a TCP peer sees a reset. */
  abortConnection(): void;
  /** Half-close: shut the write side down after everything written has been sent. */
  loseWriteConnection(): void;
  getPeer(): Address;
  getHost(): Address;
  setTcpNoDelay(on: boolean): void;
  getTcpNoDelay(): boolean;
  setTcpKeepAlive(on: boolean): void;
  getTcpKeepAlive(): boolean;
  /** True once loseConnection() or abortConnection() was called, by the transport itself as well; also after the loss. */
  readonly disconnecting: boolean;
  /**
   * Hand the connection to `next`, for protocols that switch to another one mid-stream: its makeConnection() is called,
   * and it receives all further events, the loss included. If the peer has half-closed already, `next` is told soon
   * after. The previous protocol receives no more events, and a receiver delivers nothing of what it had received: pass on
   * what `next` is to get. A no-op once the connection is lost.
   */
  switchProtocol(next: ProtocolLike): void;
}

/** A transport that can turn to TLS, and knows what was agreed: Twisted's ITLSTransport and ISSLTransport. */
export interface TLSTransport extends Transport {
  /**
   * Begin TLS: what was written before goes out in plaintext, everything from now on is encrypted. The protocol stays, and
   * is told by handshakeCompleted(). A no-op once the connection closes. If bytes have come already behind what asked for
   * TLS, the connection is aborted (PlaintextBeforeTLS).
   * @throws TypeError for what are no options; Error when it has TLS already, or behind loseWriteConnection(); TLSOptionsError | TLSNotAvailableError
   */
  startTLS(contextFactory: ContextFactory, options?: StartTLSOptions): void;
  /** What was agreed on; null without TLS, before the end of the handshake, and after the loss. */
  getTLSInfo(): TLSInfo | null;
  /** The protocol that was agreed on (ALPN); null when there is none. */
  readonly negotiatedProtocol: string | null;
  /** The cipher that was agreed on; null where getTLSInfo() is. */
  getCipher(): CipherInfo | null;
  /** Whether an earlier session was resumed: no certificates were exchanged, each side knows the other's from then. */
  isSessionReused(): boolean;
  /**
   * Who the peer is: its certificate, with its names, its SPIFFE ID and its fingerprints; null where getTLSInfo() is, and
   * of a peer that has shown none.
   */
  getPeerCertificate(): Certificate | null;
  /** DER of the peer's certificates, its own first. */
  getPeerCertificateChain(): readonly Buffer[];
  /** DER of the certificate that this side has shown; null when it has shown none. */
  getHostCertificate(): Buffer | null;
  /**
   * Keys that only both ends know: RFC 8446, 7.5; null when there is no TLS yet.
   * @param length bytes
   * @throws KeyingMaterialError with TLS 1.2 without extended master secret: somebody in the middle may have the same keys
   */
  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Buffer | null;
}

/** What a reactor needs of a protocol. `Protocol` implements it. */
export interface ProtocolLike {
  makeConnection(transport: Transport): void;
  dataReceived(data: Buffer): void;
  connectionLost(reason: Failure): void;
}

/** A protocol that is told when either half of a connection closes (Twisted's IHalfCloseableProtocol). */
export interface HalfCloseableProtocol extends ProtocolLike {
  readConnectionLost(): void;
  writeConnectionLost(): void;
}

/** A protocol that is told of the end of the handshake: Twisted's IHandshakeListener. */
export interface HandshakeListener extends ProtocolLike {
  /** Both ends know each other now, and nothing was received over TLS before. */
  handshakeCompleted(): void;
}

/** What a reactor needs of a factory. `Factory` implements it. */
export interface ServerFactoryLike {
  buildProtocol(addr: Address): ProtocolLike | null | undefined;
  doStart(): void;
  doStop(): void;
}

/** What a reactor needs of a factory of outgoing connections. `ClientFactory` implements it. */
export interface ClientFactoryLike extends ServerFactoryLike {
  startedConnecting(connector: Connector): void;
  clientConnectionFailed(connector: Connector, reason: Failure): void;
  clientConnectionLost(connector: Connector, reason: Failure): void;
}

/** A listening port. `stopListening()` does not close established connections. */
export interface ListeningPort {
  /** @throws CannotListenError */
  startListening(): void;
  stopListening(): Deferred<void>;
  getHost(): Address;
  /**
   * The connections that it has accepted and that are open now, the oldest ones not always first. Each tells its addresses
   * and, with TLS, who its peer is; it may be closed while the others are looked at.
   */
  connections(): Iterable<Transport>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A port that listens for TLS. */
export interface TLSListeningPort extends ListeningPort {
  /**
   * Use other options of TLS for connections that are accepted from now on, as those of a renewed certificate. Established
   * connections keep theirs.
   * @throws TypeError for what are no options; TLSOptionsError for what cannot be used: the port goes on with those it has
   */
  setContext(contextFactory: ContextFactory): void;
  connections(): Iterable<TLSTransport>;
}

/** One outgoing connection, which can be retried after it failed or was lost. */
export interface Connector {
  readonly state: "disconnected" | "connecting" | "connected";
  /** @throws Error unless disconnected */
  connect(): void;
  /** @throws NotConnectingError */
  stopConnecting(): void;
  disconnect(): void;
  getDestination(): Address;
}

/** How to listen. */
export interface ListenTCPOptions {
  /** The kernel's queue of connections that wait for accept(2). Default 50. */
  readonly backlog?: number;
  /** A literal address of a local interface; "" is every IPv4 interface, "::" every interface. */
  readonly interface?: string;
  /** Share the port between several reactors (SO_REUSEPORT). Default false. */
  readonly reusePort?: boolean;
}

/** How to connect. */
export interface ConnectTCPOptions {
  /** Seconds until the attempt fails with ConnectTimeoutError. Default 30. */
  readonly timeout?: number;
  /** Local address to connect from: `[host, port]`; port 0 lets the kernel choose. */
  readonly bindAddress?: readonly [host: string, port: number];
}

/** When a trigger runs, relative to the event's own work, which is done in "during". */
export type TriggerPhase = "before" | "during" | "after";

/** Identifies one trigger, for `removeSystemEventTrigger`. */
export interface TriggerId {
  readonly phase: TriggerPhase;
  readonly event: string;
}

/** The lifecycle of a reactor, and its system events. */
export interface ReactorCore {
  /** Start the reactor inside Node's event loop; resolves after `stop()` and every shutdown trigger. */
  run(options?: { installSignalHandlers?: boolean }): Promise<void>;
  /** @throws ReactorNotRunning */
  stop(): void;
  /** Stop at once, without the shutdown event. For tests. */
  crash(): void;
  readonly running: boolean;
  /** Call `f` now when running, else as soon as the reactor is running. */
  callWhenRunning<A extends unknown[]>(f: (...args: A) => unknown, ...args: A): TriggerId | undefined;
  addSystemEventTrigger<A extends unknown[]>(
    phase: TriggerPhase,
    event: string,
    f: (...args: A) => unknown,
    ...args: A
  ): TriggerId;
  removeSystemEventTrigger(id: TriggerId): void;
  fireSystemEvent(event: string): void;
}

/** Listens and connects by TCP. */
export interface ReactorTCP {
  /** @throws CannotListenError */
  listenTCP(port: number, factory: ServerFactoryLike, options?: ListenTCPOptions): ListeningPort;
  connectTCP(host: string, port: number, factory: ClientFactoryLike, options?: ConnectTCPOptions): Connector;
}

/** Listens and connects by TLS: Twisted's IReactorSSL. */
export interface ReactorSSL {
  /** @throws CannotListenError | TLSOptionsError | TLSNotAvailableError */
  listenSSL(
    port: number,
    factory: ServerFactoryLike,
    contextFactory: ContextFactory,
    options?: ListenTCPOptions,
  ): TLSListeningPort;
  /** @throws TLSOptionsError | TLSNotAvailableError */
  connectSSL(
    host: string,
    port: number,
    factory: ClientFactoryLike,
    contextFactory: ContextFactory,
    options?: ConnectTCPOptions,
  ): Connector;
}

/** The result of doRead() and doWrite(): nothing, or the reason to disconnect the descriptor. */
// biome-ignore lint/suspicious/noConfusingVoidType: a method without a return statement is one of these.
export type DescriptorEnd = Error | Failure | undefined | void;

/**
 * Anything with a file descriptor: Twisted's IFileDescriptor. The object owns the descriptor; the reactor never closes
 * it.
 */
export interface FileDescriptor {
  /** The descriptor's number, constant while it is watched; -1 when it is closed. */
  fileno(): number;
  /**
   * The reactor stopped watching the descriptor because of `reason`, an error or the end of the reactor. Called once.
   */
  connectionLost(reason: Failure): void;
  /** Called instead when doRead() returned ConnectionDone: the object may still write. */
  readConnectionLost?(reason: Failure): void;
  /** The object's name in log messages. */
  logPrefix(): string;
}
/** Something to read from: Twisted's IReadDescriptor. */
export interface ReadDescriptor extends FileDescriptor {
  /**
   * The descriptor is readable or at its end. Level-triggered: called in every tick until it is read. An error that it
   * throws is logged and disconnects the object.
   */
  doRead(): DescriptorEnd;
}
/** Something to write to: Twisted's IWriteDescriptor. */
export interface WriteDescriptor extends FileDescriptor {
  /**
   * The descriptor is writable. Level-triggered: called in every tick until removeWriter(). An error that it throws is
   * logged and disconnects the object.
   */
  doWrite(): DescriptorEnd;
}

/** Watches descriptors: Twisted's IReactorFDSet. Adding and removing are idempotent. */
export interface ReactorFDSet {
  /** @throws CannotWatchError | DescriptorsNotSupportedError */
  addReader(reader: ReadDescriptor): void;
  /** @throws CannotWatchError | DescriptorsNotSupportedError */
  addWriter(writer: WriteDescriptor): void;
  removeReader(reader: ReadDescriptor): void;
  removeWriter(writer: WriteDescriptor): void;
  /** Returns the removed objects, each once. Their connectionLost() is not called. */
  removeAll(): (ReadDescriptor | WriteDescriptor)[];
  getReaders(): ReadDescriptor[];
  getWriters(): WriteDescriptor[];
}

/** Resolves host names. The first address is used. */
export interface ReactorNames {
  /** A literal is returned as it is; "" is "0.0.0.0", "localhost" is "127.0.0.1". Errors: DNSLookupError. */
  resolve(name: string): Deferred<string>;
}

/** The full reactor interface. */
export interface Reactor extends ReactorCore, ReactorTime, ReactorTCP, ReactorSSL, ReactorFDSet, ReactorNames {
  /** The backend's name: "epoll", "poll", … */
  readonly name: string;
  /** The connections that are open now, accepted or made, in no order. */
  connections(): Iterable<TLSTransport>;
  [Symbol.asyncDispose](): Promise<void>;
}
