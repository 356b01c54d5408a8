/**
 * The interfaces of the core, under Twisted's names without the leading `I` where a class would not collide.
 * Times are seconds everywhere.
 */
import type { IPv4Address, IPv6Address } from "./address.ts";
import type { Deferred } from "./defer/deferred.ts";
import type { Failure } from "./failure.ts";
import type { ReactorTime } from "./time.ts";

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
/** Takes what a producer makes, and tells it when there is too much. */
export interface Consumer {
  /** @throws Error when a producer is registered already */
  registerProducer(producer: PushProducer, streaming: true): void;
  registerProducer(producer: PullProducer, streaming: false): void;
  unregisterProducer(): void;
  write(data: Bytes): void;
}

/** One end of a connection, as a protocol sees it. Every method is safe to call at any time, also after the loss. */
export interface Transport extends Consumer, PushProducer {
  /** Queue bytes. All that is written in one turn leaves in one system call. Ignored once the connection is lost. */
  write(data: Bytes): void;
  writeSequence(pieces: Iterable<Bytes>): void;
  /** Close after everything written has been handed to the kernel. */
  loseConnection(): void;
  /** Close at once and drop what is queued; a TCP peer sees a reset. */
  abortConnection(): void;
  /** Close the write side after everything written has been sent (half close). */
  loseWriteConnection(): void;
  getPeer(): Address;
  getHost(): Address;
  setTcpNoDelay(on: boolean): void;
  getTcpNoDelay(): boolean;
  setTcpKeepAlive(on: boolean): void;
  getTcpKeepAlive(): boolean;
  /** True after loseConnection(), until the connection is lost. */
  readonly disconnecting: boolean;
  /**
   * Hand the connection to `next`: its makeConnection() is called, and what comes from here on, the loss included, goes
   * to it. The peer's end is told to it soon when it has come already. The protocol before hears no more. Does nothing
   * once the connection is lost. For protocols that give way to another in the middle of a connection.
   */
  switchProtocol(next: ProtocolLike): void;
}

/** What a reactor needs of a protocol. `Protocol` implements it. */
export interface ProtocolLike {
  makeConnection(transport: Transport): void;
  dataReceived(data: Buffer): void;
  connectionLost(reason: Failure): void;
}

/** A protocol that wants to know of each half of a connection separately (Twisted's IHalfCloseableProtocol). */
export interface HalfCloseableProtocol extends ProtocolLike {
  readConnectionLost(): void;
  writeConnectionLost(): void;
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

/** A port that listens. `stopListening()` leaves established connections alone. */
export interface ListeningPort {
  /** @throws CannotListenError */
  startListening(): void;
  stopListening(): Deferred<void>;
  getHost(): Address;
  [Symbol.asyncDispose](): Promise<void>;
}

/** One outgoing connection, which can be made again after it failed or was lost. */
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
  /** Connections the kernel holds before they are accepted. Default 50. */
  readonly backlog?: number;
  /** A literal address of a local interface; "" is every IPv4 interface, "::" every interface. */
  readonly interface?: string;
  /** Share the port between several reactors (SO_REUSEPORT). Default false. */
  readonly reusePort?: boolean;
}

/** How to connect. */
export interface ConnectTCPOptions {
  /** Seconds until the attempt fails with TimeoutError. Default 30. */
  readonly timeout?: number;
  /** Local address to connect from: `[host, port]`; port 0 lets the kernel choose. */
  readonly bindAddress?: readonly [host: string, port: number];
}

/** When a trigger runs: what it is about happens "during". */
export type TriggerPhase = "before" | "during" | "after";

/** Names one trigger, for `removeSystemEventTrigger`. */
export interface TriggerId {
  readonly phase: TriggerPhase;
  readonly event: string;
}

/** The life of a reactor: starting, stopping, and what happens then. */
export interface ReactorCore {
  /** Go live inside Node's loop; resolves after `stop()` and every shutdown trigger. */
  run(options?: { installSignalHandlers?: boolean }): Promise<void>;
  /** @throws ReactorNotRunning */
  stop(): void;
  /** Stop at once, without the shutdown event. For tests. */
  crash(): void;
  readonly running: boolean;
  /** Call `f` now when running, else as soon as the reactor runs. */
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

/** How doRead() and doWrite() end: nothing, or what the object is to be lost for. */
// biome-ignore lint/suspicious/noConfusingVoidType: a method without a return statement is one of these.
export type DescriptorEnd = Error | Failure | undefined | void;

/** Anything with a descriptor: Twisted's IFileDescriptor. The descriptor stays its own; the reactor never closes it. */
export interface FileDescriptor {
  /** The descriptor's number, the same for as long as it is watched; -1 when it is closed. */
  fileno(): number;
  /** It is watched no more, and not by its own wish: `reason` says why. Called once. */
  connectionLost(reason: Failure): void;
  /** Called instead when doRead() ended with ConnectionDone: writing may go on. */
  readConnectionLost?(reason: Failure): void;
  /** What the log calls it. */
  logPrefix(): string;
}
/** Something to read from: Twisted's IReadDescriptor. */
export interface ReadDescriptor extends FileDescriptor {
  /** There is something to read, or the end. Called in every turn until it is read. What it throws is logged and ends it. */
  doRead(): DescriptorEnd;
}
/** Something to write to: Twisted's IWriteDescriptor. */
export interface WriteDescriptor extends FileDescriptor {
  /** There is room. Called in every turn until removeWriter(). What it throws is logged and ends it. */
  doWrite(): DescriptorEnd;
}

/** Watches descriptors: Twisted's IReactorFDSet. Adding twice is the same as once, and so is removing. */
export interface ReactorFDSet {
  /** @throws CannotWatchError | DescriptorsNotSupportedError */
  addReader(reader: ReadDescriptor): void;
  /** @throws CannotWatchError | DescriptorsNotSupportedError */
  addWriter(writer: WriteDescriptor): void;
  removeReader(reader: ReadDescriptor): void;
  removeWriter(writer: WriteDescriptor): void;
  /** Returns what was removed, each object once. None of them is told. */
  removeAll(): (ReadDescriptor | WriteDescriptor)[];
  getReaders(): ReadDescriptor[];
  getWriters(): WriteDescriptor[];
}

/** Names to addresses. The first address is used. */
export interface ReactorNames {
  /** A literal is returned as it is; "" is "0.0.0.0". Errors: DNSLookupError. */
  resolve(name: string): Deferred<string>;
}

/** All that a reactor can do. */
export interface Reactor extends ReactorCore, ReactorTime, ReactorTCP, ReactorFDSet, ReactorNames {
  /** The backend's name: "epoll", "poll", … */
  readonly name: string;
  [Symbol.asyncDispose](): Promise<void>;
}
