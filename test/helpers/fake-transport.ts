/** A transport that keeps what is written, a clock that is moved by hand, and a reactor made of both. */

import { Deferred } from "../../src/entries/defer.ts";
import { IPv4Address } from "../../src/internet/address.ts";
import {
  AlreadyCalled,
  ConnectionAborted,
  ConnectionDone,
  NotConnectingError,
  UserError,
} from "../../src/internet/error.ts";
import { Failure } from "../../src/internet/failure.ts";
import type {
  Address,
  Bytes,
  ClientFactoryLike,
  Connector,
  ConnectTCPOptions,
  ListeningPort,
  ListenTCPOptions,
  Producer,
  ProtocolLike,
  PullProducer,
  PushProducer,
  ReactorTCP,
  ServerFactoryLike,
  Transport,
} from "../../src/internet/interfaces.ts";
import type { DelayedCall, ReactorTime } from "../../src/internet/time.ts";

/** One end of a connection that exists in the test only. */
export class FakeTransport implements Transport {
  #pieces: Buffer[] = [];
  disconnecting = false;
  aborted = false;
  paused = false;
  producer: Producer | undefined;
  #protocol: ProtocolLike | undefined;

  /** Give `protocol` this transport. */
  connect(protocol: ProtocolLike): this {
    this.#protocol = protocol;
    protocol.makeConnection(this);
    return this;
  }

  /** Lend the protocol bytes for the call, and spoil them afterwards, as the engine does. */
  receive(data: Bytes): void {
    const lent = Buffer.from(data as string);
    this.#protocol?.dataReceived(lent);
    lent.fill(0xee);
  }

  /** What was written since the last take(). */
  get written(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  /** The same, as text, and forgotten. */
  take(): string {
    const text = this.written.toString();
    this.#pieces = [];
    return text;
  }

  /** End the connection, for what the protocol did or for `reason`. */
  lose(reason: Error = this.aborted ? new ConnectionAborted() : new ConnectionDone()): void {
    const protocol = this.#protocol;
    this.#protocol = undefined;
    this.producer?.stopProducing();
    this.producer = undefined;
    protocol?.connectionLost(new Failure(reason));
  }

  /** What a transport does when more waits to be sent than it likes, and when all was sent. */
  congest(): void {
    (this.producer as PushProducer).pauseProducing();
  }
  drain(): void {
    (this.producer as PushProducer).resumeProducing();
  }

  switchProtocol(next: ProtocolLike): void {
    if (this.#protocol !== undefined) this.connect(next);
  }
  write(data: Bytes): void {
    this.#pieces.push(Buffer.from(data as string));
  }
  writeSequence(pieces: Iterable<Bytes>): void {
    for (const piece of pieces) this.write(piece);
  }
  loseConnection(): void {
    this.disconnecting = true;
  }
  abortConnection(): void {
    this.disconnecting = true;
    this.aborted = true;
  }
  loseWriteConnection(): void {}
  getPeer(): Address {
    return new IPv4Address("TCP", "192.0.2.1", 54321);
  }
  getHost(): Address {
    return new IPv4Address("TCP", "192.0.2.2", 12345);
  }
  setTcpNoDelay(): void {}
  getTcpNoDelay(): boolean {
    return true;
  }
  setTcpKeepAlive(): void {}
  getTcpKeepAlive(): boolean {
    return false;
  }
  registerProducer(producer: PushProducer | PullProducer): void {
    if (this.producer !== undefined) throw new Error("a producer is registered already");
    this.producer = producer;
  }
  unregisterProducer(): void {
    this.producer = undefined;
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
}

class FakeCall implements DelayedCall {
  due: number;
  done = false;
  readonly run: () => unknown;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock, due: number, run: () => unknown) {
    this.#clock = clock;
    this.due = due;
    this.run = run;
  }
  getTime(): number {
    return this.due;
  }
  cancel(): void {
    if (this.done) throw new AlreadyCalled();
    this.done = true;
  }
  delay(secondsLater: number): void {
    this.due += secondsLater;
  }
  reset(secondsFromNow: number): void {
    if (this.done) throw new AlreadyCalled();
    this.due = this.#clock.seconds() + secondsFromNow;
  }
  active(): boolean {
    return !this.done;
  }
}

/** Stands still until advance(). */
export class FakeClock implements ReactorTime {
  #now = 0;
  #calls: FakeCall[] = [];

  seconds(): number {
    return this.#now;
  }
  callLater<A extends unknown[]>(seconds: number, f: (...args: A) => unknown, ...args: A): DelayedCall {
    const call = new FakeCall(this, this.#now + seconds, () => f(...args));
    this.#calls.push(call);
    return call;
  }
  getDelayedCalls(): FakeCall[] {
    return this.#calls.filter((call) => call.active());
  }
  /** Let `seconds` pass; what is due is called in the order of its time. */
  advance(seconds: number): void {
    this.#now += seconds;
    for (;;) {
      this.#calls = this.getDelayedCalls().sort((a, b) => a.due - b.due);
      const [next] = this.#calls;
      if (next === undefined || next.due > this.#now) return;
      next.done = true;
      next.run();
    }
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
  succeed(): FakeTransport {
    this.state = "connected";
    this.transport = new FakeTransport();
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
export class FakeReactor extends FakeClock implements ReactorTCP {
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
