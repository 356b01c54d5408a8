/** What an endpoint is: somewhere to listen, or to connect to. */
import type { Deferred } from "../defer/deferred.ts";
import type { ListeningPort, ProtocolLike, ServerFactoryLike } from "../interfaces.ts";
import type { ProtocolFactory } from "../protocol.ts";

/** Somewhere to listen. */
export interface ServerEndpoint {
  /** Fires with the port that listens; fails with CannotListenError. */
  listen(factory: ServerFactoryLike): Deferred<ListeningPort>;
}

/** Somewhere to connect to. */
export interface ClientEndpoint {
  /**
   * Fires with the protocol that `factory` built, once its connectionMade() has run; fails with a ConnectError, with
   * NoProtocol, or with what the factory or the protocol threw. Cancelling it stops the attempt and makes it fail with
   * ConnectingCancelledError.
   */
  connect<P extends ProtocolLike>(factory: ProtocolFactory<P>): Deferred<P>;
}
