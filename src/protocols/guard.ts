/**
 * Error handling for calls into a protocol that its transport does not make: an exception or a rejection ends the
 * connection, as it does in calls by the transport.
 */
import { SkeinError } from "../internet/error.ts";
import type { ProtocolLike, Transport } from "../internet/interfaces.ts";
import { onRejection } from "../internet/rejection.ts";
import { isThenable } from "../internet/thenable.ts";
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

/** A method that returns the next state cannot be async: that state would be unknown. @throws SkeinError for a promise */
export function ensureState(result: unknown, protocol: ProtocolLike, transport: Transport): void {
  if (!isThenable(result)) return;
  watch(result, protocol, transport);
  throw new SkeinError(
    `A method of ${nameOf(protocol)} that returns the next state returned a promise: it cannot be async. Start what takes ` +
      "time without awaiting it.",
  );
}
