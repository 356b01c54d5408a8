/** Connections as Duplexes, so that libraries made for Node's sockets run over them. */
import type { ClientEndpoint } from "../internet/endpoints/interfaces.ts";
import type { Failure } from "../internet/failure.ts";
import type { HalfCloseableProtocol, Transport } from "../internet/interfaces.ts";
import { Factory, Protocol } from "../internet/protocol.ts";
import { nodeError } from "./nodeerror.ts";
import { type DuplexOptions, SocketDuplex } from "./socketduplex.ts";

/**
 * Take over a connection as a Duplex with net.Socket's methods, properties and events. The protocol that it had hears
 * no more.
 */
export function toDuplex(transport: Transport, options?: DuplexOptions): SocketDuplex {
  const duplex = new SocketDuplex(options);
  const end = new DuplexEnd(duplex);
  transport.switchProtocol(end);
  if (!end.connected) duplex.destroy(nodeError("read", "ECONNRESET", "The connection was lost before."));
  return duplex;
}

/**
 * A Duplex that connects: bytes written before it is connected wait. It emits "connect" and "ready", or "error" with
 * net.Socket's codes (ECONNREFUSED, ETIMEDOUT, ENOTFOUND, …).
 */
export function connectDuplex(endpoint: ClientEndpoint, options?: DuplexOptions): SocketDuplex {
  const duplex = new SocketDuplex(options);
  const attempt = endpoint.connect(new DuplexEndFactory(duplex));
  duplex.begin(attempt);
  attempt.addErrback((failure) => duplex.refused(failure.value));
  return duplex;
}

/** A factory whose connections are given to `connected` as Duplexes, as a net.Server's "connection" event gives them. */
export function duplexFactory(connected: (duplex: SocketDuplex) => void, options?: DuplexOptions): Factory<Protocol> {
  return new DuplexFactory(connected, options);
}

/** The protocol behind a Duplex. */
class DuplexEnd extends Protocol implements HalfCloseableProtocol {
  readonly duplex: SocketDuplex;

  constructor(duplex: SocketDuplex) {
    super();
    this.duplex = duplex;
  }

  override connectionMade(): void {
    this.duplex.attach(this.transport);
  }

  override dataReceived(data: Buffer): void {
    this.duplex.received(data);
  }

  readConnectionLost(): void {
    this.duplex.readEnded();
  }

  writeConnectionLost(): void {
    this.duplex.writeEnded();
  }

  override connectionLost(reason: Failure): void {
    this.duplex.lost(reason.value);
  }
}

class DuplexFactory extends Factory<DuplexEnd> {
  readonly #connected: (duplex: SocketDuplex) => void;
  readonly #options: DuplexOptions | undefined;

  constructor(connected: (duplex: SocketDuplex) => void, options: DuplexOptions | undefined) {
    super();
    this.#connected = connected;
    this.#options = options;
  }

  override buildProtocol(): DuplexEnd {
    const end = new AcceptedEnd(new SocketDuplex(this.#options), this.#connected);
    end.factory = this;
    return end;
  }
}

class AcceptedEnd extends DuplexEnd {
  readonly #connected: (duplex: SocketDuplex) => void;

  constructor(duplex: SocketDuplex, connected: (duplex: SocketDuplex) => void) {
    super(duplex);
    this.#connected = connected;
  }

  override connectionMade(): void {
    super.connectionMade();
    this.#connected(this.duplex);
  }
}

class DuplexEndFactory extends Factory<DuplexEnd> {
  readonly #duplex: SocketDuplex;

  constructor(duplex: SocketDuplex) {
    super();
    this.#duplex = duplex;
  }

  override buildProtocol(): DuplexEnd {
    return new DuplexEnd(this.#duplex);
  }
}
