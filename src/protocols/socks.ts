/** SOCKS 4 and 4a: a server, and an endpoint that connects through a server. Names follow twisted.protocols.socks. */
import { check } from "../internet/arguments/check.ts";
import { described, missingMethod } from "../internet/arguments/described.ts";
import { callable, constructible, orNull } from "../internet/arguments/kinds.ts";
import type { Deferred, Outcome } from "../internet/defer/deferred.ts";
import { maybeDeferred } from "../internet/defer/makers.ts";
import { TCP4ClientEndpoint } from "../internet/endpoints/tcp.ts";
import type { Failure } from "../internet/failure.ts";
import type { Address, ListeningPort, ReactorNames, ReactorTCP } from "../internet/interfaces.ts";
import { Factory } from "../internet/protocol.ts";
import { callAndLog } from "../internet/rejection.ts";
import type { DelayedCall, ReactorTime } from "../internet/time.ts";
// biome-ignore lint/suspicious/noShadowRestrictedNames: the name it is known by.
import { Proxy, ProxyClient } from "./portforward.ts";
import { BIND, encodeReply, GRANTED, parseRequest, REJECTED, SOCKSError, type SOCKSRequest } from "./socks/request.ts";

export { SOCKS4ClientEndpoint } from "./socks/client.ts";
export { SOCKSError } from "./socks/request.ts";

/** The parts of a reactor that a SOCKS server uses. */
export type SOCKSReactor = ReactorTCP & ReactorNames & ReactorTime;

const REACTOR = ["connectTCP", "listenTCP", "resolve", "callLater"];

/** Receives a line for each request and a line for its outcome. Its exceptions are logged. */
export type SOCKSLog = (line: string) => void;

/** Seconds: the timeout of a client's request, of connecting to the destination, and of the connection from it after BIND. */
const TIMEOUT_SECONDS = 120;

const LOGGING = orNull(callable);

const CONTROL = /\p{Cc}/gu;

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * One client of a SOCKS server. Its `peer` is the connection to the destination, once that is made. Override authorize():
 * by default any client may make the server connect to any address, or listen. Do not expose that to untrusted networks.
 */
export class SOCKSv4 extends Proxy {
  readonly reactor: SOCKSReactor;
  readonly logging: SOCKSLog | null;
  /** Bytes received and not yet forwarded: an incomplete request, or the bytes that follow a request. */
  #held = NOTHING;
  /** The request as the log shows it; "" until it is complete. */
  #request = "";
  /** The client has sent FIN. */
  #ended = false;
  #lost = false;
  /** The step in progress: name resolution, authorization or the connection. */
  #pending: Deferred<unknown> | null = null;
  #port: ListeningPort | null = null;
  #timeout: DelayedCall | null = null;

  /**
   * @param reactor connects, listens, resolves names and measures timeouts
   * @param logging receives a line for each request and for its outcome; null: no log
   * @throws TypeError
   */
  constructor(reactor: SOCKSReactor, logging: SOCKSLog | null = null) {
    super();
    ensureReactorFirst(`new ${new.target.name}(reactor, logging)`, reactor);
    check("new SOCKSv4(reactor, logging)", "logging", logging, LOGGING);
    this.reactor = reactor;
    this.logging = logging;
  }

  /**
   * Decide whether `user` may use the command `code` (1: CONNECT, 2: BIND) with `port` of `server`. The user name is not
   * authenticated. `server` is an IP address: a name has been resolved before, so that the decision applies to the address
   * that is used.
   */
  authorize(_code: number, _server: string, _port: number, _user: string): Outcome<boolean> {
    return true;
  }

  override connectionMade(): void {
    this.#timeout = this.reactor.callLater(TIMEOUT_SECONDS, () => this.#reject("timed out"));
  }

  override dataReceived(data: Buffer): void {
    if (this.peer !== null) {
      super.dataReceived(data);
      return;
    }
    this.#held = Buffer.concat([this.#held, data]);
    if (this.#request !== "") {
      this.transport.pauseProducing(); // bounds what is buffered
      return;
    }
    let request: SOCKSRequest | null;
    try {
      request = parseRequest(this.#held);
    } catch (error) {
      if (!(error instanceof SOCKSError)) throw error;
      this.#reject(error.message);
      return;
    }
    if (request === null) return;
    this.#held = this.#held.subarray(request.length);
    this.#serve(request);
  }

  /** The client has half-closed; it may still receive. */
  override readConnectionLost(): void {
    this.#ended = true;
    if (this.#request === "") this.transport.loseConnection();
    else super.readConnectionLost();
  }

  override connectionLost(reason: Failure): void {
    this.#lost = true;
    this.#release();
    this.#pending?.cancel();
    super.connectionLost(reason);
  }

  /** The destination is connected. */
  override setPeer(peer: Proxy): void {
    super.setPeer(peer);
    this.#release();
    const address = peer.transport.getPeer();
    this.#log(`connected to ${address}`);
    this.transport.write(encodeReply(GRANTED, address.port, address.host));
    if (this.#held.length > 0) peer.transport.write(this.#held);
    this.#held = NOTHING;
    if (this.#ended) peer.transport.loseWriteConnection();
  }

  #serve({ command, host, port, user }: SOCKSRequest): void {
    this.#request = `${command === BIND ? "BIND" : "CONNECT"} ${host}:${port} (user ${JSON.stringify(user)})`;
    this.#pending = this.reactor
      .resolve(host)
      .addCallback((server) =>
        maybeDeferred(() => this.authorize(command, server, port, user)).addCallback((allowed) => {
          if (!allowed) throw new SOCKSError("not authorized");
          return command === BIND ? this.#bind(server) : this.#connect(server, port);
        }),
      )
      .addErrback((failure) => this.#reject(failure.getErrorMessage()));
  }

  #connect(server: string, port: number): Deferred<unknown> {
    const endpoint = new TCP4ClientEndpoint(this.reactor, server, port, { timeout: TIMEOUT_SECONDS });
    return endpoint.connect(new RelayFactory(() => this.#relay()));
  }

  /** Listen for one connection, which must come from `server`. */
  #bind(server: string): void {
    const factory = new RelayFactory((peer) => {
      if (this.#port === null) return null;
      this.#stopListening();
      if (peer.host === server) return this.#relay();
      this.#reject(`${peer.host} connected instead`);
      return null;
    });
    this.#port = this.reactor.listenTCP(0, factory, { backlog: 1 });
    const { port } = this.#port.getHost();
    this.#log(`listening on port ${port}`);
    this.transport.write(encodeReply(GRANTED, port));
  }

  /** The protocol of a connection to the destination. */
  #relay(): ProxyClient | null {
    if (this.#gone) return null;
    const relay = new ProxyClient();
    relay.setPeer(this);
    return relay;
  }

  get #gone(): boolean {
    return this.#lost || this.transport.disconnecting;
  }

  #reject(why: string): void {
    if (this.#gone) return;
    this.#release();
    this.#log(`rejected: ${why}`);
    this.transport.write(encodeReply(REJECTED));
    this.transport.loseConnection();
  }

  /** Cancel the timeout and stop listening. */
  #release(): void {
    if (this.#timeout?.active()) this.#timeout.cancel();
    this.#stopListening();
  }

  #stopListening(): void {
    void this.#port?.stopListening();
    this.#port = null;
  }

  #log(what: string): void {
    const line = `SOCKS ${this.transport.getPeer()} ${this.#request || "request"}: ${what}`;
    callAndLog(
      () => this.logging?.(line.replace(CONTROL, "?")), // the request is untrusted
      () => "The log of a SOCKS server threw",
    );
  }
}

/** The factory of a SOCKS server. */
export class SOCKSv4Factory extends Factory<SOCKSv4> {
  readonly reactor: SOCKSReactor;
  readonly logging: SOCKSLog | null;
  readonly #Client: new (
    reactor: SOCKSReactor,
    logging: SOCKSLog | null,
  ) => SOCKSv4;

  /**
   * @param reactor connects, listens, resolves names and measures timeouts
   * @param logging receives a line for each request and for its outcome; null: no log
   * @param Client the class of protocols: one that overrides authorize()
   * @throws TypeError
   */
  constructor(
    reactor: SOCKSReactor,
    logging: SOCKSLog | null = null,
    Client: new (reactor: SOCKSReactor, logging: SOCKSLog | null) => SOCKSv4 = SOCKSv4,
  ) {
    super();
    const call = `new ${new.target.name}(reactor, logging, Client)`;
    ensureReactorFirst(call, reactor);
    check(call, "logging", logging, LOGGING);
    check(call, "Client", Client, constructible);
    this.reactor = reactor;
    this.logging = logging;
    this.#Client = Client;
  }

  override buildProtocol(_addr: Address): SOCKSv4 {
    const client = new this.#Client(this.reactor, this.logging);
    client.factory = this;
    return client;
  }
}

/** Twisted's classes take the log alone, and use the installed reactor. @throws TypeError */
function ensureReactorFirst(call: string, reactor: unknown): void {
  if (missingMethod(reactor, REACTOR) === undefined) return;
  throw new TypeError(
    `${call} needs a reactor first, not ${described(reactor)}. Twisted's takes only the log, and uses the installed ` +
      'reactor; here, pass the one that "skein/reactor" exports.',
  );
}

class RelayFactory extends Factory<ProxyClient> {
  readonly #build: (peer: Address) => ProxyClient | null;

  constructor(build: (peer: Address) => ProxyClient | null) {
    super();
    this.#build = build;
  }

  override buildProtocol(peer: Address): ProxyClient | null {
    return this.#build(peer);
  }
}
