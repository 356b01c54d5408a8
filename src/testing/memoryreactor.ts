/** A reactor that records calls, and does no I/O. */

import { literalAddress } from "../internet/address.ts";
import { check } from "../internet/arguments/check.ts";
import { ensureRunOptions, ensureTrigger, TRIGGER_ID } from "../internet/arguments/events.ts";
import { callable, error as errorKind, orNull, text } from "../internet/arguments/kinds.ts";
import type { Deferred } from "../internet/defer/deferred.ts";
import { fail, succeed } from "../internet/defer/makers.ts";
import { DNSLookupError, ReactorAlreadyRunning, ReactorNotRunning } from "../internet/error.ts";
import type {
  ClientFactoryLike,
  ConnectTCPOptions,
  ListenTCPOptions,
  Reactor,
  ReactorCore,
  ReactorNames,
  ReactorSSL,
  ReactorTCP,
  ServerFactoryLike,
  TriggerId,
  TriggerPhase,
} from "../internet/interfaces.ts";
import { ThreePhaseEvent } from "../internet/reactor/triggers.ts";
import type { DelayedCall } from "../internet/time.ts";
import type { ContextFactory } from "../internet/tls/seam.ts";
import { Clock } from "./clock.ts";
import { MemoryConnector, MemoryPort, MemorySSLConnector, MemorySSLPort } from "./memoryconnections.ts";
import { MemoryDescriptors } from "./memorydescriptors.ts";

type Callable = (...args: unknown[]) => unknown;

/** The first port that is chosen for port 0. */
const FIRST_PORT = 50_000;

/** A system event trigger. */
export interface RecordedTrigger extends TriggerId {
  readonly f: Callable;
  readonly args: readonly unknown[];
}

/**
 * Records ports, connection attempts, triggers and descriptors; the test decides their outcome. It has no clock: see
 * {@link MemoryReactorClock}. System events are fired as by a real reactor.
 */
export class MemoryReactor extends MemoryDescriptors implements ReactorCore, ReactorTCP, ReactorSSL, ReactorNames {
  readonly name: string = "memory";
  running = false;
  hasRun = false;
  hasStopped = false;
  hasCrashed = false;
  /** The calls of callWhenRunning() before run(). */
  readonly whenRunningHooks: { readonly f: Callable; readonly args: readonly unknown[] }[] = [];
  readonly triggers: RecordedTrigger[] = [];
  readonly tcpServers: MemoryPort[] = [];
  readonly tcpClients: MemoryConnector[] = [];
  readonly sslServers: MemorySSLPort[] = [];
  /** Of connectSSL(), each with its options: whatever they are, no TLS is spoken. */
  readonly sslClients: { readonly connector: MemoryConnector; readonly contextFactory: ContextFactory }[] = [];
  /** The addresses of host names. Other names cannot be resolved. */
  readonly names = new Map<string, string>([["localhost", "127.0.0.1"]]);
  private readonly events = new Map<string, ThreePhaseEvent>();
  private settle: () => void = () => undefined;

  /** The same connectors, under Twisted's name. */
  get connectors(): readonly MemoryConnector[] {
    return this.tcpClients;
  }

  /** Fire the startup event, then the callWhenRunning() calls. Resolves after stop() and the shutdown event, or after crash(). */
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
    const chosen = port === 0 ? FIRST_PORT + this.tcpServers.length + this.sslServers.length : port;
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

  listenSSL(
    port: number,
    factory: ServerFactoryLike,
    contextFactory: ContextFactory,
    options: ListenTCPOptions = {},
  ): MemorySSLPort {
    const chosen = port === 0 ? FIRST_PORT + this.tcpServers.length + this.sslServers.length : port;
    const listening = new MemorySSLPort(chosen, factory, contextFactory, options);
    listening.startListening();
    this.sslServers.push(listening);
    return listening;
  }

  connectSSL(
    host: string,
    port: number,
    factory: ClientFactoryLike,
    contextFactory: ContextFactory,
    options: ConnectTCPOptions = {},
  ): MemoryConnector {
    const connector = new MemorySSLConnector(host, port, factory, contextFactory, options);
    this.sslClients.push({ connector, contextFactory });
    connector.connect();
    return connector;
  }

  resolve(name: string): Deferred<string> {
    check("resolve(name)", "name", name, text);
    if (name === "") return succeed("0.0.0.0");
    const address = literalAddress(name, 0) === undefined ? this.names.get(name) : name;
    return address === undefined
      ? fail(new DNSLookupError(`The name "${name}" is not in the names of this MemoryReactor.`))
      : succeed(address);
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

/** A MemoryReactor with a clock that the test advances. Delayed calls are made whether the reactor is running or not. */
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

  /** None: the test has the transports. */
  connections(): Iterable<never> {
    return [];
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

/** A reactor whose listenTCP() and connectTCP() throw the given errors. */
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

  override listenSSL(
    port: number,
    factory: ServerFactoryLike,
    contextFactory: ContextFactory,
    options?: ListenTCPOptions,
  ): MemorySSLPort {
    if (this.listenException !== null) throw this.listenException;
    return super.listenSSL(port, factory, contextFactory, options);
  }

  override connectSSL(
    host: string,
    port: number,
    factory: ClientFactoryLike,
    contextFactory: ContextFactory,
    options?: ConnectTCPOptions,
  ): MemoryConnector {
    if (this.connectException !== null) throw this.connectException;
    return super.connectSSL(host, port, factory, contextFactory, options);
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
