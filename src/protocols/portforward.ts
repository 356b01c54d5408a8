/**
 * A port forwarder: for each connection to it, it makes one to another host, and passes the bytes on both ways.
 * Names and semantics follow twisted.protocols.portforward.
 *
 *     client ──── ProxyServer ──peer── ProxyClient ──── host:port
 *
 * Each side's transport is the other's producer: a side reads no further while the other has much waiting to be sent.
 */
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

  /** The other side: null until it is connected, and again when it or this is lost. */
  peer: Proxy | null = null;

  setPeer(peer: Proxy): void {
    this.peer = peer;
  }

  override dataReceived(data: Buffer): void {
    this.peer?.transport.write(data);
  }

  /** What came from here is at its end: so is what goes to the other side. */
  readConnectionLost(): void {
    this.peer?.transport.loseWriteConnection();
  }

  override connectionLost(_reason: Failure): void {
    const { peer } = this;
    this.peer = null;
    if (peer === null) return;
    peer.peer = null;
    // A transport waits for its producer before it closes, and this one has no more to say.
    peer.transport.unregisterProducer();
    peer.transport.loseConnection();
  }
}

/** The side that was connected to the target. */
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
  /** The side that waits, or null when it waits no more. */
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
      msg(`A connection from ${server.transport.getPeer()} is not forwarded: ${reason.getErrorMessage()}`);
    server.transport.loseConnection();
  }
}

/** The side that connected to the forwarder. It reads nothing until the target is connected. */
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

/** How connections are passed on. */
export interface ProxyOptions extends ConnectTCPOptions {
  /** What connects to the target. Default: the installed reactor. */
  readonly reactor?: ReactorTCP;
}

/** Listen with it: what connects is forwarded to `host` and `port`. */
export class ProxyFactory extends Factory<ProxyServer> {
  override protocol: (new () => ProxyServer) | null = ProxyServer;
  readonly host: string;
  readonly port: number;
  readonly #reactor: ReactorTCP | undefined;
  readonly #options: ConnectTCPOptions;

  constructor(host: string, port: number, options: ProxyOptions = {}) {
    super();
    this.host = host;
    this.port = port;
    const { reactor, ...rest } = options;
    this.#reactor = reactor;
    this.#options = rest;
  }

  /** Begin to connect to the target. @throws SkeinError when there is neither a reactor given nor one installed */
  connect(client: ProxyClientFactory): Connector {
    const reactor = this.#reactor ?? installedReactor();
    if (reactor === undefined) {
      throw new SkeinError(
        'Nothing connects to the target: pass a `reactor`, or install one by importing "skein/reactor".',
      );
    }
    return reactor.connectTCP(this.host, this.port, client, this.#options);
  }
}
