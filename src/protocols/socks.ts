/** SOCKS 4 and 4a: a server, and an endpoint that connects through one. Names follow twisted.protocols.socks. */
import { described, missingMethod } from "../internet/arguments/described.ts";
import type { Deferred, Outcome } from "../internet/defer/deferred.ts";
import { maybeDeferred } from "../internet/defer/makers.ts";
import { TCP4ClientEndpoint } from "../internet/endpoints/tcp.ts";
import type { Failure } from "../internet/failure.ts";
import type { Address, ListeningPort, ReactorNames, ReactorTCP } from "../internet/interfaces.ts";
import { Factory } from "../internet/protocol.ts";
import type { DelayedCall, ReactorTime } from "../internet/time.ts";
// biome-ignore lint/suspicious/noShadowRestrictedNames: the name it is known by.
import { Proxy, ProxyClient } from "./portforward.ts";
import { BIND, encodeReply, GRANTED, parseRequest, REJECTED, SOCKSError, type SOCKSRequest } from "./socks/request.ts";

export { SOCKS4ClientEndpoint } from "./socks/client.ts";
export { SOCKSError } from "./socks/request.ts";

/** What a SOCKS server needs of a reactor. */
export type SOCKSReactor = ReactorTCP & ReactorNames & ReactorTime;

const REACTOR = ["connectTCP", "listenTCP", "resolve", "callLater"];

/** Takes a line about each request, and about how it ended. */
export type SOCKSLog = (line: string) => void;

/** Seconds that a client may take to ask, and that a destination may take to answer or to come. */
const PATIENCE_SECONDS = 120;

const CONTROL = /\p{Cc}/gu;

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * One client of a SOCKS server; its `peer` is the connection to the destination, once there is one. Override
 * authorize(): by default anybody may have the server connect to anything, or listen, which nobody wants of a server
 * that strangers can reach.
 */
export class SOCKSv4 extends Proxy {
  readonly reactor: SOCKSReactor;
  readonly logging: SOCKSLog | null;
  /** What was received and is not forwarded yet: a part of the request, or what came behind it. */
  #held = NOTHING;
  /** The request for the log, once there is one. */
  #request = "";
  #ended = false;
  #lost = false;
  /** What is waited for: the destination's name, leave to connect, the connection. */
  #pending: Deferred<unknown> | null = null;
  #port: ListeningPort | null = null;
  #patience: DelayedCall | null = null;

  /**
   * @param reactor connects, listens, looks names up and measures the time
   * @param logging takes a line for each request and for how it ended; null: nobody is told
   */
  constructor(reactor: SOCKSReactor, logging: SOCKSLog | null = null) {
    super();
    this.reactor = reactor;
    this.logging = logging;
  }

  /**
   * May `user`, whose name nobody has verified, have `code` (1 is CONNECT, 2 is BIND) with `server`, an IP address, and
   * `port`? A name was looked up before, so that the answer holds for where the connection goes.
   */
  authorize(_code: number, _server: string, _port: number, _user: string): Outcome<boolean> {
    return true;
  }

  override connectionMade(): void {
    this.#patience = this.reactor.callLater(PATIENCE_SECONDS, () => this.#reject("it took too long"));
  }

  override dataReceived(data: Buffer): void {
    if (this.peer !== null) {
      super.dataReceived(data);
      return;
    }
    this.#held = Buffer.concat([this.#held, data]);
    if (this.#request !== "") {
      this.transport.pauseProducing(); // so that no more than this has to be held
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

  /** The client says no more; it may still listen. */
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
          if (!allowed) throw new SOCKSError("it is not authorized");
          return command === BIND ? this.#bind(server) : this.#connect(server, port);
        }),
      )
      .addErrback((failure) => this.#reject(failure.getErrorMessage()));
  }

  #connect(server: string, port: number): Deferred<unknown> {
    const endpoint = new TCP4ClientEndpoint(this.reactor, server, port, { timeout: PATIENCE_SECONDS });
    return endpoint.connect(new RelayFactory(() => this.#relay()));
  }

  /** Listen for one connection, which has to come from `server`. */
  #bind(server: string): void {
    const factory = new RelayFactory((peer) => {
      if (this.#port === null) return null;
      this.#stopListening();
      if (peer.host === server) return this.#relay();
      this.#reject(`${peer.host} came instead`);
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

  /** Nothing is waited for any longer. */
  #release(): void {
    if (this.#patience?.active()) this.#patience.cancel();
    this.#stopListening();
  }

  #stopListening(): void {
    void this.#port?.stopListening();
    this.#port = null;
  }

  #log(what: string): void {
    const line = `SOCKS ${this.transport.getPeer()} ${this.#request || "request"}: ${what}`;
    this.logging?.(line.replace(CONTROL, "?")); // names come from strangers
  }
}

/** Builds one SOCKSv4 for each client. */
export class SOCKSv4Factory extends Factory<SOCKSv4> {
  readonly reactor: SOCKSReactor;
  readonly logging: SOCKSLog | null;
  readonly #Client: new (
    reactor: SOCKSReactor,
    logging: SOCKSLog | null,
  ) => SOCKSv4;

  /**
   * @param reactor connects, listens, looks names up and measures the time
   * @param logging takes a line for each request and for how it ended; null: nobody is told
   * @param Client the protocol's class: one that overrides authorize()
   * @throws TypeError without a reactor: Twisted's factory takes the log alone, and the installed reactor
   */
  constructor(
    reactor: SOCKSReactor,
    logging: SOCKSLog | null = null,
    Client: new (reactor: SOCKSReactor, logging: SOCKSLog | null) => SOCKSv4 = SOCKSv4,
  ) {
    super();
    if (missingMethod(reactor, REACTOR) !== undefined) {
      throw new TypeError(
        `new SOCKSv4Factory(reactor, logging) needs a reactor first, not ${described(reactor)}. Twisted's takes the log alone, ` +
          "and the installed reactor; here that is the one that skein/reactor exports.",
      );
    }
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
