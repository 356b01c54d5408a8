/** Connections as Duplexes, for libraries that expect Node's sockets. */
import { check } from "../internet/arguments/check.ts";
import { callable } from "../internet/arguments/kinds.ts";
import { ensureClientEndpoint } from "../internet/arguments/reactors.ts";
import type { ClientEndpoint } from "../internet/endpoints/interfaces.ts";
import type { Failure } from "../internet/failure.ts";
import type { HalfCloseableProtocol, Transport } from "../internet/interfaces.ts";
import { Factory, Protocol } from "../internet/protocol.ts";
import { type DuplexOptions, ensureDuplexOptions } from "./duplexoptions.ts";
import { nodeError } from "./nodeerror.ts";
import { SocketDuplex } from "./socketduplex.ts";
import { SWITCHABLE } from "./takeover.ts";

/**
 * Take over a connection from its protocol, which receives no more events, as a Duplex with the methods, properties and
 * events of net.Socket.
 * @throws TypeError | RangeError
 */
export function toDuplex(transport: Transport, options: DuplexOptions = {}): SocketDuplex {
  check("toDuplex(transport, options)", "transport", transport, SWITCHABLE);
  const duplex = new SocketDuplex(ensureDuplexOptions("toDuplex(transport, options)", options));
  const end = new DuplexEnd(duplex);
  transport.switchProtocol(end);
  if (!end.connected) duplex.destroy(nodeError("read", "ECONNRESET", "The connection was already lost."));
  return duplex;
}

/**
 * A Duplex that connects. Bytes written before it is connected are buffered. It emits "connect" and "ready", or "error"
 * with the codes of net.Socket (ECONNREFUSED, ETIMEDOUT, ENOTFOUND, …).
 * @throws TypeError | RangeError
 */
export function connectDuplex(endpoint: ClientEndpoint, options: DuplexOptions = {}): SocketDuplex {
  ensureClientEndpoint("connectDuplex(endpoint, options)", endpoint);
  const duplex = new SocketDuplex(ensureDuplexOptions("connectDuplex(endpoint, options)", options));
  const attempt = endpoint.connect(new DuplexEndFactory(duplex));
  duplex.begin(attempt);
  attempt.addErrback((failure) => duplex.refused(failure.value));
  return duplex;
}

/**
 * A factory that calls `connected` with a Duplex for each connection, as the "connection" event of a net.Server does.
 * @throws TypeError | RangeError
 */
export function duplexFactory(
  connected: (duplex: SocketDuplex) => void,
  options: DuplexOptions = {},
): Factory<Protocol> {
  check("duplexFactory(connected, options)", "connected", connected, callable);
  return new DuplexFactory(connected, ensureDuplexOptions("duplexFactory(connected, options)", options));
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
  readonly #options: DuplexOptions;

  constructor(connected: (duplex: SocketDuplex) => void, options: DuplexOptions) {
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
