/** The ports and connectors of a MemoryReactor. The test accepts clients, and makes attempts succeed or fail. */

import { IPv4Address, IPv6Address } from "../internet/address.ts";
import { address } from "../internet/arguments/addresses.ts";
import { check } from "../internet/arguments/check.ts";
import { error as errorKind } from "../internet/arguments/kinds.ts";
import { ensureConnectTCP, ensureListenTCP } from "../internet/arguments/reactors.ts";
import type { Deferred } from "../internet/defer/deferred.ts";
import { succeed } from "../internet/defer/makers.ts";
import { ConnectError, ConnectionDone, NotConnectingError, UserError } from "../internet/error.ts";
import { Failure } from "../internet/failure.ts";
import type {
  Address,
  ClientFactoryLike,
  Connector,
  ConnectTCPOptions,
  ListeningPort,
  ListenTCPOptions,
  ProtocolLike,
  ServerFactoryLike,
  TLSListeningPort,
} from "../internet/interfaces.ts";
import { type ContextFactory, securityOf } from "../internet/tls/seam.ts";
import { watchForLeaks } from "./leaks.ts";
import { CLIENT_ADDRESS } from "./memorytransport.ts";
import { StringTransport, type StringTransportOptions } from "./stringtransport.ts";

function addressOf(host: string, port: number): Address {
  return host.includes(":") ? new IPv6Address("TCP", host, port) : new IPv4Address("TCP", host, port);
}

/** The result of listenTCP(). A test accepts clients with accept(). */
export class MemoryPort implements ListeningPort {
  readonly port: number;
  readonly factory: ServerFactoryLike;
  readonly options: ListenTCPOptions;
  listening = false;

  /** @throws TypeError | RangeError as listenTCP() does */
  constructor(port: number, factory: ServerFactoryLike, options: ListenTCPOptions) {
    this.options = ensureListenTCP(port, factory, options);
    this.port = port;
    this.factory = factory;
    watchForLeaks(this);
  }

  /** See skein/testing/vitest. */
  readonly leakKind = "transports";
  leaks(): string[] {
    return this.listening ? [`a ${this.factory.constructor.name} is still listening on port ${this.port}`] : [];
  }

  startListening(): void {
    if (this.listening) return;
    this.factory.doStart();
    this.listening = true;
  }

  stopListening(): Deferred<void> {
    if (this.listening) {
      this.listening = false;
      this.factory.doStop();
    }
    return succeed();
  }

  getHost(): Address {
    return addressOf(this.options.interface || "0.0.0.0", this.port);
  }

  /** None: see accept(). */
  connections(): Iterable<never> {
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopListening();
  }

  /** A client connects. Returns its transport, which is already disconnecting if the factory built no protocol. @throws TypeError */
  accept(peerAddress: Address = CLIENT_ADDRESS): StringTransport {
    check("accept(peerAddress)", "peerAddress", peerAddress, address);
    const transport = this.newTransport({ hostAddress: this.getHost(), peerAddress });
    begin(transport, this.factory.buildProtocol(peerAddress));
    return transport;
  }

  protected newTransport(options: StringTransportOptions): StringTransport {
    return new StringTransport(options);
  }
}

/**
 * The result of listenSSL(): no TLS is spoken, whatever its options are. The transports of accept() have completeHandshake()
 * for the test to call.
 */
export class MemorySSLPort extends MemoryPort implements TLSListeningPort {
  #contextFactory: ContextFactory;

  /** @throws TypeError | RangeError as listenSSL() does */
  constructor(port: number, factory: ServerFactoryLike, contextFactory: ContextFactory, options: ListenTCPOptions) {
    super(port, factory, options);
    securityOf("listenSSL(port, factory, contextFactory)", contextFactory);
    this.#contextFactory = contextFactory;
  }

  /** Those of listenSSL(), or of setContext(). */
  get contextFactory(): ContextFactory {
    return this.#contextFactory;
  }

  setContext(contextFactory: ContextFactory): void {
    securityOf("setContext(contextFactory)", contextFactory);
    this.#contextFactory = contextFactory;
  }

  protected override newTransport(options: StringTransportOptions): StringTransport {
    return new StringTransport({ ...options, contextFactory: this.#contextFactory });
  }
}

function begin(transport: StringTransport, protocol: ProtocolLike | null | undefined): void {
  if (protocol === null || protocol === undefined) transport.loseConnection();
  else transport.connect(protocol);
}

/** The result of connectTCP(). A test makes the attempt succeed or fail. */
export class MemoryConnector implements Connector {
  readonly host: string;
  readonly port: number;
  readonly factory: ClientFactoryLike;
  readonly options: ConnectTCPOptions;
  state: Connector["state"] = "disconnected";
  /** The number of connect() calls. */
  attempts = 0;
  /** The connection, once there is one. */
  transport: StringTransport | null = null;
  private factoryStarted = false;

  /** @throws TypeError | RangeError as connectTCP() does */
  constructor(host: string, port: number, factory: ClientFactoryLike, options: ConnectTCPOptions) {
    this.options = ensureConnectTCP(host, port, factory, options);
    this.host = host;
    this.port = port;
    this.factory = factory;
  }

  /** @throws ConnectError unless disconnected */
  connect(): void {
    if (this.state !== "disconnected")
      throw new ConnectError(`This connector is ${this.state}: connect() needs one that is disconnected.`);
    this.state = "connecting";
    this.attempts++;
    if (!this.factoryStarted) {
      this.factory.doStart();
      this.factoryStarted = true;
    }
    this.factory.startedConnecting(this);
  }

  stopConnecting(): void {
    if (this.state !== "connecting")
      throw new NotConnectingError(`There is no attempt to stop: this connector is ${this.state}.`);
    this.fail(new UserError("The attempt was stopped by stopConnecting()."));
  }

  disconnect(): void {
    if (this.state === "connecting") this.stopConnecting();
    else this.transport?.loseConnection();
  }

  getDestination(): Address {
    return addressOf(this.host, this.port);
  }

  /** The attempt succeeds. Returns the transport, which is already disconnecting if the factory built no protocol. */
  succeed(): StringTransport {
    const protocol = this.begin();
    const transport = this.newTransport({ peerAddress: this.getDestination() });
    this.transport = transport;
    transport.onLost = (reason) => {
      this.transport = null;
      this.lose(reason);
    };
    begin(transport, protocol);
    return transport;
  }

  protected newTransport(options: StringTransportOptions): StringTransport {
    return new StringTransport(options);
  }

  /** The same for a test with a transport of its own. Returns the protocol that the factory built. */
  begin(): ProtocolLike | null | undefined {
    if (this.state !== "connecting")
      throw new Error(`There is no attempt that could succeed: this connector is ${this.state}.`);
    this.state = "connected";
    return this.factory.buildProtocol(this.getDestination());
  }

  /** The attempt fails. */
  fail(error: Error = new ConnectError("The test made this attempt fail.")): void {
    check("fail(error)", "error", error, errorKind);
    if (this.state !== "connecting")
      throw new Error(`There is no attempt that could fail: this connector is ${this.state}.`);
    this.state = "disconnected";
    this.factory.clientConnectionFailed(this, new Failure(error));
    this.release();
  }

  /** The connection is lost, if there is one, as by its transport's lose(). */
  lose(error: Error = new ConnectionDone()): void {
    check("lose(error)", "error", error, errorKind);
    if (this.state !== "connected") return;
    if (this.transport !== null) {
      this.transport.lose(error);
      return;
    }
    this.state = "disconnected";
    this.factory.clientConnectionLost(this, new Failure(error));
    this.release();
  }

  private release(): void {
    if (this.state !== "disconnected") return;
    this.factoryStarted = false;
    this.factory.doStop();
  }
}

/** The result of connectSSL(): no TLS is spoken. The transport of succeed() has completeHandshake() for the test to call. */
export class MemorySSLConnector extends MemoryConnector {
  readonly #contextFactory: ContextFactory;

  /** @throws TypeError | RangeError as connectSSL() does */
  constructor(
    host: string,
    port: number,
    factory: ClientFactoryLike,
    contextFactory: ContextFactory,
    options: ConnectTCPOptions,
  ) {
    super(host, port, factory, options);
    securityOf("connectSSL(host, port, factory, contextFactory)", contextFactory);
    this.#contextFactory = contextFactory;
  }

  protected override newTransport(options: StringTransportOptions): StringTransport {
    return new StringTransport({ ...options, contextFactory: this.#contextFactory });
  }
}
