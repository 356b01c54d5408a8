/**
 * For calls into a protocol that its transport does not make: what they throw, or what the promises that they return
 * reject with, ends the connection as it does when the transport calls.
 */
import type { ProtocolLike, Transport } from "../internet/interfaces.ts";
import { isThenable } from "../internet/thenable.ts";
import { err } from "../logger/log.ts";

/** `protocol` threw: log it, and cut its connection. */
export function endBy(error: unknown, protocol: ProtocolLike, transport: Transport): void {
  const { logPrefix } = protocol as { logPrefix?: () => string };
  const name = logPrefix === undefined ? protocol.constructor.name : logPrefix.call(protocol);
  err(error, `${name} threw; its connection to ${transport.getPeer()} is closed`);
  transport.abortConnection();
}

/** For what a method of `protocol` returned that may be async. */
export function watch(result: unknown, protocol: ProtocolLike, transport: Transport): void {
  if (!isThenable(result)) return;
  result.then(undefined, (error: unknown) => endBy(error, protocol, transport));
}
