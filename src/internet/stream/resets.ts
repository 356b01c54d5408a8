/**
 * Resets of connections that are paused. By default a protocol that has paused hears of its peer's reset when it resumes, after
 * the bytes before the reset: they may matter to it. To a relay they do not, whose client is gone.
 *
 * Nobody else would notice: without anything to read or to send, a reset is reported by some reactors only. So the connections that
 * ask for it are probed while they are paused.
 */
import type { Transport } from "../interfaces.ts";

/** Seconds between two probes of a connection that is paused. */
export const PROBE_SECONDS = 5;

/** The key of the method that has a transport probed while it is paused. A wrapping transport calls that of the wrapped one. */
export const NOTICE_RESETS: unique symbol = Symbol("noticeResets");

/** Have `transport` lost {@link PROBE_SECONDS} after its peer's reset at the latest, paused or not, whatever is unread. */
export function noticeResets(transport: Transport): void {
  (transport as { [NOTICE_RESETS]?(): void })[NOTICE_RESETS]?.();
}
