/**
 * For calls into a protocol that do not come from its transport: what they throw, or reject with, ends the connection
 * as in calls from the transport.
 */
import type { ProtocolLike, Transport } from "../internet/interfaces.ts";
import { onRejection } from "../internet/rejection.ts";
import { nameOf } from "../logger/describe.ts";
import { err } from "../logger/log.ts";

/** `protocol` threw: log it, and abort its connection. */
export function endBy(error: unknown, protocol: ProtocolLike, transport: Transport): void {
  err(error, `${nameOf(protocol)} threw; its connection to ${transport.getPeer()} is closed`);
  transport.abortConnection();
}

/** Handle the result of a method of `protocol` that may be async. */
export function watch(result: unknown, protocol: ProtocolLike, transport: Transport): void {
  if (result !== undefined) onRejection(result, (error) => endBy(error, protocol, transport));
}
