/** SOCKS 4 and 4a: a server, and an endpoint that connects through a server. Names follow twisted.protocols.socks. */
import { check } from "../internet/arguments/check.ts";
import { described, missingMethod } from "../internet/arguments/described.ts";
import { callable, constructible, orNull } from "../internet/arguments/kinds.ts";
import type { Deferred, Outcome } from "../internet/defer/deferred.ts";
import { maybeDeferred } from "../internet/defer/makers.ts";
import { TCP4ClientEndpoint } from "../internet/endpoints/tcp.ts";
import type { Failure } from "../internet/failure.ts";
import type { Address, ListeningPort, ReactorNames, ReactorTCP, Transport } from "../internet/interfaces.ts";
import { canonicalAddress, peerKey } from "../internet/networks.ts";
import { Factory } from "../internet/protocol.ts";
import { callAndLog } from "../internet/rejection.ts";
import { socketHostOf } from "../internet/stream/sockethost.ts";
import type { DelayedCall, ReactorTime } from "../internet/time.ts";
import { printable } from "../logger/printable.ts";
import { HOLD_PLACE } from "./policies/place.ts";
// biome-ignore lint/suspicious/noShadowRestrictedNames: the name it is known by.
import { Proxy, ProxyClient } from "./portforward.ts";
import { EarlyBytes } from "./relay/early.ts";
import { bindHost } from "./socks/bindhost.ts";
import { Destination } from "./socks/destination.ts";
import { type Refused, type SOCKSLog, tell } from "./socks/log.ts";
import { checkSOCKSOptions, type SOCKSOptions } from "./socks/options.ts";
import { SOCKSPolicy } from "./socks/policy.ts";
import { BIND, encodeReply, GRANTED, parseRequest, REJECTED, SOCKSError, type SOCKSRequest } from "./socks/request.ts";

export { SOCKS4ClientEndpoint, type SOCKS4ClientOptions } from "./socks/client.ts";
export type { SOCKSLog } from "./socks/log.ts";
export type { SOCKSOptions } from "./socks/options.ts";
export { SOCKSError } from "./socks/request.ts";

/** The parts of a reactor that a SOCKS server uses. */
export type SOCKSReactor = ReactorTCP & ReactorNames & ReactorTime;

const REACTOR = ["connectTCP", "listenTCP", "resolve", "callLater"];

/** Seconds in which a rejected client must take the reply and the end of the connection. */
const LINGER_SECONDS = 10;
/** Bytes of a client that are kept until the destination is connected. A client that sends more is rejected. */
const EARLY_BYTES_MAX = 64 * 1024;
/** Connections that wait to be accepted at a port of BIND. Strangers take places, too. */
const BIND_BACKLOG = 8;

const LOGGING = orNull(callable);

/** UTF-16 code units of a line of the log. */
const LINE_MAX = 1024;

const NOTHING: Buffer = Buffer.alloc(0);

/** The policies of factories; and of reactors, for clients that no SOCKSv4Factory has made. */
const policies = new WeakMap<object, SOCKSPolicy>();

/**
 * One client of a SOCKS server. Its `peer` is the connection to the destination, once that is made. The options of its
 * factory say what it may do; override authorize() to decide more.
 *
 * Everything that is done for a client ends with it. Before the connection to the destination is made, that is also when it
 * sends FIN: clients wait for the reply, and one that has only half-closed cannot be told from one that is gone. So it
 * is never paused before.
 *
 *     request ──► look-up ──► policy, authorize() ──► connect ───────────────────► relay ──► idle
 *      10 s      └──────────────── 15 s ─────────────────────┘                       ▲      300 s
 *                                                └──► BIND: listen, 30 s ────────────┘
 */
export class SOCKSv4 extends Proxy {
  readonly reactor: SOCKSReactor;
  readonly logging: SOCKSLog | null;
  #policy!: SOCKSPolicy;
  /** The key under which the client's peer is counted. */
  #from = "";
  /** An incomplete request. */
  #partial = NOTHING;
  /** What follows the request, until there is somebody to forward it to. */
  readonly #early = new EarlyBytes();
  /** The request as the log shows it; "" until it is complete. */
  #request = "";
  /** For how many connections the policy counts it as one that is served: its own, and that to the destination. */
  #served = 0;
  #lost = false;
  /** The step in progress: name resolution, authorization or the connection. */
  #pending: Deferred<unknown> | null = null;
  #port: ListeningPort | null = null;
  #timeout: DelayedCall | null = null;

  /**
   * @param reactor connects, listens, resolves names and measures timeouts
   * @param logging receives a line for each step of a request, and for each that is refused; null: no log
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
   * that is used. What the factory's options forbid is rejected before this is called.
   */
  authorize(_code: number, _server: string, _port: number, _user: string): Outcome<boolean> {
    return true;
  }

  override connectionMade(): void {
    this.#policy = policyOf(this.factory, this.reactor);
    const { host } = this.transport.getPeer();
    this.#from = peerKey(host);
    if (!this.#policy.admits(host)) {
      this.#log("closed: the client is in no network of `allowFrom`", "stranger");
      this.transport.abortConnection();
      return;
    }
    this.#policy.servesAt(socketHostOf(this.transport).port);
    this.#within(this.#policy.limits.requestTimeout, "the request");
  }

  override dataReceived(data: Buffer): void {
    if (this.peer !== null) {
      super.dataReceived(data);
      return;
    }
    if (this.#gone) return;
    if (this.#request !== "") {
      this.#keep(data);
      return;
    }
    this.#partial = Buffer.concat([this.#partial, data]);
    let request: SOCKSRequest | null;
    try {
      request = parseRequest(this.#partial);
    } catch (error) {
      if (!(error instanceof SOCKSError)) throw error;
      this.#reject(error.message);
      return;
    }
    if (request === null) return;
    const rest = this.#partial.subarray(request.length);
    this.#partial = NOTHING;
    this.#serve(request);
    if (rest.length > 0) this.dataReceived(rest);
  }

  /** The client has half-closed. */
  override readConnectionLost(): void {
    if (this.peer !== null) {
      super.readConnectionLost();
      return;
    }
    if (this.#gone) return;
    this.#log("the client has gone", "gone");
    this.transport.loseConnection();
    this.#release();
  }

  override connectionLost(reason: Failure): void {
    this.#lost = true;
    this.#release();
    if (this.#served > 0) this.#leave();
    super.connectionLost(reason);
  }

  /** @internal */
  override [HOLD_PLACE](): () => void {
    const letGo = super[HOLD_PLACE]();
    this.#served++;
    return () => {
      this.#leave();
      letGo();
    };
  }

  /** The destination is connected. */
  override setPeer(peer: Proxy): void {
    super.setPeer(peer);
    this.#pending = null;
    this.#release();
    this.endWhenIdle(this.reactor, this.#policy.limits.idleTimeout);
    const address = peer.transport.getPeer();
    this.#log(`connected to ${address}`);
    this.transport.write(encodeReply(GRANTED, address.port, address.host));
    if (this.#early.length > 0) peer.transport.write(this.#early.take());
  }

  #serve({ command, host, port, user }: SOCKSRequest): void {
    this.#request = `${command === BIND ? "BIND" : "CONNECT"} ${host}:${port} (user ${JSON.stringify(user)})`;
    const policy = this.#policy;
    const objection = this.#objectionTo(command, user);
    if (objection !== null) {
      this.#reject(objection);
      return;
    }
    this.#within(policy.limits.connectTimeout, command === BIND ? "the look-up" : "the connection");
    this.#pending = policy.lookups
      .resolve(host, this.#from)
      .addCallback((server) => {
        const refusal = policy.refusal(server, port, this.transport.getHost().port);
        if (refusal !== null) throw new SOCKSError(refusal);
        return maybeDeferred(() => this.authorize(command, server, port, user)).addCallback((allowed) => {
          if (!allowed) throw new SOCKSError("not authorized");
          return command === BIND ? this.#bind(server) : this.#connect(server, port);
        });
      })
      .addErrback((failure) => this.#reject(failure.getErrorMessage()));
  }

  /** Why the request is not served, before it is known where it leads; null: it is, and counts. */
  #objectionTo(command: number, user: string): string | null {
    const policy = this.#policy;
    if (command === BIND && !policy.limits.bind) return "BIND is off (`bind`)";
    if (!policy.knowsUser(user)) return "the user is not in `users`";
    if (policy.enter()) {
      this.#served = 1;
      return null;
    }
    return `${policy.limits.maxRelays} requests are served already (\`maxRelays\`)`;
  }

  #connect(server: string, port: number): Deferred<unknown> {
    const timeout = this.#policy.limits.connectTimeout;
    const endpoint = new TCP4ClientEndpoint(this.reactor, server, port, { timeout });
    return endpoint.connect(new RelayFactory(() => this.#relay(new Destination((target) => this.#admits(target)))));
  }

  /**
   * Listen for one connection from `server`, at the address to which the client is connected: a server that only this
   * machine reaches opens no port to others. The connections of strangers are closed.
   */
  #bind(server: string): void {
    const policy = this.#policy;
    const expected = canonicalAddress(server);
    const host = bindHost(socketHostOf(this.transport).host, server);
    if (!policy.bind(this.#from)) throw new SOCKSError("too many ports listen already (`maxBinds`, `maxBindsPerPeer`)");
    const factory = new RelayFactory((peer) => {
      if (this.#port === null || canonicalAddress(peer.host) !== expected) return null;
      this.#stopListening();
      return this.#relay();
    });
    try {
      this.#port = this.reactor.listenTCP(0, factory, { interface: host, backlog: BIND_BACKLOG });
    } catch (error) {
      policy.unbind(this.#from);
      throw error;
    }
    this.#within(policy.limits.bindTimeout, `a connection from ${server}`);
    const { port } = this.#port.getHost();
    this.#log(`listening on port ${port}`, "listening");
    this.transport.write(encodeReply(GRANTED, port));
  }

  /** Whether the connection that was made may be used. */
  #admits(target: Transport): boolean {
    const { host, port } = target.getPeer();
    const refusal = this.#policy.refusalOfMade(target.getHost().host, host, port, this.transport.getHost().port);
    if (refusal !== null) this.#reject(refusal);
    return refusal === null;
  }

  /** The protocol of a connection to the destination. */
  #relay(relay = new ProxyClient()): ProxyClient | null {
    if (this.#gone) return null;
    relay.setPeer(this);
    return relay;
  }

  #keep(data: Buffer): void {
    if (this.#early.length + data.length > EARLY_BYTES_MAX) {
      this.#reject(`the client sent more than ${EARLY_BYTES_MAX} bytes before the reply`);
    } else {
      this.#early.add(data);
    }
  }

  #leave(): void {
    this.#served--;
    if (this.#served === 0) this.#policy.leave();
  }

  get #gone(): boolean {
    return this.#lost || this.transport.disconnecting;
  }

  #reject(why: string): void {
    if (this.#gone) return;
    this.#log(`rejected: ${why}`, "rejected");
    this.transport.write(encodeReply(REJECTED));
    this.transport.loseConnection();
    this.#release();
    // The reply waits for a client that does not read.
    this.#timeout = this.reactor.callLater(LINGER_SECONDS, () => this.transport.abortConnection());
  }

  /** Reject the request unless the next step comes within `seconds`. */
  #within(seconds: number, what: string): void {
    if (this.#timeout?.active()) this.#timeout.cancel();
    if (seconds === Number.POSITIVE_INFINITY) return;
    this.#timeout = this.reactor.callLater(seconds, () => this.#reject(`${what} took longer than ${seconds} seconds`));
  }

  /** End what is done for the client before the relay. */
  #release(): void {
    if (this.#timeout?.active()) this.#timeout.cancel();
    this.#stopListening();
    const pending = this.#pending;
    this.#pending = null;
    pending?.cancel();
    this.#partial = NOTHING;
    if (this.peer === null) this.#early.take();
  }

  #stopListening(): void {
    if (this.#port === null) return;
    void this.#port.stopListening();
    this.#port = null;
    this.#policy.unbind(this.#from);
  }

  #log(what: string, refused: Refused | null = null): void {
    const line = `SOCKS ${this.transport.getPeer()} ${this.#request || "request"}: ${what}`;
    callAndLog(
      () => tell(this.logging, printable(line, LINE_MAX), refused), // the request is untrusted
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
   * @param logging receives a line for each step of a request, and for each that is refused; null: no log
   * @param Client the class of protocols: one that overrides authorize()
   * @param options what clients may do, and limits that they share
   * @throws TypeError; RangeError for an option that is out of range, or a network that is none
   */
  constructor(
    reactor: SOCKSReactor,
    logging: SOCKSLog | null = null,
    Client: new (reactor: SOCKSReactor, logging: SOCKSLog | null) => SOCKSv4 = SOCKSv4,
    options: SOCKSOptions = {},
  ) {
    super();
    const call = `new ${new.target.name}(reactor, logging, Client, options)`;
    ensureReactorFirst(call, reactor);
    check(call, "logging", logging, LOGGING);
    check(call, "Client", Client, constructible);
    this.reactor = reactor;
    this.logging = logging;
    this.#Client = Client;
    policies.set(this, new SOCKSPolicy(reactor, checkSOCKSOptions(call, options)));
  }

  override buildProtocol(_addr: Address): SOCKSv4 {
    const client = new this.#Client(this.reactor, this.logging);
    client.factory = this;
    return client;
  }
}

/** The policy of a client's factory; the defaults, shared by all clients of the reactor, unless it is a SOCKSv4Factory. */
function policyOf(factory: object | null | undefined, reactor: SOCKSReactor): SOCKSPolicy {
  const own = factory === null || factory === undefined ? undefined : policies.get(factory);
  const policy = own ?? policies.get(reactor) ?? new SOCKSPolicy(reactor, {});
  if (own === undefined) policies.set(reactor, policy);
  return policy;
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
