/**
 * For calls into a protocol that its transport does not make: what they throw, or what the promises that they return
 * reject with, ends the connection as it does when the transport calls.
 */
import type { ProtocolLike, Transport } from "../internet/interfaces.ts";
import { onRejection } from "../internet/rejection.ts";
import { nameOf } from "../logger/describe.ts";
import { err } from "../logger/log.ts";

/** `protocol` threw: log it, and cut its connection. */
export function endBy(error: unknown, protocol: ProtocolLike, transport: Transport): void {
  err(error, `${nameOf(protocol)} threw; its connection to ${transport.getPeer()} is closed`);
  transport.abortConnection();
}

/** For what a method of `protocol` returned that may be async. */
export function watch(result: unknown, protocol: ProtocolLike, transport: Transport): void {
  if (result !== undefined) onRejection(result, (error) => endBy(error, protocol, transport));
}
