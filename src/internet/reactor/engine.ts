/** A reactor over an engine: the same for the native one with its backends, and for the simulated one. */

import { err, msg } from "../../logger/log.ts";
import type { EngineStats } from "../../native.ts";
import { ensureConnectTCP, ensureListenTCP } from "../arguments/reactors.ts";
import { Deferred } from "../defer/deferred.ts";
import { EngineLink, type EngineMaker, type LinkSizes } from "../engine/link.ts";
import { getSystemErrorMessage, getSystemErrorName } from "../errno.ts";
import { ConnectionLost } from "../error.ts";
import { Failure } from "../failure.ts";
import type {
  ClientFactoryLike,
  Connector,
  ConnectTCPOptions,
  ListeningPort,
  ListenTCPOptions,
  Reactor,
  ReadDescriptor,
  ServerFactoryLike,
  TLSListeningPort,
  TLSTransport,
  WriteDescriptor,
} from "../interfaces.ts";
import { type AttemptKeeper, TcpConnector } from "../stream/connector.ts";
import { type PortKeeper, SecurePort, TcpPort } from "../stream/port.ts";
import type { DelayedCall } from "../time.ts";
import { type ContextFactory, securityOf } from "../tls/seam.ts";
import { ReactorBase } from "./base.ts";
import { FDSet } from "./fdset.ts";
import { type Loop, NodeLoop } from "./loop.ts";

/**
 * At shutdown, seconds that buffered bytes have to be sent, and that connections may linger until their peers close.
 */
const LAST_BYTES_SECONDS = 1;
/** They are counted in so many steps: one in which the loop stood still, and could send nothing, is but one of them. */
const LAST_BYTES_STEPS = 20;
const STOP_FAILED = "A listening port failed to stop";
/** The longest interval between two checks for lingering connections, in seconds. */
const LONGEST_LOOK = 0.05;

export abstract class EngineReactor extends ReactorBase implements Reactor, PortKeeper, AttemptKeeper {
  readonly name: string;
  /** Open ports. */
  readonly ports = new Set<TcpPort>();
  /** Attempts to connect that are in progress. */
  readonly attempts = new Set<TcpConnector>();
  /** True while the shutdown closes everything: no new port or connection is accepted. */
  ending = false;
  /** Neither run() nor destroy() was called yet, and no port failed to listen. */
  #fresh = true;
  readonly #link: EngineLink;
  readonly #descriptors: FDSet;
  /** The delayed calls of the shutdown, cancelled when the reactor stops or crashes first. */
  readonly #endCalls = new Set<DelayedCall>();

  /** Throws what `make` throws. */
  constructor(name: string, make: EngineMaker, loop: Loop = new NodeLoop(), sizes?: LinkSizes) {
    super(loop);
    this.name = name;
    this.#link = new EngineLink(make, loop, sizes);
    this.#descriptors = new FDSet(name, this.#link);
    this.#link.onBackendFailed = (errno, final) => this.#backendFailed(errno, final);
  }

  override run(options?: { installSignalHandlers?: boolean }): Promise<void> {
    this.#fresh = false;
    return super.run(options);
  }

  /**
   * True when there are ports, attempts to connect or delayed calls, and run() was never called. Not after listenTCP() has
   * thrown: that is why a program does not get as far as run().
   */
  waitsForRun(): boolean {
    return this.#fresh && (this.ports.size > 0 || this.attempts.size > 0 || this.getDelayedCalls().length > 0);
  }

  /**
   * Listen on `port`, or on a free port when it is 0.
   * @throws CannotListenError; RangeError for an invalid port; TypeError for an invalid factory or option
   */
  listenTCP(port: number, factory: ServerFactoryLike, options: ListenTCPOptions = {}): ListeningPort {
    const checked = ensureListenTCP(port, factory, options);
    const listening = new TcpPort(this, this.#link, port, factory, checked);
    try {
      listening.startListening();
    } catch (error) {
      this.#fresh = false;
      throw error;
    }
    return listening;
  }

  /**
   * Connect to `port` of `host`.
   * @throws RangeError for a number or a local address that is out of range; TypeError for the rest. Then nothing has
   * begun
   */
  connectTCP(host: string, port: number, factory: ClientFactoryLike, options: ConnectTCPOptions = {}): Connector {
    const checked = ensureConnectTCP(host, port, factory, options);
    const connector = new TcpConnector(this, this.#link, host, port, factory, checked);
    connector.connect();
    return connector;
  }

  /**
   * Listen on `port` for TLS.
   * @throws CannotListenError; TLSOptionsError | TLSNotAvailableError for TLS that cannot begin; RangeError | TypeError for the rest
   */
  listenSSL(
    port: number,
    factory: ServerFactoryLike,
    contextFactory: ContextFactory,
    options: ListenTCPOptions = {},
  ): TLSListeningPort {
    const checked = ensureListenTCP(port, factory, options);
    const security = securityOf("listenSSL(port, factory, contextFactory)", contextFactory);
    security.check(this.#link.native, true);
    const listening = new SecurePort(this, this.#link, port, factory, checked, security);
    try {
      listening.startListening();
    } catch (error) {
      this.#fresh = false;
      throw error;
    }
    return listening;
  }

  /**
   * Connect to `port` of `host`, with TLS from the first byte.
   * @throws TLSOptionsError | TLSNotAvailableError for TLS that cannot begin; RangeError | TypeError for the rest
   */
  connectSSL(
    host: string,
    port: number,
    factory: ClientFactoryLike,
    contextFactory: ContextFactory,
    options: ConnectTCPOptions = {},
  ): Connector {
    const checked = ensureConnectTCP(host, port, factory, options);
    const security = securityOf("connectSSL(host, port, factory, contextFactory)", contextFactory);
    security.check(this.#link.native, false);
    const connector = new TcpConnector(this, this.#link, host, port, factory, checked, security);
    connector.connect();
    return connector;
  }

  /**
   * Call `doRead()` of `reader` in every tick in which its descriptor is readable (level-triggered).
   * @throws CannotWatchError | DescriptorsNotSupportedError
   */
  addReader(reader: ReadDescriptor): void {
    this.#descriptors.addReader(reader);
  }

  /**
   * Call `doWrite()` of `writer` in every tick in which its descriptor is writable (level-triggered).
   * @throws CannotWatchError | DescriptorsNotSupportedError
   */
  addWriter(writer: WriteDescriptor): void {
    this.#descriptors.addWriter(writer);
  }

  /** Stop reading; a no-op when it was not added. Close the descriptor after this call, not before. */
  removeReader(reader: ReadDescriptor): void {
    this.#descriptors.removeReader(reader);
  }

  /** Stop writing; a no-op when it was not added. Close the descriptor after this call, not before. */
  removeWriter(writer: WriteDescriptor): void {
    this.#descriptors.removeWriter(writer);
  }

  /** Remove every reader and writer, without calling connectionLost(). Returns each object once. */
  removeAll(): (ReadDescriptor | WriteDescriptor)[] {
    return this.#descriptors.removeAll();
  }

  getReaders(): ReadDescriptor[] {
    return this.#descriptors.getReaders();
  }

  getWriters(): WriteDescriptor[] {
    return this.#descriptors.getWriters();
  }

  /**
   * The connections that are open now, accepted or made, in no order. Each tells its addresses and, with TLS, who its peer
   * is; it may be closed while the others are looked at.
   */
  *connections(): IterableIterator<TLSTransport> {
    for (const connection of this.#link.connections()) if (connection.securedProtocol !== undefined) yield connection;
  }

  /** The engine's counters since it was created. */
  stats(): EngineStats {
    return this.#link.stats();
  }

  /**
   * Close every descriptor without notifying protocols, and free the native memory. The reactor cannot be used
   * afterwards.
   */
  destroy(): void {
    this.#fresh = false;
    this.crash();
    this.#link.destroy();
  }

  #backendFailed(errno: number, final: boolean): void {
    const what = `${getSystemErrorMessage(errno)} (${getSystemErrorName(errno)})`;
    if (!final) {
      msg(
        `The ${this.name} reactor cannot ask the kernel what is ready: ${what}. It tries again for 30 s, then it ends.`,
      );
      return;
    }
    const error = new Error(
      `The ${this.name} reactor has not been able to ask the kernel what is ready for 30 s: ${what}.`,
    );
    this.fail(Object.assign(error, { code: getSystemErrorName(errno), errno: -errno }));
  }

  protected override startIO(): void {
    this.#link.native.start();
    this.#descriptors.start();
  }

  protected override stopIO(): void {
    this.ending = false;
    this.#cancelEndCalls();
    this.#link.onClosed = undefined;
    this.#descriptors.stop();
    this.#link.native.stop();
  }

  /**
   * Close the ports, flush and close the connections, and close lingering sockets once their peers have closed.
   * Whatever takes longer than {@link LAST_BYTES_SECONDS} is aborted: no descriptor is open afterwards.
   */
  protected override disconnectAll(): Deferred<unknown> {
    const link = this.#link;
    this.ending = true;
    const done = new Deferred<unknown>();
    let late = false;
    let wait = 0;
    const countDown = (steps: number) => {
      this.#endLater(LAST_BYTES_SECONDS / LAST_BYTES_STEPS, () => {
        if (steps > 1) return countDown(steps - 1);
        late = true;
        for (const connection of link.connections()) connection.abortConnection();
        look();
      });
    };
    countDown(LAST_BYTES_STEPS);
    const look = () => {
      if (!this.ending || done.called || this.ports.size > 0 || link.open > 0) return;
      link.onClosed = undefined;
      if (late) link.closeLingering();
      if (link.lingering > 0 && !late) {
        // The engine does not report when a lingering socket's peer has closed, so this polls.
        this.#endLater(wait, look);
        wait = Math.min(2 * wait + 0.001, LONGEST_LOOK);
        return;
      }
      this.#cancelEndCalls();
      done.callback(undefined);
    };
    link.onClosed = look;
    const reason = () => new Failure(new ConnectionLost("The reactor was stopped."));
    for (const port of this.ports) port.stopListening().addErrback((failure) => err(failure.value, STOP_FAILED));
    for (const connection of link.connections()) connection.loseConnectionFor(reason());
    // These two call the program, which may call crash(): that undoes everything above.
    for (const attempt of [...this.attempts]) attempt.cutShort();
    this.#descriptors.disconnectAll(reason);
    look();
    return done;
  }

  #endLater(seconds: number, f: () => void): void {
    const call = this.callLater(seconds, () => {
      this.#endCalls.delete(call);
      f();
    });
    this.#endCalls.add(call);
  }

  #cancelEndCalls(): void {
    for (const call of this.#endCalls) if (call.active()) call.cancel();
    this.#endCalls.clear();
  }
}
