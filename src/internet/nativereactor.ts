/** A reactor over the native engine: the same for every backend. */

import type { EngineStats } from "../native.ts";
import { ReactorBase } from "./base.ts";
import { Deferred } from "./defer.ts";
import { type DriverName, EngineLink } from "./enginelink.ts";
import { ConnectionLost } from "./error.ts";
import { Failure } from "./failure.ts";
import type {
  ClientFactoryLike,
  Connector,
  ConnectTCPOptions,
  ListeningPort,
  ListenTCPOptions,
  Reactor,
  ServerFactoryLike,
} from "./interfaces.ts";
import { type AttemptKeeper, TcpConnector } from "./tcpconnector.ts";
import { type PortKeeper, TcpPort } from "./tcpport.ts";

export interface NativeReactorOptions {
  /** How the engine lives in Node's loop. Default: the one that fits the backend and the runtime. */
  readonly driver?: DriverName;
}

/** At shutdown, what was written may still leave for so long. */
const LAST_BYTES_SECONDS = 1;

export class NativeReactor extends ReactorBase implements Reactor, PortKeeper, AttemptKeeper {
  readonly name: string;
  /** Open ports. */
  readonly ports = new Set<TcpPort>();
  /** Attempts to connect that are under way. */
  readonly attempts = new Set<TcpConnector>();
  /** True while the shutdown ends everything: nothing may begin. */
  ending = false;
  readonly #link: EngineLink;

  /** @throws NativeLoadError | ReactorNotAvailableError */
  constructor(backend: string, options: NativeReactorOptions = {}) {
    super();
    this.name = backend;
    this.#link = new EngineLink(backend, options.driver ?? defaultDriver());
  }

  /** "pollable" or "waiter". */
  get driver(): DriverName {
    return this.#link.driver;
  }

  listenTCP(port: number, factory: ServerFactoryLike, options: ListenTCPOptions = {}): ListeningPort {
    const listening = new TcpPort(this, this.#link, port, factory, options);
    listening.startListening();
    return listening;
  }

  connectTCP(host: string, port: number, factory: ClientFactoryLike, options: ConnectTCPOptions = {}): Connector {
    const connector = new TcpConnector(this, this.#link, host, port, factory, options);
    connector.connect();
    return connector;
  }

  /** Counters of the engine since it was made. */
  stats(): EngineStats {
    return this.#link.stats();
  }

  /** Close every descriptor, without telling anybody, and free the native memory. The reactor is of no use afterwards. */
  destroy(): void {
    this.crash();
    this.#link.destroy();
  }

  protected override startIO(): void {
    this.#link.native.start();
  }

  protected override stopIO(): void {
    this.ending = false;
    this.#link.native.stop();
  }

  /** Ports close, connections send what they hold and are lost; those that do not get it out in time are cut. */
  protected override disconnectAll(): Deferred<unknown> {
    this.ending = true;
    for (const port of this.ports) port.stopListening();
    for (const attempt of [...this.attempts]) attempt.cutShort();
    const reason = () => new Failure(new ConnectionLost("The reactor was stopped."));
    for (const connection of this.#link.connections()) connection.loseConnectionFor(reason());
    const done = new Deferred<unknown>();
    const cut = this.callLater(LAST_BYTES_SECONDS, () => {
      for (const connection of this.#link.connections()) connection.abortConnection();
    });
    const look = () => {
      if (this.ports.size > 0 || this.#link.open > 0) return;
      this.#link.onClosed = undefined;
      if (cut.active()) cut.cancel();
      done.callback(undefined);
    };
    this.#link.onClosed = look;
    look();
    return done;
  }
}

/** Bun and Deno do not let an addon watch a descriptor with libuv. */
function defaultDriver(): DriverName {
  return "bun" in process.versions || "deno" in process.versions ? "waiter" : "pollable";
}
