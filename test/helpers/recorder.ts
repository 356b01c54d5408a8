/** Protocols that keep what they are told, and factories that keep their protocols. */

import type { Failure } from "../../src/internet/failure.ts";
import type { Address, Connector, ListeningPort, ListenTCPOptions, Transport } from "../../src/internet/interfaces.ts";
import { ClientFactory, Protocol, ServerFactory } from "../../src/internet/protocol.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { FlowCheck } from "./flow.ts";
import { Gate, Queue, Tally } from "./gate.ts";
import { loopback } from "./world.ts";

/** Keeps the order of its calls and what it received. A test replaces the methods it wants to act in. */
export class Recorder extends Protocol {
  /** The names of the methods called; of several dataReceived() in a row there is one. */
  readonly calls: string[] = [];
  readonly made = new Gate<Transport>();
  readonly lost = new Gate<Failure>();
  /** How often connectionLost() was called. */
  losses = 0;
  /** Bytes that arrived. */
  readonly arrived = new Tally();
  #chunks: Buffer[] = [];
  /** Called last by the method of its name. */
  onMade: () => void = () => {};
  onData: (data: Buffer) => void = () => {};
  onLost: (reason: Failure) => void = () => {};

  override connectionMade(): void {
    this.calls.push("connectionMade");
    this.made.open(this.transport);
    this.onMade();
  }

  override dataReceived(data: Buffer): void {
    if (this.calls.at(-1) !== "dataReceived") this.calls.push("dataReceived");
    this.keep(data);
    this.arrived.add(data.length);
    this.onData(data);
  }

  override connectionLost(reason: Failure): void {
    this.calls.push("connectionLost");
    this.losses++;
    this.lost.open(reason);
    this.onLost(reason);
  }

  /** What arrived, as text. */
  get text(): string {
    return Buffer.concat(this.#chunks).toString();
  }

  /** The error that the connection was lost by. */
  async lossError(): Promise<unknown> {
    return (await this.lost.promise).value;
  }

  protected keep(data: Buffer): void {
    this.#chunks.push(data);
  }
}

/** A Recorder that wants to know of each half. */
export class HalfRecorder extends Recorder {
  readonly readEnded = new Gate();
  readonly writeEnded = new Gate();
  onReadEnd: () => void = () => {};
  onWriteEnd: () => void = () => {};

  readConnectionLost(): void {
    this.calls.push("readConnectionLost");
    this.readEnded.open();
    this.onReadEnd();
  }

  writeConnectionLost(): void {
    this.calls.push("writeConnectionLost");
    this.writeEnded.open();
    this.onWriteEnd();
  }
}

/** Compares what it receives with the flow, without keeping it. */
export class FlowRecorder extends Recorder {
  readonly check = new FlowCheck();

  protected override keep(data: Buffer): void {
    this.check.take(data);
  }
}

/** Sends back what it receives, without keeping it. */
export class Echo extends Recorder {
  override dataReceived(data: Buffer): void {
    this.transport.write(data);
    this.arrived.add(data.length);
  }
}

/** Builds protocols by a function, and keeps them. */
export class Server<P extends Protocol> extends ServerFactory<P> {
  readonly calls: string[] = [];
  readonly built: P[] = [];
  readonly #fresh = new Queue<P>();
  readonly #build: (addr: Address) => P;

  constructor(build: (addr: Address) => P) {
    super();
    this.#build = build;
  }

  override startFactory(): void {
    this.calls.push("doStart");
  }
  override stopFactory(): void {
    this.calls.push("doStop");
  }

  override buildProtocol(addr: Address): P {
    this.calls.push(`buildProtocol ${addr}`);
    const protocol = this.#build(addr);
    protocol.factory = this;
    this.built.push(protocol);
    this.#fresh.put(protocol);
    return protocol;
  }

  /** The next protocol; it may not be connected yet. */
  next(): Promise<P> {
    return this.#fresh.next();
  }
}

export interface Served<P extends Protocol> {
  readonly factory: Server<P>;
  readonly listening: ListeningPort;
  readonly port: number;
  /** The next connection's protocol. */
  next(): Promise<P>;
}

/** Listen on a free port of the loopback, or of another interface. */
export function serve<P extends Protocol>(
  reactor: EngineReactor,
  build: (addr: Address) => P,
  options: ListenTCPOptions = {},
): Served<P> {
  const factory = new Server(build);
  const listening = reactor.listenTCP(0, factory, { interface: loopback(), ...options });
  return { factory, listening, port: listening.getHost().port, next: () => factory.next() };
}

/** Builds one protocol by a function for each connection it makes, and keeps how each attempt went. */
export class Client<P extends Protocol> extends ClientFactory<P> {
  readonly calls: string[] = [];
  readonly built: P[] = [];
  readonly #fresh = new Queue<P>();
  readonly #build: () => P | null;
  readonly failures = new Queue<Failure>();
  readonly losses = new Queue<Failure>();
  /** Called last by the method of its name. */
  onStarted: (connector: Connector) => void = () => {};
  onFailed: (connector: Connector, reason: Failure) => void = () => {};
  onLost: (connector: Connector, reason: Failure) => void = () => {};

  constructor(build: () => P | null) {
    super();
    this.#build = build;
  }

  override startFactory(): void {
    this.calls.push("doStart");
  }
  override stopFactory(): void {
    this.calls.push("doStop");
  }

  override startedConnecting(connector: Connector): void {
    this.calls.push("startedConnecting");
    this.onStarted(connector);
  }

  override buildProtocol(addr: Address): P | null {
    this.calls.push(`buildProtocol ${addr}`);
    const protocol = this.#build();
    if (protocol === null) return null;
    protocol.factory = this;
    this.built.push(protocol);
    this.#fresh.put(protocol);
    return protocol;
  }

  override clientConnectionFailed(connector: Connector, reason: Failure): void {
    this.calls.push("clientConnectionFailed");
    this.failures.put(reason);
    this.onFailed(connector, reason);
  }

  override clientConnectionLost(connector: Connector, reason: Failure): void {
    this.calls.push("clientConnectionLost");
    this.losses.put(reason);
    this.onLost(connector, reason);
  }

  next(): Promise<P> {
    return this.#fresh.next();
  }
}

/** Connect a protocol; resolves when it is connected, and rejects when it cannot be. */
export async function dial<P extends Recorder>(
  reactor: EngineReactor,
  port: number,
  protocol: P,
  host = loopback(),
): Promise<P> {
  const factory = new Client(() => protocol);
  reactor.connectTCP(host, port, factory);
  const failed = factory.failures.next().then((failure) => Promise.reject(failure.value));
  await Promise.race([protocol.made.promise, failed]);
  return protocol;
}

/** Two connected protocols of one reactor: the one that dialled, and the one that was built for it. */
export async function pair<C extends Recorder, S extends Recorder>(
  reactor: EngineReactor,
  client: C,
  server: S,
): Promise<[C, S]> {
  const { port, listening } = serve(reactor, () => server);
  await dial(reactor, port, client);
  await server.made.promise;
  await listening.stopListening();
  return [client, server];
}
