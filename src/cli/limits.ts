/**
 * The limits of every service of `skein serve`: connections in all, connections of one peer, and seconds without a byte.
 *
 *     port ── total, idle ──┬──────────────────────── per peer ── the service       tcp:
 *     port ── total, idle ──┴── the PROXY header ──── per peer ── the service       haproxy:tcp:
 *
 * TLS is beneath both with `ssl:`, and behind the header with `haproxy:ssl:`. A connection counts from accept: one whose
 * handshake is not done is one of its peer's.
 *
 * What costs a descriptor is counted at the socket. A peer is counted where its address is known: behind `haproxy:` that is
 * after the header. All ports of a process share one count. What is beyond a limit is reset, before a protocol of the
 * service is built.
 */
import type {
  Address,
  Bytes,
  ProtocolLike,
  Reactor,
  ReactorSSL,
  ReactorTCP,
  ServerFactoryLike,
} from "../internet/interfaces.ts";
import { queuedIn } from "../internet/stream/sendqueue.ts";
import type { DelayedCall, ReactorTime } from "../internet/time.ts";
import { Refusals } from "../logger/refusals.ts";
import { LimitConnectionsByPeer } from "../protocols/policies/limits.ts";
import { ProtocolWrapper, type WrappableFactory, WrappingFactory } from "../protocols/policies/wrapper.ts";

/** Connections of all ports together, unless `--max-connections` says otherwise. */
export const MAX_CONNECTIONS = 1024;
/** Connections of one IPv4 address, or of one /64 network of IPv6, unless `--max-per-peer` says otherwise. */
export const MAX_PER_PEER = 64;
/** Seconds without a byte in either direction, unless `--idle` says otherwise. */
export const IDLE_SECONDS = 300;

/** An idle connection is closed when between 10 and 11 tenths of its time are over. */
const IDLE_STEPS = 10;

/** Each is null for no limit. */
export interface Limits {
  readonly maxConnections: number | null;
  readonly maxPerPeer: number | null;
  /** Seconds. */
  readonly idle: number | null;
}

/** Counts and limits the connections of one service. */
export class ServiceLimits {
  readonly limits: Limits;
  /** The sockets that are open, of all ports. */
  readonly connections = new Set<LimitedConnection>();
  /** Of connections in all. */
  readonly surplus = new Refusals();
  /** How many tenths of the idle time have passed while there were connections. */
  step = 0;
  readonly clock: ReactorTime;
  #sweeping: DelayedCall | null = null;

  constructor(clock: ReactorTime, limits: Limits) {
    this.limits = limits;
    this.clock = clock;
  }

  /** What the service's endpoints listen with: `reactor`, with the limits of sockets on each of its ports. */
  listening(reactor: Reactor): ReactorTCP & ReactorSSL & ReactorTime {
    const limited = (factory: ServerFactoryLike) => new SocketLimit(factory as WrappableFactory<ProtocolLike>, this);
    return {
      listenTCP: (port, factory, options) => reactor.listenTCP(port, limited(factory), options),
      listenSSL: (port, factory, tls, options) => reactor.listenSSL(port, limited(factory), tls, options),
      connectTCP: (host, port, factory, options) => reactor.connectTCP(host, port, factory, options),
      connectSSL: (host, port, factory, tls, options) => reactor.connectSSL(host, port, factory, tls, options),
      seconds: () => reactor.seconds(),
      callLater: (seconds, f, ...args) => reactor.callLater(seconds, f, ...args),
      getDelayedCalls: () => reactor.getDelayedCalls(),
    };
  }

  /** The service's factory, with the limit of each peer. */
  perPeer(factory: WrappableFactory<ProtocolLike>): WrappableFactory<ProtocolLike> {
    const { maxPerPeer } = this.limits;
    return maxPerPeer === null ? factory : new PeerLimit(factory, maxPerPeer, this.clock);
  }

  /** A connection is made. */
  add(connection: LimitedConnection): void {
    this.connections.add(connection);
    if (this.limits.idle !== null) this.#sweeping ??= this.#later(this.limits.idle);
  }

  /** A connection is gone. */
  remove(connection: LimitedConnection): void {
    this.connections.delete(connection);
    if (this.connections.size > 0 || this.#sweeping === null) return;
    this.#sweeping.cancel();
    this.#sweeping = null;
  }

  #later(idle: number): DelayedCall {
    return this.clock.callLater(idle / IDLE_STEPS, () => {
      this.#sweeping = this.#later(idle);
      this.#sweep();
    });
  }

  #sweep(): void {
    this.step++;
    for (const connection of this.connections) {
      if (this.step - connection.activeAt > IDLE_STEPS || connection.ending) connection.endIdle();
    }
  }
}

/** A connection that is closed when it is idle. */
export class LimitedConnection extends ProtocolWrapper {
  /** The step in which something was received or written last. */
  activeAt: number;
  /** It was idle, and is closing. */
  ending = false;
  /** Bytes that waited to be sent when it was ended last. */
  #queued = 0;
  readonly #limits: ServiceLimits;

  constructor(factory: SocketLimit, wrapped: ProtocolLike, limits: ServiceLimits) {
    super(factory, wrapped);
    this.activeAt = limits.step;
    this.#limits = limits;
  }

  override dataReceived(data: Buffer): unknown {
    this.activeAt = this.#limits.step;
    return super.dataReceived(data);
  }

  override write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    this.activeAt = this.#limits.step;
    super.write(data, encoding, callback);
  }

  /** Close it, and reset it once a tenth of the idle time passes in which its peer takes nothing of what is queued. */
  endIdle(): void {
    const queued = queuedIn(this.transport);
    if (!this.ending) this.loseConnection();
    else if (queued >= this.#queued) this.abortConnection();
    this.#queued = queued;
    this.ending = true;
  }
}

/** Limits the sockets of one port; the count is that of all ports. */
class SocketLimit extends WrappingFactory<ProtocolLike, LimitedConnection> {
  readonly #limits: ServiceLimits;

  constructor(factory: WrappableFactory<ProtocolLike>, limits: ServiceLimits) {
    super(factory);
    this.#limits = limits;
  }

  override buildProtocol(addr: Address): LimitedConnection | null {
    const { limits, connections, surplus, clock } = this.#limits;
    if (limits.maxConnections === null || connections.size < limits.maxConnections) return super.buildProtocol(addr);
    surplus.note(
      clock.seconds(),
      () => `A connection from ${addr} is refused: ${limits.maxConnections} are open (--max-connections).`,
    );
    return null;
  }

  override wrapProtocol(wrapped: ProtocolLike): LimitedConnection {
    const connection = new LimitedConnection(this, wrapped, this.#limits);
    this.#limits.add(connection);
    return connection;
  }

  override unregisterProtocol(connection: LimitedConnection): void {
    super.unregisterProtocol(connection);
    this.#limits.remove(connection);
  }
}

/** Limits the connections of each peer, and reports those that it refuses. */
class PeerLimit extends LimitConnectionsByPeer {
  readonly #refusals = new Refusals();
  readonly #clock: ReactorTime;

  constructor(factory: WrappableFactory<ProtocolLike>, max: number, clock: ReactorTime) {
    super(factory);
    this.maxConnectionsPerPeer = max;
    this.#clock = clock;
  }

  protected override peerRefused(addr: Address, count: number): void {
    this.#refusals.note(
      this.#clock.seconds(),
      () => `A connection from ${addr} is refused: its peer has ${count} (--max-per-peer).`,
    );
  }
}
