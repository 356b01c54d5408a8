/** The address of a connection's socket, for decisions that no bytes from the peer may change. */
import type { Address, Transport } from "../interfaces.ts";

/** The key of that address. A wrapping transport returns that of the wrapped one, whatever its getHost() returns. */
export const SOCKET_HOST: unique symbol = Symbol("socketHost");

/** Where a connection was accepted: also behind a proxy, whose header getHost() quotes. */
export function socketHostOf(transport: Transport): Address {
  return (transport as { readonly [SOCKET_HOST]?: Address })[SOCKET_HOST] ?? transport.getHost();
}
