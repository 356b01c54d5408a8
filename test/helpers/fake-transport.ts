/** The StringTransport and the Clock of skein/testing for unit tests, and a reactor made of both. */

import { Deferred } from "../../src/entries/defer.ts";
import { IPv4Address } from "../../src/internet/address.ts";
import { ConnectionDone, NotConnectingError, UserError } from "../../src/internet/error.ts";
import { Failure } from "../../src/internet/failure.ts";
import type {
  Address,
  Bytes,
  ClientFactoryLike,
  Connector,
  ConnectTCPOptions,
  ListeningPort,
  ListenTCPOptions,
  ProtocolLike,
  ReactorTCP,
  ServerFactoryLike,
} from "../../src/internet/interfaces.ts";
import { QUEUED } from "../../src/internet/stream/sendqueue.ts";
import { Clock } from "../../src/testing/clock.ts";
import { deliver } from "../../src/testing/delivery.ts";
import { StringTransport } from "../../src/testing/stringtransport.ts";

/** A StringTransport that takes bytes and calls in any state, so that a test may order them as a network would. */
export class FakeTransport extends StringTransport {
  /** Bytes that its peer has not taken yet, as a test says. */
  [QUEUED] = 0;
  #aborted = false;

  /** @param peer the host of the other end */
  constructor(peer = "192.0.2.1") {
    super({
      lenient: true,
      hostAddress: new IPv4Address("TCP", "192.0.2.2", 12345),
      peerAddress: new IPv4Address("TCP", peer, 54321),
    });
  }

  /** Bytes arrive, also while reading is paused: they were in flight. */
  override receive(data: Bytes): void {
    if (this.protocol !== null) deliver(this.protocol, data);
  }

  override switchProtocol(next: ProtocolLike): void {
    if (this.protocol !== null) this.connect(next);
  }

  /** What was written since the last take(). */
  get written(): Buffer {
    return this.value();
  }

  /** abortConnection() was called before the connection was lost. */
  get aborted(): boolean {
    return this.#aborted;
  }

  override abortConnection(): void {
    this.#aborted ||= this.protocol !== null;
    super.abortConnection();
  }

  get paused(): boolean {
    return this.producerState === "paused";
  }
}

/** What connectTCP() was asked for. */
export class FakeConnector implements Connector {
  state: Connector["state"] = "connecting";
  attempts = 1;
  transport: FakeTransport | undefined;
  readonly host: string;
  readonly port: number;
  readonly factory: ClientFactoryLike;
  readonly options: ConnectTCPOptions | undefined;

  constructor(host: string, port: number, factory: ClientFactoryLike, options?: ConnectTCPOptions) {
    this.host = host;
    this.port = port;
    this.factory = factory;
    this.options = options;
  }
  connect(): void {
    if (this.state !== "disconnected") throw new Error(`it is ${this.state}`);
    this.state = "connecting";
    this.attempts++;
    this.factory.startedConnecting(this);
  }
  stopConnecting(): void {
    if (this.state !== "connecting") throw new NotConnectingError(`it is ${this.state}`);
    this.fail(new UserError("stopped"));
  }
  disconnect(): void {
    if (this.state === "connecting") this.stopConnecting();
    else this.transport?.loseConnection();
  }
  getDestination(): Address {
    return new IPv4Address("TCP", this.host, this.port);
  }
  /** The attempt succeeds; returns the transport, and what the protocol's makeConnection() threw. */
  succeed(transport = new FakeTransport()): FakeTransport {
    this.state = "connected";
    this.transport = transport;
    const protocol = this.factory.buildProtocol(this.getDestination());
    if (protocol === null || protocol === undefined) this.transport.loseConnection();
    else this.transport.connect(protocol);
    return this.transport;
  }
  /** The attempt fails. */
  fail(error: Error): void {
    this.state = "disconnected";
    this.factory.clientConnectionFailed(this, new Failure(error));
  }
  /** The established connection is lost. */
  lose(error: Error = new ConnectionDone()): void {
    this.state = "disconnected";
    this.transport?.lose(error);
    this.factory.clientConnectionLost(this, new Failure(error));
  }
}

export interface ListenRequest {
  readonly port: number;
  readonly factory: ServerFactoryLike;
  readonly options: ListenTCPOptions | undefined;
}

/** Keeps what it is asked for; the test lets it happen. */
export class FakeReactor extends Clock implements ReactorTCP {
  readonly listened: ListenRequest[] = [];
  readonly connectors: FakeConnector[] = [];
  /** When set, listenTCP() and connectTCP() throw it. */
  refusal: Error | undefined;

  listenTCP(port: number, factory: ServerFactoryLike, options?: ListenTCPOptions): ListeningPort {
    if (this.refusal !== undefined) throw this.refusal;
    this.listened.push({ port, factory, options });
    return {
      startListening() {},
      stopListening() {
        const stopped = new Deferred<void>();
        stopped.callback(undefined);
        return stopped;
      },
      connections: () => [],
      getHost: () => new IPv4Address("TCP", options?.interface ?? "0.0.0.0", port),
      async [Symbol.asyncDispose]() {},
    };
  }
  connectTCP(host: string, port: number, factory: ClientFactoryLike, options?: ConnectTCPOptions): FakeConnector {
    if (this.refusal !== undefined) throw this.refusal;
    const connector = new FakeConnector(host, port, factory, options);
    this.connectors.push(connector);
    factory.doStart();
    factory.startedConnecting(connector);
    return connector;
  }
}
