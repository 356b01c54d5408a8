/** A listening TCP port: accepts connections and gives each a protocol from its factory. */

import { nameOf } from "../../logger/describe.ts";
import { err } from "../../logger/log.ts";
import { Refusals } from "../../logger/refusals.ts";
import { IPv4Address } from "../address.ts";
import { Deferred } from "../defer/deferred.ts";
import { succeed } from "../defer/makers.ts";
import { addressFrom, unpackAddress } from "../engine/addresses.ts";
import type { EngineLink, ListenerEvents } from "../engine/link.ts";
import { getSystemErrorMessage, getSystemErrorName, isDescriptorLack } from "../errno.ts";
import { CannotListenError } from "../error.ts";
import { Failure } from "../failure.ts";
import type { Address, ListeningPort, ListenTCPOptions, ServerFactoryLike, TLSListeningPort } from "../interfaces.ts";
import type { Loop } from "../reactor/loop.ts";
import { logRejection } from "../rejection.ts";
import { type ContextFactory, type PortSecurity, type Security, securityOf } from "../tls/seam.ts";
import { type ConnectionOwner, TcpConnection } from "./connection.ts";

/** How long a port that cannot accept waits before it tries again by itself. It also does when a connection closes. */
const RETRY_SECONDS = 0.1;

/** How many connections may wait to be accepted, of a port without an option: as Twisted's. */
const BACKLOG = 50;

/** The wildcard addresses. */
const EVERY_INTERFACE = new Set(["0.0.0.0", "::", "::ffff:0.0.0.0"]);
const HOSTS_MAX = 256;

/** The reactor's list of open ports. */
export interface PortKeeper {
  readonly ports: Set<TcpPort>;
  /** The reactor ends everything: no port may open, no connection be accepted. */
  readonly ending: boolean;
}

export class TcpPort implements ListeningPort, ListenerEvents, ConnectionOwner {
  readonly accepts = true;
  readonly #keeper: PortKeeper;
  readonly #link: EngineLink;
  readonly #port: number;
  readonly #factory: ServerFactoryLike;
  readonly #options: ListenTCPOptions;
  #handle = -1;
  #host: Address;
  /**
   * The local addresses that its connections have had, by host, when it listens on every interface: they are few, and
   * each of them serves many connections.
   */
  #hosts: Map<string, Address> | undefined;
  /** How its connections begin TLS, and what it does for them while it listens. */
  #security: Security | undefined;
  #secured: PortSecurity | undefined;
  #closing: Deferred<void> | undefined;
  #retry: object | undefined;
  readonly #shortages = new Refusals();

  constructor(
    keeper: PortKeeper,
    link: EngineLink,
    port: number,
    factory: ServerFactoryLike,
    options: ListenTCPOptions,
    security?: Security,
  ) {
    this.#keeper = keeper;
    this.#link = link;
    this.#port = port;
    this.#factory = factory;
    this.#options = options;
    this.#security = security;
    this.#host = new IPv4Address("TCP", options.interface ?? "", port);
  }

  startListening(): void {
    if (this.#closing !== undefined) {
      throw new Error(`startListening() is for a closed port; ${this.#host} is closing: await stopListening() first.`);
    }
    if (this.#handle >= 0) return;
    const { interface: host = "", backlog = BACKLOG, reusePort = false } = this.#options;
    const result = this.#link.listen({ host, port: this.#port, backlog, reusePort });
    if (result < 0) throw new CannotListenError(host, this.#port, -result);
    this.#handle = result; // first, since doStart() may call startListening()
    try {
      this.#secured = this.#security?.listen(this.#link.native, result);
      this.#factory.doStart();
    } catch (error) {
      this.#handle = -1;
      this.#link.native.close(result);
      throw error;
    }
    this.#host = addressFrom(this.#link.native.localAddress(result)) ?? this.#host;
    this.#hosts = EVERY_INTERFACE.has(this.#host.host) ? new Map() : undefined;
    this.#link.addListener(result, this);
    this.#keeper.ports.add(this);
    if (this.#keeper.ending) this.stopListening();
  }

  stopListening(): Deferred<void> {
    if (this.#handle < 0) return succeed(undefined);
    if (this.#closing === undefined) {
      this.#closing = new Deferred<void>();
      this.#link.loop.cancelLater(this.#retry);
      this.#link.native.close(this.#handle);
    }
    const stopped = new Deferred<void>();
    this.#closing.addBoth((outcome) => {
      if (!stopped.called) stopped.callback(outcome); // the program may have fired it itself
      return outcome;
    });
    return stopped;
  }

  getHost(): Address {
    return this.#host;
  }

  *connections(): IterableIterator<TcpConnection> {
    for (const connection of this.#link.connections()) {
      if (connection.owner === this && connection.securedProtocol !== undefined) yield connection;
    }
  }

  /** For SecurePort. */
  protected secure(security: Security): void {
    security.check(this.#link.native, true);
    if (this.#handle >= 0 && this.#closing === undefined) {
      this.#secured = security.listen(this.#link.native, this.#handle);
    }
    this.#security = security;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopListening();
  }

  // --- for the engine's link -----------------------------------------------------------------------------------------

  accepted(handle: number, memory: Uint8Array, offset: number): void {
    // Those of the backlog may be in the same batch as the one that had the port closed.
    if (this.#closing !== undefined || this.#keeper.ending) {
      this.#link.native.abort(handle);
      return;
    }
    const peer = unpackAddress(memory, offset) ?? this.#host;
    const connection = new TcpConnection(this.#link.native, handle, this.#hostOf(handle), peer, this);
    this.#link.addConnection(connection);
    connection.security = this.#secured?.connection(connection);
    let protocol: ReturnType<ServerFactoryLike["buildProtocol"]>;
    try {
      protocol = this.#factory.buildProtocol(peer);
    } catch (error) {
      err(error, `${nameOf(this.#factory)} threw in buildProtocol(); the connection from ${peer} is closed`);
      connection.abortConnection();
      return;
    }
    if (protocol === null || protocol === undefined) {
      connection.abortConnection();
      return;
    }
    connection.begin(protocol);
  }

  starved(errno: number, firstOfEpisode: boolean): void {
    const { loop, native } = this.#link;
    if (firstOfEpisode) this.#shortages.note(loop.seconds(), () => this.#shortage(errno));
    loop.cancelLater(this.#retry);
    this.#retry = loop.later(RETRY_SECONDS, () => native.resumeAccept(this.#handle), false);
  }

  closed(): void {
    this.#handle = -1;
    this.#keeper.ports.delete(this);
    const closing = this.#closing;
    this.#closing = undefined;
    try {
      logRejection(this.#factory.doStop(), "doStop() of a factory failed");
      closing?.callback(undefined);
    } catch (error) {
      if (closing === undefined) err(error, `${nameOf(this.#factory)} threw in doStop()`);
      else closing.errback(new Failure(error));
    }
    closing?.addErrback(() => undefined); // each stopListening() has a Deferred of its own that reports it
  }

  // --- for its connections -------------------------------------------------------------------------------------------

  connectionLost(_connection: TcpConnection, _reason: Failure): void {}

  soon(f: () => void): void {
    this.#link.loop.soon(f);
  }

  probeLater(): void {
    this.#link.probeLater();
  }

  get loop(): Loop {
    return this.#link.loop;
  }

  // --- inside --------------------------------------------------------------------------------------------------------

  #shortage(errno: number): string {
    return (
      `Port ${this.#host} cannot accept: ${getSystemErrorMessage(errno)} (${getSystemErrorName(errno)}). ` +
      (isDescriptorLack(errno)
        ? "Connections wait until one closes; raise the limit of open files (ulimit -n) to hold more."
        : `It tries again every ${RETRY_SECONDS * 1000} ms; connections wait meanwhile.`)
    );
  }

  /**
   * The local address of a connection: the port's own, without a system call. A port on every interface has to ask, and
   * to do so at once: the kernel forgets the address with the descriptor, and getHost() is for after the loss too.
   */
  #hostOf(handle: number): Address {
    const hosts = this.#hosts;
    if (hosts === undefined) return this.#host;
    const native = this.#link.native.localAddress(handle);
    if (typeof native === "number") return this.#host;
    const key = native[3] === 0 ? native[1] : `${native[1]}%${native[3]}`;
    let address = hosts.get(key);
    if (address === undefined) {
      address = addressFrom(native) ?? this.#host;
      if (hosts.size === HOSTS_MAX) hosts.clear();
      hosts.set(key, address);
    }
    return address;
  }
}

/** A port whose connections begin with TLS. */
export class SecurePort extends TcpPort implements TLSListeningPort {
  setContext(contextFactory: ContextFactory): void {
    this.secure(securityOf("setContext(contextFactory)", contextFactory));
  }
}
