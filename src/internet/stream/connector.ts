/** An outgoing TCP connection that can be retried: the result of connectTCP(). */

import { isInstance, nameOf, summaryOf } from "../../logger/describe.ts";
import { err } from "../../logger/log.ts";
import { printable } from "../../logger/printable.ts";
import { IPv4Address, IPv6Address, literalAddress } from "../address.ts";
import type { Deferred } from "../defer/deferred.ts";
import { addressFrom } from "../engine/addresses.ts";
import type { AttemptEvents, EngineLink } from "../engine/link.ts";
import { ConnectError, ConnectTimeoutError, getConnectError, NotConnectingError, UserError } from "../error.ts";
import { Failure } from "../failure.ts";
import type { Address, ClientFactoryLike, Connector, ConnectTCPOptions, ReactorNames } from "../interfaces.ts";
import type { Loop } from "../reactor/loop.ts";
import { callAndLog, onRejection } from "../rejection.ts";
import type { DelayedCall, ReactorTime } from "../time.ts";
import type { ConnectionSecurity, Security } from "../tls/seam.ts";
import { type ConnectionOwner, TcpConnection } from "./connection.ts";

const DEFAULT_TIMEOUT_SECONDS = 30;
/** An attempt that begins while the reactor stops fails after so long: one that is made again at once must not spin. */
const REFUSED_SECONDS = 0.01;

/** The reactor's list of attempts to connect. */
export interface AttemptKeeper {
  readonly attempts: Set<TcpConnector>;
  /** The reactor ends everything: no attempt may begin. */
  readonly ending: boolean;
}

export class TcpConnector implements Connector, AttemptEvents, ConnectionOwner {
  readonly accepts = false;
  state: "disconnected" | "connecting" | "connected" = "disconnected";
  readonly #reactor: ReactorTime & ReactorNames;
  readonly #keeper: AttemptKeeper;
  readonly #link: EngineLink;
  readonly #host: string;
  readonly #port: number;
  readonly #factory: ClientFactoryLike;
  readonly #options: ConnectTCPOptions;
  /** How a connection begins TLS; that of the attempt under way. */
  readonly #security: Security | undefined;
  #securing: ConnectionSecurity | undefined;
  #factoryStarted = false;
  #connection: TcpConnection | undefined;
  #handle = -1;
  /** Attempts made: what belongs to an earlier one is ignored. */
  #attempts = 0;
  #timeout: DelayedCall | undefined;
  /** The look-up of the host. */
  #lookup: Deferred<string> | undefined;

  constructor(
    reactor: ReactorTime & ReactorNames & AttemptKeeper,
    link: EngineLink,
    host: string,
    port: number,
    factory: ClientFactoryLike,
    options: ConnectTCPOptions,
    security?: Security,
  ) {
    this.#reactor = reactor;
    this.#keeper = reactor;
    this.#link = link;
    this.#host = host;
    this.#port = port;
    this.#factory = factory;
    this.#options = options;
    this.#security = security;
  }

  connect(): void {
    if (this.state !== "disconnected") {
      throw new Error(`connect() is for a disconnected connector; this one is ${this.state}.`);
    }
    if (!this.#factoryStarted) {
      this.#factoryStarted = true; // first, since doStart() may call connect()
      try {
        this.#factory.doStart();
      } catch (error) {
        this.#factoryStarted = false;
        throw error;
      }
      if (this.state !== "disconnected") return;
    }
    this.state = "connecting";
    this.#keeper.attempts.add(this);
    const seconds = this.#options.timeout ?? DEFAULT_TIMEOUT_SECONDS;
    this.#timeout = this.#reactor.callLater(seconds, () =>
      this.#fail(new ConnectTimeoutError(`Connecting to ${this.#where} took longer than ${seconds} seconds.`)),
    );
    const attempt = ++this.#attempts;
    const lookup = this.#reactor.resolve(this.#host);
    this.#lookup = lookup;
    lookup.addCallbacks(
      (host) => {
        if (this.#lookup === lookup) this.#open(attempt, host);
      },
      (failure) => {
        if (this.#lookup !== lookup) return; // the attempt was ended
        const { value } = failure;
        this.#failSoon(
          attempt,
          isInstance(value, ConnectError) ? value : new ConnectError(summaryOf(value), "", { cause: value }),
        );
      },
    );
    const endedBy = (error: unknown): void => {
      err(error, `${nameOf(this.#factory)} threw in startedConnecting(); the attempt is ended`);
      if (attempt === this.#attempts) this.#fail(error);
    };
    try {
      onRejection(this.#factory.startedConnecting(this), endedBy);
    } catch (error) {
      endedBy(error);
    }
  }

  stopConnecting(): void {
    if (this.state !== "connecting") {
      throw new NotConnectingError(
        `stopConnecting() is for a connector that is connecting; this one is ${this.state}.`,
      );
    }
    this.#fail(new UserError(`The attempt to connect to ${this.#where} was stopped by stopConnecting().`));
  }

  /** End the attempt, because the reactor stops. */
  cutShort(): void {
    this.#fail(new ConnectError(`The reactor was stopped before ${this.#where} was connected.`));
  }

  disconnect(): void {
    if (this.state === "connecting") this.stopConnecting();
    else this.#connection?.loseConnection();
  }

  getDestination(): Address {
    return literalAddress(this.#host, this.#port) ?? new IPv4Address("TCP", this.#host, this.#port);
  }

  // --- for the engine's link -----------------------------------------------------------------------------------------

  connected(handle: number, errno: number): void {
    this.#handle = -1;
    if (errno !== 0) {
      this.#fail(getConnectError(errno, this.#where));
      return;
    }
    this.#forgetAttempt();
    const peer = addressFrom(this.#link.native.peerAddress(handle)) ?? this.getDestination();
    // Asked now: the kernel forgets it with the descriptor, and getHost() is for after the loss too.
    const host = addressFrom(this.#link.native.localAddress(handle)) ?? unknownAddress(peer);
    const connection = new TcpConnection(this.#link.native, handle, host, peer, this);
    connection.security = this.#securing;
    this.#securing?.begun(connection);
    this.#link.addConnection(connection);
    this.#connection = connection;
    this.state = "connected";
    let protocol: ReturnType<ClientFactoryLike["buildProtocol"]>;
    try {
      protocol = this.#factory.buildProtocol(peer);
    } catch (error) {
      err(error, `${nameOf(this.#factory)} threw in buildProtocol(); the connection to ${peer} is closed`);
      connection.end(new Failure(error));
      return;
    }
    if (protocol === null || protocol === undefined) connection.loseConnection();
    else connection.begin(protocol);
  }

  // --- for its connection --------------------------------------------------------------------------------------------

  connectionLost(_connection: TcpConnection, reason: Failure): void {
    this.#connection = undefined;
    this.#ended(() => this.#factory.clientConnectionLost(this, reason));
  }

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

  get #where(): string {
    return `${printable(this.#host)}:${this.#port}`;
  }

  #open(attempt: number, host: string): void {
    if (this.state !== "connecting" || attempt !== this.#attempts) return;
    if (this.#keeper.ending) {
      const error = new ConnectError(`The reactor was stopped before ${this.#where} was connected.`);
      this.#failSoon(attempt, error, REFUSED_SECONDS);
      return;
    }
    const [bindHost, bindPort] = this.#options.bindAddress ?? ["", 0];
    const result = this.#link.connect({ host, port: this.#port, bindHost, bindPort });
    if (result < 0) {
      this.#failSoon(attempt, getConnectError(-result, this.#where));
      return;
    }
    this.#handle = result;
    this.#link.addAttempt(result, this);
    this.#securing = this.#security?.begin(this.#link.native, { handle: result }, false);
  }

  /** In the next tick, so that connect() never reports a failure synchronously. */
  #failSoon(attempt: number, error: ConnectError, seconds = 0): void {
    this.#reactor.callLater(seconds, () => {
      if (attempt === this.#attempts) this.#fail(error);
    });
  }

  #fail(error: unknown): void {
    if (this.state !== "connecting") return;
    this.#forgetAttempt();
    const reason = new Failure(error);
    this.#ended(() => this.#factory.clientConnectionFailed(this, reason));
  }

  #forgetAttempt(): void {
    this.#keeper.attempts.delete(this);
    if (this.#timeout?.active()) this.#timeout.cancel();
    this.#timeout = undefined;
    const lookup = this.#lookup;
    this.#lookup = undefined;
    if (this.#handle >= 0) this.#link.dropAttempt(this.#handle);
    this.#handle = -1;
    lookup?.cancel();
  }

  /** Tell the factory; it may connect again at once, and is stopped otherwise. */
  #ended(tell: () => void): void {
    this.state = "disconnected";
    const factory = this.#factory;
    callAndLog(tell, () => `${nameOf(factory)} threw when it was told that ${this.#where} is not connected`);
    if (this.state !== "disconnected" || !this.#factoryStarted) return;
    this.#factoryStarted = false;
    callAndLog(
      () => factory.doStop(),
      () => `${nameOf(factory)} threw in doStop()`,
    );
  }
}

/** What stands for a local address that the kernel could not tell, of a connection that was reset at once. */
function unknownAddress(peer: Address): Address {
  return peer instanceof IPv6Address ? new IPv6Address("TCP", "::", 0) : new IPv4Address("TCP", "0.0.0.0", 0);
}
