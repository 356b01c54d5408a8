/**
 * A port forwarder: it connects each client to a target, and forwards the bytes in both directions. Names and semantics
 * follow twisted.protocols.portforward.
 *
 *     client ──── ProxyServer ──peer── ProxyClient ──── host:port
 *
 * Each side's transport is the producer of the other: a side stops reading while the other is above its high-water mark.
 */
import { checkOptions, type OptionKinds } from "../internet/arguments/check.ts";
import { withMethods } from "../internet/arguments/kinds.ts";
import { CONNECT_OPTIONS, ensureHost } from "../internet/arguments/reactors.ts";
import { SkeinError } from "../internet/error.ts";
import type { Failure } from "../internet/failure.ts";
import type { Address, Connector, ConnectTCPOptions, ReactorTCP } from "../internet/interfaces.ts";
import { ClientFactory, Factory, Protocol } from "../internet/protocol.ts";
import { installedReactor } from "../internet/reactor/installation.ts";
import { msg } from "../logger/log.ts";

/** One side of a forwarded connection. */
// biome-ignore lint/suspicious/noShadowRestrictedNames: the name it is known by.
export class Proxy extends Protocol {
  static override readonly borrows: boolean = true;

  /** The other side; null before it is connected, and after either side is lost. */
  peer: Proxy | null = null;

  setPeer(peer: Proxy): void {
    this.peer = peer;
  }

  override dataReceived(data: Buffer): void {
    this.peer?.transport.write(data);
  }

  /** Forward the half-close. */
  readConnectionLost(): void {
    this.peer?.transport.loseWriteConnection();
  }

  override connectionLost(_reason: Failure): void {
    const { peer } = this;
    this.peer = null;
    if (peer === null) return;
    peer.peer = null;
    // A transport waits for a paused producer before it closes, but this one has nothing more to send.
    peer.transport.unregisterProducer();
    peer.transport.loseConnection();
  }
}

/** The side that connects to the target. */
export class ProxyClient extends Proxy {
  override connectionMade(): void {
    const { peer } = this;
    if (peer === null) return;
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
    if (server.noisy)
      msg(`A connection from ${server.transport.getPeer()} cannot be forwarded: ${reason.getErrorMessage()}`);
    server.transport.loseConnection();
  }
}

/** The side that connected to the forwarder. It is paused until the target is connected. */
export class ProxyServer extends Proxy {
  declare factory: ProxyFactory;
  /** Log when the target cannot be reached. */
  noisy = true;
  /** The class that makes the connection to the target. */
  clientProtocolFactory: new () => ProxyClientFactory = ProxyClientFactory;
  #client: ProxyClientFactory | null = null;
  #connector: Connector | null = null;

  override connectionMade(): void {
    this.transport.pauseProducing();
    this.#client = new this.clientProtocolFactory();
    this.#client.setServer(this);
    this.#connector = this.factory.connect(this.#client);
  }

  override setPeer(peer: Proxy): void {
    super.setPeer(peer);
    this.#connector = null;
  }

  override connectionLost(reason: Failure): void {
    const connector = this.#connector;
    this.#connector = null;
    this.#client?.setServer(null);
    if (connector?.state === "connecting") connector.stopConnecting();
    super.connectionLost(reason);
  }
}

/** Options for the connection to the target. */
export interface ProxyOptions extends ConnectTCPOptions {
  /** Connects to the target. Default: the installed reactor. */
  readonly reactor?: ReactorTCP;
}

const OPTIONS: OptionKinds<ProxyOptions> = { ...CONNECT_OPTIONS, reactor: withMethods("a reactor", "connectTCP") };

/** Forwards each connection that it accepts to `port` of `host`. */
export class ProxyFactory extends Factory<ProxyServer> {
  override protocol: (new () => ProxyServer) | null = ProxyServer;
  readonly host: string;
  readonly port: number;
  readonly #reactor: ReactorTCP | undefined;
  readonly #options: ConnectTCPOptions;

  /** @throws TypeError | RangeError */
  constructor(host: string, port: number, options: ProxyOptions = {}) {
    const call = `new ${new.target.name}(host, port, options)`;
    ensureHost(call, host, port);
    const { reactor, ...connecting } = checkOptions<ProxyOptions>(call, options, OPTIONS);
    super();
    this.host = host;
    this.port = port;
    this.#reactor = reactor;
    this.#options = connecting;
  }

  /** Start to connect to the target. @throws SkeinError when no reactor was passed and none is installed */
  connect(client: ProxyClientFactory): Connector {
    const reactor = this.#reactor ?? installedReactor();
    if (reactor === undefined) {
      throw new SkeinError(
        'There is no reactor to connect to the target: pass a `reactor`, or install one by importing "skein/reactor".',
      );
    }
    return reactor.connectTCP(this.host, this.port, client, this.#options);
  }
}
