/**
 * Protocols hold the state of one connection, factories what all connections of a port or a client share.
 * Names and semantics follow twisted.internet.protocol.
 */

import { msg } from "../logger/log.ts";
import { check } from "./arguments/check.ts";
import { described } from "./arguments/described.ts";
import { constructible, orNull, withMethods } from "./arguments/kinds.ts";
import { ensureConnectOptions, ensureHost, ensureReactor } from "./arguments/reactors.ts";
import { Deferred } from "./defer/deferred.ts";
import { NoProtocol, NotConnectingError, SkeinError } from "./error.ts";
import type { Failure } from "./failure.ts";
import type {
  Address,
  ClientFactoryLike,
  Connector,
  ConnectTCPOptions,
  ProtocolLike,
  ReactorTCP,
  ServerFactoryLike,
  Transport,
} from "./interfaces.ts";
import { defaultClock } from "./reactor/defaultclock.ts";
import type { DelayedCall, ReactorTime } from "./time.ts";

const CONNECTOR = orNull(withMethods("a connector", "connect", "stopConnecting"));

// --- protocols -------------------------------------------------------------------------------------------------------

/** The base of every protocol: a transport, and possibly a factory. */
export class BaseProtocol {
  /** The transport; set from makeConnection() on, also after the loss. */
  transport!: Transport;
  /** What built this protocol, or null. Subclasses narrow it: `declare factory: MyFactory`. */
  factory: Factory | null = null;

  /** True once makeConnection() was called; it stays true after the loss. */
  get connected(): boolean {
    return this.transport !== undefined;
  }

  /** Called once by the reactor. Override connectionMade() instead. Returns what that does: it may be async. */
  makeConnection(transport: Transport): unknown {
    this.transport = transport;
    return this.connectionMade();
  }

  /** The connection is established. Override this to send the first bytes. */
  connectionMade(): void {}

  /** The prefix of this protocol's log messages. */
  logPrefix(): string {
    return this.constructor.name;
  }
}

/** One stream connection: connectionMade(), then dataReceived() any number of times, then connectionLost() once. */
export class Protocol extends BaseProtocol implements ProtocolLike {
  /**
   * True to receive borrowed bytes in dataReceived(): they are valid during the call only, so whatever is kept must be
   * copied. Passing them to write() is safe. Saves the copy that owned bytes cost.
   */
  static readonly borrows: boolean = false;

  /** Bytes arrived, in chunks of any size. This protocol owns them, unless its class borrows. */
  dataReceived(_data: Buffer): void {}

  /**
   * The connection was lost: `reason` holds ConnectionDone when it was closed cleanly, else ConnectionLost or the error
   * that ended it.
   */
  connectionLost(_reason: Failure): void {}
}

// --- factories -------------------------------------------------------------------------------------------------------

/** What builds protocols of type `P`; every {@link Factory} does. */
export interface ProtocolFactory<P extends ProtocolLike> extends ServerFactoryLike {
  buildProtocol(addr: Address): P | null | undefined;
}

/** Builds one protocol for each connection, and keeps what they share. */
export class Factory<P extends Protocol = Protocol> implements ServerFactoryLike {
  /** The class of the protocols that buildProtocol() makes. */
  protocol: (new () => P) | null = null;
  /** How many ports and connectors use this factory. */
  numPorts = 0;
  /** Log when the factory starts and stops. */
  noisy = false;

  /**
   * A factory of this class whose protocols are of class `protocol`; `args` go to the factory's constructor.
   * @throws TypeError when `protocol` is no class
   */
  static forProtocol<P extends Protocol, F extends Factory, A extends unknown[]>(
    this: new (
      ...args: A
    ) => F,
    protocol: new () => P,
    ...args: A
  ): F & ProtocolFactory<P> {
    if (!constructible.typed(protocol)) {
      throw new TypeError(`forProtocol(protocol) needs a class of protocols, not ${described(protocol)}.`);
    }
    const factory = new this(...args);
    factory.protocol = protocol;
    return factory as F & ProtocolFactory<P>;
  }

  /**
   * The protocol for a new connection, or null to close it at once. `addr` is the peer's address.
   * @throws NoProtocol when neither `protocol` is set nor this method overridden
   */
  buildProtocol(_addr: Address): P | null | undefined {
    if (this.protocol === null) {
      throw new NoProtocol(
        `${this.logPrefix()} cannot build a protocol: set its \`protocol\` to a Protocol class, or override buildProtocol().`,
      );
    }
    const built = new this.protocol();
    built.factory = this;
    return built;
  }

  /** Called for every port and connector that starts to use this factory. Override startFactory() instead. */
  doStart(): void {
    if (this.numPorts === 0) {
      if (this.noisy) msg(`Starting factory ${this.logPrefix()}`);
      this.startFactory();
    }
    this.numPorts++;
  }

  /** Called for every port and connector that stops using this factory. Override stopFactory() instead. */
  doStop(): void {
    if (this.numPorts === 0) return;
    this.numPorts--;
    if (this.numPorts === 0) {
      if (this.noisy) msg(`Stopping factory ${this.logPrefix()}`);
      this.stopFactory();
    }
  }

  /** Called before the first port or connector uses this factory. Override it to open shared resources. */
  startFactory(): void {}

  /** Called after the last port or connector stopped using it. Override it to close what startFactory() opened. */
  stopFactory(): void {}

  /** The prefix of this factory's log messages. */
  logPrefix(): string {
    return this.constructor.name;
  }
}

/** A factory for ports that listen. */
export class ServerFactory<P extends Protocol = Protocol> extends Factory<P> {}

/** A factory for outgoing connections, which is told the outcome of each attempt. */
export class ClientFactory<P extends Protocol = Protocol> extends Factory<P> implements ClientFactoryLike {
  /** An attempt begins; `connector` can stop it. */
  startedConnecting(_connector: Connector): void {}

  /** The attempt failed, with a ConnectError as the reason. `connector.connect()` tries again. */
  clientConnectionFailed(_connector: Connector, _reason: Failure): void {}

  /** An established connection was lost. `connector.connect()` makes it again. */
  clientConnectionLost(_connector: Connector, _reason: Failure): void {}
}

/**
 * Connects again when an attempt failed or the connection was lost, after delays that grow exponentially.
 * The protocol calls `this.factory.resetDelay()` once a connection has proved useful: that a connection was accepted
 * does not mean that the server works.
 */
export class ReconnectingClientFactory<P extends Protocol = Protocol> extends ClientFactory<P> {
  /** The initial delay in seconds, multiplied by `factor` before the first retry. */
  initialDelay = 1;
  /** The maximum delay in seconds, before jitter. */
  maxDelay = 3600;
  /**
   * The delay is multiplied by this for each attempt; e by default, so that programs with other factors rarely retry in
   * step.
   */
  factor = Math.E;
  /**
   * The jitter: the standard deviation of the delay as a fraction of it, so that clients that were lost together do not
   * reconnect together. 0: none.
   */
  jitter = 0.11962656472;
  /** Attempts in a row before it gives up, or null for no end. */
  maxRetries: number | null = null;
  /** The current delay in seconds. */
  delay = this.initialDelay;
  /** Attempts since the last resetDelay(). */
  retries = 0;
  /** False after stopTrying(). */
  continueTrying = true;
  /** The connector to retry; set by the first failure. */
  connector: Connector | null = null;
  /** Uniform random numbers in [0, 1), for the jitter. */
  random: () => number = Math.random;
  /** The clock for the retries. Null: the reactor that is installed when the first retry is due. */
  clock: ReactorTime | null = null;

  #call: DelayedCall | null = null;
  /** The connector of the attempt that began last. */
  #started: Connector | null = null;

  override startedConnecting(connector: Connector): void {
    this.#started = connector;
  }

  override clientConnectionFailed(connector: Connector, _reason: Failure): void {
    this.#again(connector);
  }

  override clientConnectionLost(connector: Connector, _reason: Failure): void {
    this.#again(connector);
  }

  /**
   * Retry `connector`, by default the one that failed last, after the next delay.
   * @throws TypeError unless `connector` is a connector or null
   * @throws SkeinError when there is no connector yet
   * @throws NoClockError when there is neither a clock nor a reactor
   */
  retry(connector: Connector | null = this.connector): void {
    check("retry(connector)", "connector", connector, CONNECTOR);
    if (!this.continueTrying) {
      if (this.noisy) msg(`${this.logPrefix()} does not retry: stopTrying() was called`);
      return;
    }
    if (connector === null) {
      throw new SkeinError("There is no connector to retry: pass one, or call retry() after an attempt failed.");
    }
    this.retries++;
    if (this.maxRetries !== null && this.retries > this.maxRetries) {
      if (this.noisy) msg(`${this.logPrefix()} gives up after ${this.maxRetries} retries`);
      return;
    }
    this.delay = Math.min(this.delay * this.factor, this.maxDelay);
    if (this.jitter > 0) this.delay = Math.max(0, normal(this.delay, this.delay * this.jitter, this.random));
    if (this.noisy) msg(`${this.logPrefix()} retries in ${this.delay.toFixed(1)} s`);
    this.#cancelCall();
    this.clock ??= defaultClock();
    this.#call = this.clock.callLater(this.delay, () => {
      this.#call = null;
      connector.connect();
    });
  }

  /** Stop retrying: cancel the retry that is scheduled or in progress. An established connection is not closed. */
  stopTrying(): void {
    this.continueTrying = false;
    this.#cancelCall();
    try {
      (this.#started ?? this.connector)?.stopConnecting();
    } catch (error) {
      if (!(error instanceof NotConnectingError)) throw error;
    }
  }

  /** Reset the delay and the number of retries, and retry again after a stopTrying(). */
  resetDelay(): void {
    this.delay = this.initialDelay;
    this.retries = 0;
    this.continueTrying = true;
  }

  #again(connector: Connector): void {
    if (!this.continueTrying) return;
    this.connector = connector;
    this.retry();
  }

  #cancelCall(): void {
    this.#call?.cancel();
    this.#call = null;
  }
}

/** A number from the normal distribution (Box and Muller, 1958). */
function normal(mean: number, deviation: number, random: () => number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return mean + deviation * radius * Math.cos(2 * Math.PI * random());
}

// --- one connection --------------------------------------------------------------------------------------------------

/** Connects one protocol instance of a class, as a Deferred. */
export class ClientCreator<P extends Protocol, A extends unknown[]> {
  readonly #reactor: ReactorTCP & ReactorTime;
  readonly #protocolClass: new (
    ...args: A
  ) => P;
  readonly #args: A;

  constructor(reactor: ReactorTCP & ReactorTime, protocolClass: new (...args: A) => P, ...args: A) {
    const call = "new ClientCreator(reactor, protocolClass, ...args)";
    ensureReactor(call, reactor, "connectTCP");
    check(call, "protocolClass", protocolClass, constructible);
    this.#reactor = reactor;
    this.#protocolClass = protocolClass;
    this.#args = args;
  }

  /**
   * Fires with the connected protocol in the tick after its connectionMade(); fails with a ConnectError. Cancelling it
   * stops the attempt.
   */
  connectTCP(host: string, port: number, options: ConnectTCPOptions = {}): Deferred<P> {
    ensureHost("connectTCP(host, port, options)", host, port);
    ensureConnectOptions("connectTCP(host, port, options)", options);
    const deferred = new Deferred<P>(() => {
      factory.forget();
      connector.disconnect();
    });
    const factory = new InstanceFactory(this.#reactor, new this.#protocolClass(...this.#args), deferred);
    const connector = this.#reactor.connectTCP(host, port, factory, options);
    return deferred;
  }
}

/** A factory for one existing protocol, which fires a Deferred with it one tick later. */
class InstanceFactory<P extends Protocol> extends ClientFactory<P> {
  readonly #clock: ReactorTime;
  readonly #instance: P;
  #deferred: Deferred<P> | null;
  #pending: DelayedCall | null = null;

  constructor(clock: ReactorTime, instance: P, deferred: Deferred<P>) {
    super();
    this.#clock = clock;
    this.#instance = instance;
    this.#deferred = deferred;
  }

  override buildProtocol(_addr: Address): P | null {
    const deferred = this.#deferred;
    if (deferred === null) return null;
    this.#deferred = null;
    this.#pending = this.#clock.callLater(0, () => {
      this.#pending = null;
      deferred.callback(this.#instance);
    });
    return this.#instance;
  }

  override clientConnectionFailed(_connector: Connector, reason: Failure): void {
    const deferred = this.#deferred;
    if (deferred === null) return;
    this.#deferred = null;
    this.#pending = this.#clock.callLater(0, () => {
      this.#pending = null;
      deferred.errback(reason);
    });
  }

  /** The Deferred was fired or cancelled. */
  forget(): void {
    this.#deferred = null;
    this.#pending?.cancel();
    this.#pending = null;
  }
}
