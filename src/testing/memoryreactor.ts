/** A reactor that only records what it is asked for. */

import { IPv4Address, IPv6Address, literalAddress } from "../internet/address.ts";
import { check } from "../internet/arguments/check.ts";
import { ensureRunOptions, ensureTrigger, TRIGGER_ID } from "../internet/arguments/events.ts";
import { address, callable, error as errorKind, orNull, text } from "../internet/arguments/kinds.ts";
import { ensureConnectTCP, ensureListenTCP } from "../internet/arguments/reactors.ts";
import type { Deferred } from "../internet/defer/deferred.ts";
import { fail, succeed } from "../internet/defer/makers.ts";
import {
  ConnectError,
  ConnectionDone,
  DNSLookupError,
  NotConnectingError,
  ReactorAlreadyRunning,
  ReactorNotRunning,
  UserError,
} from "../internet/error.ts";
import { Failure } from "../internet/failure.ts";
import type {
  Address,
  ClientFactoryLike,
  Connector,
  ConnectTCPOptions,
  ListeningPort,
  ListenTCPOptions,
  ProtocolLike,
  Reactor,
  ReactorCore,
  ReactorNames,
  ReactorTCP,
  ServerFactoryLike,
  TriggerId,
  TriggerPhase,
} from "../internet/interfaces.ts";
import { ThreePhaseEvent } from "../internet/reactor/triggers.ts";
import type { DelayedCall } from "../internet/time.ts";
import { Clock } from "./clock.ts";
import { watchForLeaks } from "./leaks.ts";
import { MemoryDescriptors } from "./memorydescriptors.ts";
import { CLIENT_ADDRESS } from "./memorytransport.ts";
import { StringTransport } from "./stringtransport.ts";

type Callable = (...args: unknown[]) => unknown;

/** The first port that is chosen where 0 is asked for. */
const FIRST_PORT = 50_000;

function addressOf(host: string, port: number): Address {
  return host.includes(":") ? new IPv6Address("TCP", host, port) : new IPv4Address("TCP", host, port);
}

/** What listenTCP() returned. The test lets clients come. */
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
    return this.listening ? [`a ${this.factory.constructor.name} still listens on port ${this.port}`] : [];
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopListening();
  }

  /** A client connects. Its transport; disconnecting at once when the factory built nothing. */
  accept(peerAddress: Address = CLIENT_ADDRESS): StringTransport {
    check("accept(peerAddress)", "peerAddress", peerAddress, address);
    const transport = new StringTransport({ hostAddress: this.getHost(), peerAddress });
    begin(transport, this.factory.buildProtocol(peerAddress));
    return transport;
  }
}

function begin(transport: StringTransport, protocol: ProtocolLike | null | undefined): void {
  if (protocol === null || protocol === undefined) transport.loseConnection();
  else transport.connect(protocol);
}

/** What connectTCP() returned. The test lets the attempt succeed or fail. */
export class MemoryConnector implements Connector {
  readonly host: string;
  readonly port: number;
  readonly factory: ClientFactoryLike;
  readonly options: ConnectTCPOptions;
  state: Connector["state"] = "disconnected";
  /** How often connect() was called. */
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
      throw new ConnectError(`This connector is ${this.state}: it can only connect when it is not.`);
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
      throw new NotConnectingError(`There is no attempt to stop: this is ${this.state}.`);
    this.fail(new UserError("The attempt was stopped by stopConnecting()."));
  }

  disconnect(): void {
    if (this.state === "connecting") this.stopConnecting();
    else this.transport?.loseConnection();
  }

  getDestination(): Address {
    return addressOf(this.host, this.port);
  }

  /** The attempt succeeds. Returns the transport; disconnecting at once when the factory built nothing. */
  succeed(): StringTransport {
    const protocol = this.begin();
    const transport = new StringTransport({ peerAddress: this.getDestination() });
    this.transport = transport;
    transport.onLost = (reason) => {
      this.transport = null;
      this.lose(reason);
    };
    begin(transport, protocol);
    return transport;
  }

  /** The same for those who have a transport of their own: what the factory builds. */
  begin(): ProtocolLike | null | undefined {
    if (this.state !== "connecting") throw new Error(`There is no attempt that could succeed: this is ${this.state}.`);
    this.state = "connected";
    return this.factory.buildProtocol(this.getDestination());
  }

  /** The attempt fails. */
  fail(error: Error = new ConnectError("The test let this attempt fail.")): void {
    check("fail(error)", "error", error, errorKind);
    if (this.state !== "connecting") throw new Error(`There is no attempt that could fail: this is ${this.state}.`);
    this.state = "disconnected";
    this.factory.clientConnectionFailed(this, new Failure(error));
    this.release();
  }

  /** The connection is lost, if there is one. The same as to lose its transport. */
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

/** A trigger, as it was added. */
export interface RecordedTrigger extends TriggerId {
  readonly f: Callable;
  readonly args: readonly unknown[];
}

/**
 * Records what it is asked for, and lets the test decide the outcome. It has no clock: see {@link MemoryReactorClock}.
 * Events are fired as they are by a real reactor.
 */
export class MemoryReactor extends MemoryDescriptors implements ReactorCore, ReactorTCP, ReactorNames {
  readonly name: string = "memory";
  running = false;
  hasRun = false;
  hasStopped = false;
  hasCrashed = false;
  /** What callWhenRunning() was given before run(). */
  readonly whenRunningHooks: { readonly f: Callable; readonly args: readonly unknown[] }[] = [];
  readonly triggers: RecordedTrigger[] = [];
  readonly tcpServers: MemoryPort[] = [];
  readonly tcpClients: MemoryConnector[] = [];
  /** What names stand for; others cannot be looked up. */
  readonly names = new Map<string, string>([["localhost", "127.0.0.1"]]);
  private readonly events = new Map<string, ThreePhaseEvent>();
  private settle: () => void = () => undefined;

  /** Every connector, as Twisted calls them. */
  get connectors(): readonly MemoryConnector[] {
    return this.tcpClients;
  }

  /** Fire the startup event, and call what waits for it. Resolves after stop() and the shutdown event, or crash(). */
  run(_options: { installSignalHandlers?: boolean } = {}): Promise<void> {
    ensureRunOptions(_options);
    if (this.running) throw new ReactorAlreadyRunning();
    const ended = new Promise<void>((resolve) => {
      this.settle = resolve;
    });
    this.hasRun = true;
    this.hasStopped = false;
    this.event("startup")
      .fire(() => {
        this.running = true;
      })
      .addCallback(() => {
        for (const { f, args } of this.whenRunningHooks.splice(0)) f(...args);
      });
    return ended;
  }

  stop(): void {
    if (!this.running || this.hasStopped) throw new ReactorNotRunning();
    this.hasStopped = true;
    this.fireSystemEvent("shutdown");
  }

  crash(): void {
    this.running = false;
    this.hasCrashed = true;
    this.settle();
  }

  callWhenRunning<A extends unknown[]>(f: (...args: A) => unknown, ...args: A): undefined {
    check("callWhenRunning(f, ...args)", "f", f, callable);
    if (this.running) f(...args);
    else this.whenRunningHooks.push({ f: f as Callable, args });
  }

  addSystemEventTrigger<A extends unknown[]>(
    phase: TriggerPhase,
    event: string,
    f: (...args: A) => unknown,
    ...args: A
  ): TriggerId {
    ensureTrigger(phase, event, f);
    const id = this.event(event).add(phase, f as Callable, args);
    this.triggers.push(id as RecordedTrigger);
    return id;
  }

  removeSystemEventTrigger(id: TriggerId): void {
    check("removeSystemEventTrigger(id)", "id", id, TRIGGER_ID);
    const at = this.triggers.indexOf(id as RecordedTrigger);
    if (at < 0 || this.events.get(id.event)?.remove(id) !== true) throw new RangeError("There is no such trigger.");
    this.triggers.splice(at, 1);
  }

  fireSystemEvent(event: string): void {
    check("fireSystemEvent(event)", "event", event, text);
    if (event !== "shutdown") {
      this.event(event).fire();
      return;
    }
    this.event(event)
      .fire(() => {
        this.running = false;
      })
      .addCallback(() => this.settle());
  }

  listenTCP(port: number, factory: ServerFactoryLike, options: ListenTCPOptions = {}): MemoryPort {
    const chosen = port === 0 ? FIRST_PORT + this.tcpServers.length : port;
    const listening = new MemoryPort(chosen, factory, options);
    listening.startListening();
    this.tcpServers.push(listening);
    return listening;
  }

  connectTCP(host: string, port: number, factory: ClientFactoryLike, options: ConnectTCPOptions = {}): MemoryConnector {
    const connector = new MemoryConnector(host, port, factory, options);
    this.tcpClients.push(connector);
    connector.connect();
    return connector;
  }

  resolve(name: string): Deferred<string> {
    check("resolve(name)", "name", name, text);
    if (name === "") return succeed("0.0.0.0");
    const address = literalAddress(name, 0) === undefined ? this.names.get(name) : name;
    return address === undefined ? fail(new DNSLookupError(`There is no "${name}" in this test.`)) : succeed(address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running && !this.hasStopped) this.stop();
  }

  private event(name: string): ThreePhaseEvent {
    let event = this.events.get(name);
    if (event === undefined) {
      event = new ThreePhaseEvent(name);
      this.events.set(name, event);
    }
    return event;
  }
}

/** A MemoryReactor with a clock that the test moves. Calls are made whether the reactor runs or not. */
export class MemoryReactorClock extends MemoryReactor implements Reactor {
  private readonly clock = new Clock();

  seconds(): number {
    return this.clock.seconds();
  }

  callLater<A extends unknown[]>(seconds: number, f: (...args: A) => unknown, ...args: A): DelayedCall {
    return this.clock.callLater(seconds, f, ...args);
  }

  getDelayedCalls(): DelayedCall[] {
    return this.clock.getDelayedCalls();
  }

  /** See {@link Clock.advance}. */
  advance(seconds: number): void {
    this.clock.advance(seconds);
  }

  /** See {@link Clock.pump}. */
  pump(timings: Iterable<number>): void {
    this.clock.pump(timings);
  }
}

/** A reactor that refuses: listenTCP() and connectTCP() throw what it is given. */
export class RaisingMemoryReactor extends MemoryReactorClock {
  private readonly listenException: Error | null;
  private readonly connectException: Error | null;

  /** @throws TypeError for what is neither an Error nor null */
  constructor(listenException: Error | null = null, connectException: Error | null = null) {
    const call = "new RaisingMemoryReactor(listenException, connectException)";
    check(call, "listenException", listenException, orNull(errorKind));
    check(call, "connectException", connectException, orNull(errorKind));
    super();
    this.listenException = listenException;
    this.connectException = connectException;
  }

  override listenTCP(port: number, factory: ServerFactoryLike, options?: ListenTCPOptions): MemoryPort {
    if (this.listenException !== null) throw this.listenException;
    return super.listenTCP(port, factory, options);
  }

  override connectTCP(
    host: string,
    port: number,
    factory: ClientFactoryLike,
    options?: ConnectTCPOptions,
  ): MemoryConnector {
    if (this.connectException !== null) throw this.connectException;
    return super.connectTCP(host, port, factory, options);
  }
}
