/**
 * A port forwarder: it connects each client to a target, and forwards the bytes in both directions. Names and semantics
 * follow twisted.protocols.portforward.
 *
 *     client ──── ProxyServer ──peer── ProxyClient ──── host:port
 *
 * Each side's transport is the producer of the other: a side stops reading while the other is above its high-water mark.
 * While the target is being connected, the client is read: a client that goes ends the attempt.
 *
 * Nothing that is done for a client outlives it uncounted: until the target is lost, too, the client keeps its place in every
 * limit. relay/idle.ts says how long a target stays.
 */
import { check, checkOptions, type OptionKinds } from "../internet/arguments/check.ts";
import { clock as clockKind, count, seconds as secondsKind, withMethods } from "../internet/arguments/kinds.ts";
import { CONNECT_OPTIONS, ensureHost } from "../internet/arguments/reactors.ts";
import { ConnectionDone, SkeinError } from "../internet/error.ts";
import type { Failure } from "../internet/failure.ts";
import type { Address, Connector, ConnectTCPOptions, ReactorTCP } from "../internet/interfaces.ts";
import { ClientFactory, Factory, Protocol } from "../internet/protocol.ts";
import { installedReactor } from "../internet/reactor/installation.ts";
import { noticeResets } from "../internet/stream/resets.ts";
import type { DelayedCall, ReactorTime } from "../internet/time.ts";
import { Refusals } from "../logger/refusals.ts";
import { HOLD_PLACE, holdPlace, type PlaceHolder } from "./policies/place.ts";
import { Waiting } from "./policies/waiting.ts";
import { EarlyBytes } from "./relay/early.ts";
import { CLOSING_SECONDS, FLUSH_SECONDS, IdleWatch } from "./relay/idle.ts";

/** Seconds for connecting to the target, by default. */
const CONNECT_SECONDS = 15;
/** Seconds in which nothing is forwarded in either direction before both sides are ended, by default. */
export const RELAY_IDLE_SECONDS = 300;
/** How many clients may wait for the target at once, by default. */
const WAITING_MAX = 256;
/** Bytes of a client that are kept until the target is connected. With more, it is paused. */
const EARLY_BYTES_MAX = 64 * 1024;
/** Seconds in which the target must be connected once its client has sent FIN, or is paused: it may be gone. */
const UNHEARD_SECONDS = 5;

const END_WHEN_IDLE = "endWhenIdle(clock, seconds)";

let waitingOf: (factory: ProxyFactory) => Waiting<ProxyServer>;

/** `target` is connected in the name of `client`, which keeps its place in every limit until both are lost. */
let holdPlaceOf: (client: Proxy, target: Proxy) => void;

/** One side of a forwarded connection. */
// biome-ignore lint/suspicious/noShadowRestrictedNames: the name it is known by.
export class Proxy extends Protocol implements PlaceHolder {
  static override readonly borrows: boolean = true;

  /** The other side; null before it is connected, and after either side is lost. */
  peer: Proxy | null = null;
  #idle: IdleWatch | null = null;
  /** Of a target: lets go of the place of the client for which it was connected. */
  #letGo: (() => void) | null = null;

  static {
    holdPlaceOf = (client, target) => {
      target.#letGo = client[HOLD_PLACE]();
    };
  }

  /**
   * Close this side and its peer once nothing was received from either for `seconds` (Infinity: for ever), or for 30 s after
   * one of them has sent FIN; what is queued is sent, for 300 s at most. When one side is lost, the other is closed: a target
   * has 30 s for what is queued, a client 300 s. Call it when both are connected.
   * @throws TypeError | RangeError
   */
  endWhenIdle(clock: ReactorTime, seconds: number): void {
    check(END_WHEN_IDLE, "clock", clock, clockKind);
    check(END_WHEN_IDLE, "seconds", seconds, secondsKind);
    const sides = this.peer === null ? [this] : [this, this.peer];
    const idle = new IdleWatch(clock, seconds, (how) => {
      for (const side of sides) side.#close(how);
    });
    for (const side of sides) side.#idle = idle;
  }

  #close(how: "close" | "reset"): void {
    if (how === "reset") {
      this.transport.abortConnection();
      return;
    }
    // A transport waits for a paused producer before it closes, but nothing more comes from this one.
    this.transport.unregisterProducer();
    this.transport.loseConnection();
  }

  setPeer(peer: Proxy): void {
    this.peer = peer;
  }

  override dataReceived(data: Buffer): void {
    this.#idle?.touch();
    this.peer?.transport.write(data);
  }

  /** Forward the half-close. */
  readConnectionLost(): void {
    this.#idle?.halfOpen();
    this.peer?.transport.loseWriteConnection();
  }

  /** Close the other side when everything is sent; reset a target whose client was lost by a reset or an error. */
  override connectionLost(reason: Failure): void {
    const { peer } = this;
    this.peer = null;
    this.#letGo?.();
    this.#letGo = null;
    if (peer === null) {
      this.#idle?.end();
      return;
    }
    peer.peer = null;
    const isTarget = peer.#letGo !== null;
    if (isTarget && reason.check(ConnectionDone) === undefined) {
      peer.#close("reset");
      return;
    }
    this.#idle?.flush(isTarget ? FLUSH_SECONDS : CLOSING_SECONDS);
    peer.#close("close");
  }

  /** @internal */
  [HOLD_PLACE](): () => void {
    return holdPlace(this.transport);
  }
}

/** The side that connects to the target. */
export class ProxyClient extends Proxy {
  override connectionMade(): void {
    const { peer } = this;
    if (peer === null) return;
    holdPlaceOf(peer, this);
    noticeResets(peer.transport); // it may be paused for as long as the target does not read
    peer.setPeer(this);
    this.transport.registerProducer(peer.transport, true);
    peer.transport.registerProducer(this.transport, true);
    peer.transport.resumeProducing();
  }
}

/** Makes the connection to the target for one ProxyServer. */
export class ProxyClientFactory extends ClientFactory<ProxyClient> {
  override protocol: (new () => ProxyClient) | null = ProxyClient;
  /** The side that waits for the connection; null when it is lost. */
  server: ProxyServer | null = null;

  setServer(server: ProxyServer | null): void {
    this.server = server;
  }

  override buildProtocol(addr: Address): ProxyClient | null {
    if (this.server === null) return null;
    const client = super.buildProtocol(addr);
    client?.setPeer(this.server);
    return client ?? null;
  }

  override clientConnectionFailed(_connector: Connector, reason: Failure): void {
    const { server } = this;
    if (server === null) return;
    notForwarded(server, reason.getErrorMessage());
    server.transport.loseConnection();
  }
}

const refusals = new WeakMap<ProxyFactory, Refusals>();

/** Log why a client is not served: once a minute at most for all clients of a factory, since they decide how often it is. */
function notForwarded({ noisy, factory, transport }: ProxyServer, why: string): void {
  if (!noisy) return;
  const ofFactory = refusals.get(factory) ?? new Refusals();
  refusals.set(factory, ofFactory);
  ofFactory.note(factory.clock.seconds(), () => `A connection from ${transport.getPeer()} cannot be forwarded: ${why}`);
}

/** The side that connected to the forwarder. What it sends is kept until the target is connected; `peer` is null until then. */
export class ProxyServer extends Proxy {
  declare factory: ProxyFactory;
  /** Log when the target cannot be reached. */
  noisy = true;
  /** The class that makes the connection to the target. */
  clientProtocolFactory: new () => ProxyClientFactory = ProxyClientFactory;
  readonly #early = new EarlyBytes();
  #client: ProxyClientFactory | null = null;
  #connector: Connector | null = null;
  /** Counted by the factory as one that waits. */
  #waiting = false;
  /** The client has sent FIN. */
  #ended = false;
  #deadline: DelayedCall | null = null;

  override connectionMade(): void {
    const { factory } = this;
    this.#waiting = true;
    const waiting = waitingOf(factory);
    waiting.add(this, this.transport.getPeer().host);
    const surplus = waiting.surplus();
    if (surplus !== undefined) (waiting.hasMost(this) ? this : surplus).#refuse();
    if (!this.#waiting) return;
    this.#client = new this.clientProtocolFactory();
    this.#client.setServer(this);
    this.#connector = factory.connect(this.#client);
  }

  override dataReceived(data: Buffer): void {
    if (this.peer !== null || !this.#waiting) {
      super.dataReceived(data);
      return;
    }
    this.#early.add(data);
    if (this.#early.length < EARLY_BYTES_MAX) return;
    this.transport.pauseProducing();
    this.#hurry();
  }

  /** The client has half-closed. It may wait for the answer, or be gone. */
  override readConnectionLost(): void {
    super.readConnectionLost();
    this.#ended = true;
    if (this.#waiting) this.#hurry();
  }

  override setPeer(peer: Proxy): void {
    super.setPeer(peer);
    this.#connector = null;
    this.#waitNoLonger();
    this.endWhenIdle(this.factory.clock, this.factory.idleTimeout);
    if (this.#early.length > 0) peer.transport.write(this.#early.take());
    if (this.#ended) super.readConnectionLost();
  }

  override connectionLost(reason: Failure): void {
    this.#stop();
    super.connectionLost(reason);
  }

  #refuse(): void {
    this.#stop();
    notForwarded(this, `${this.factory.maxWaiting} clients wait for the target already (maxWaiting).`);
    this.transport.abortConnection();
  }

  /** The client's end may not be heard any more. */
  #hurry(): void {
    this.#deadline ??= this.factory.clock.callLater(UNHEARD_SECONDS, () => {
      this.transport.loseConnection();
      this.#stop();
    });
  }

  /** End the attempt. */
  #stop(): void {
    const connector = this.#connector;
    this.#connector = null;
    this.#client?.setServer(null);
    this.#early.take();
    this.#waitNoLonger();
    if (connector?.state === "connecting") connector.stopConnecting();
  }

  #waitNoLonger(): void {
    if (this.#deadline?.active()) this.#deadline.cancel();
    if (!this.#waiting) return;
    this.#waiting = false;
    waitingOf(this.factory).delete(this);
  }
}

/** Options for the connection to the target, and limits. */
export interface ProxyOptions extends ConnectTCPOptions {
  /** Connects to the target, and measures time. Default: the installed reactor. */
  readonly reactor?: ReactorTCP & ReactorTime;
  /** Seconds for connecting to the target. Default: 15. */
  readonly timeout?: number;
  /**
   * Seconds in which nothing arrives from either side before both are closed. Default: 300. Infinity: never. Once a side has
   * sent FIN it is 30 s.
   */
  readonly idleTimeout?: number;
  /**
   * How many clients may wait for the target at once. With one more, one is reset: it, or one of a peer that has more of
   * them. Default: 256.
   */
  readonly maxWaiting?: number;
}

const OPTIONS: OptionKinds<ProxyOptions> = {
  ...CONNECT_OPTIONS,
  reactor: withMethods("a reactor", "connectTCP", "callLater"),
  idleTimeout: secondsKind,
  maxWaiting: count(1),
};

/** Forwards each connection that it accepts to `port` of `host`. */
export class ProxyFactory extends Factory<ProxyServer> {
  override protocol: (new () => ProxyServer) | null = ProxyServer;
  readonly host: string;
  readonly port: number;
  /** Seconds in which nothing arrives from either side before both are closed. */
  readonly idleTimeout: number;
  /** How many clients may wait for the target at once. */
  readonly maxWaiting: number;
  readonly #waiting: Waiting<ProxyServer>;
  readonly #reactor: (ReactorTCP & ReactorTime) | undefined;
  readonly #options: ConnectTCPOptions;

  static {
    waitingOf = (factory) => factory.#waiting;
  }

  /** @throws TypeError | RangeError */
  constructor(host: string, port: number, options: ProxyOptions = {}) {
    const call = `new ${new.target.name}(host, port, options)`;
    ensureHost(call, host, port);
    const { reactor, idleTimeout, maxWaiting, ...connecting } = checkOptions<ProxyOptions>(call, options, OPTIONS);
    super();
    this.host = host;
    this.port = port;
    this.idleTimeout = idleTimeout ?? RELAY_IDLE_SECONDS;
    this.maxWaiting = maxWaiting ?? WAITING_MAX;
    this.#waiting = new Waiting(this.maxWaiting);
    this.#reactor = reactor;
    this.#options = { timeout: CONNECT_SECONDS, ...connecting };
  }

  /** How many clients wait for the target now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Measures time. @throws SkeinError when no reactor was passed and none is installed */
  get clock(): ReactorTime {
    return this.#reactorNow;
  }

  /** Start to connect to the target. @throws SkeinError when no reactor was passed and none is installed */
  connect(client: ProxyClientFactory): Connector {
    return this.#reactorNow.connectTCP(this.host, this.port, client, this.#options);
  }

  get #reactorNow(): ReactorTCP & ReactorTime {
    const reactor = this.#reactor ?? installedReactor();
    if (reactor === undefined) {
      throw new SkeinError(
        'There is no reactor to connect to the target: pass a `reactor`, or install one by importing "skein/reactor".',
      );
    }
    return reactor;
  }
}
