/**
 * Error handling for calls into a protocol that its transport does not make: an exception or a rejection ends the
 * connection, as it does in calls by the transport.
 */
import type { ProtocolLike, Transport } from "../internet/interfaces.ts";
import { onRejection } from "../internet/rejection.ts";
import { nameOf } from "../logger/describe.ts";
import { err } from "../logger/log.ts";

/** Log what `protocol` threw, and abort its connection. */
export function endBy(error: unknown, protocol: ProtocolLike, transport: Transport): void {
  err(error, `${nameOf(protocol)} threw; its connection to ${transport.getPeer()} is closed`);
  transport.abortConnection();
}

/** Handle the result of a method of `protocol` that may be async. */
export function watch(result: unknown, protocol: ProtocolLike, transport: Transport): void {
  if (result !== undefined) onRejection(result, (error) => endBy(error, protocol, transport));
}
