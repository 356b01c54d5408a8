/** Server endpoints for TLS behind a proxy whose header is plaintext: it comes before TLS, not in it. */
import type { Deferred } from "../defer/deferred.ts";
import type { ListeningPort, ServerFactoryLike } from "../interfaces.ts";
import type { ServerEndpoint } from "./interfaces.ts";

/**
 * Listen for plain connections with the factory that `wrap` returns. It is given a factory whose protocols begin TLS as soon
 * as they are connected.
 */
export const PLAIN_FIRST: unique symbol = Symbol("plainFirst");

export interface PlainFirstEndpoint extends ServerEndpoint {
  [PLAIN_FIRST](
    factory: ServerFactoryLike,
    wrap: (secured: ServerFactoryLike) => ServerFactoryLike,
  ): Deferred<ListeningPort>;
}

export function listensPlainFirst(endpoint: ServerEndpoint): endpoint is PlainFirstEndpoint {
  return typeof (endpoint as Partial<PlainFirstEndpoint>)[PLAIN_FIRST] === "function";
}
