/** One connection attempt of an endpoint, as a Deferred of its protocol. */
import { ensureFactory } from "../arguments/factories.ts";
import { Deferred } from "../defer/deferred.ts";
import { fail } from "../defer/makers.ts";
import { ConnectingCancelledError, NoProtocol } from "../error.ts";
import type { Failure } from "../failure.ts";
import type { Address, ClientFactoryLike, Connector, ProtocolLike } from "../interfaces.ts";
import type { ProtocolFactory } from "../protocol.ts";

/** Fires with the protocol that `factory` builds once it is connected; `connect` starts the attempt. */
export function attempt<P extends ProtocolLike>(
  factory: ProtocolFactory<P>,
  connect: (factory: ClientFactoryLike) => Connector,
): Deferred<P> {
  const connected = new Deferred<P>((deferred) => {
    deferred.errback(new ConnectingCancelledError(connector.getDestination()));
    connector.disconnect();
  });
  let connector: Connector;
  try {
    ensureFactory("connect(factory)", factory);
    connector = connect(new AttemptFactory(factory, connected));
  } catch (error) {
    return fail(error);
  }
  return connected;
}

/** Wraps the user's factory until the protocol has its transport. */
class AttemptFactory<P extends ProtocolLike> implements ClientFactoryLike {
  readonly #factory: ProtocolFactory<P>;
  readonly #connected: Deferred<P>;

  constructor(factory: ProtocolFactory<P>, connected: Deferred<P>) {
    this.#factory = factory;
    this.#connected = connected;
  }

  doStart(): void {
    this.#factory.doStart();
  }

  doStop(): void {
    this.#factory.doStop();
  }

  startedConnecting(): void {}

  clientConnectionFailed(_connector: Connector, reason: Failure): void {
    this.#fail(reason);
  }

  /** A connection that is lost before its protocol was given the transport is a failed attempt. */
  clientConnectionLost(_connector: Connector, reason: Failure): void {
    this.#fail(reason);
  }

  buildProtocol(addr: Address): P | null {
    let protocol: P | null | undefined;
    try {
      protocol = this.#factory.buildProtocol(addr);
    } catch (error) {
      this.#fail(error);
      return null;
    }
    if (protocol === null || protocol === undefined) {
      this.#fail(new NoProtocol(`The factory built no protocol for ${addr}, so the connection was closed.`));
      return null;
    }
    this.#tellWhenConnected(protocol);
    return protocol;
  }

  /**
   * The reactor gets the protocol itself, not a wrapper, so that dataReceived() costs no extra call, and optional
   * methods and properties of the protocol stay visible. To notice the connection, makeConnection() is overridden for
   * one call.
   */
  #tellWhenConnected(protocol: P): void {
    const covered: ProtocolLike = protocol;
    const own = Object.getOwnPropertyDescriptor(covered, "makeConnection");
    covered.makeConnection = (transport) => {
      Reflect.deleteProperty(covered, "makeConnection");
      if (own !== undefined) Object.defineProperty(covered, "makeConnection", own);
      let result: unknown;
      try {
        result = covered.makeConnection(transport);
      } catch (error) {
        this.#fail(error);
        throw error;
      }
      if (!this.#connected.called) this.#connected.callback(protocol);
      // A promise, where makeConnection() is async: the transport handles its rejection.
      return result;
    };
  }

  #fail(reason: unknown): void {
    if (!this.#connected.called) this.#connected.errback(reason);
  }
}
