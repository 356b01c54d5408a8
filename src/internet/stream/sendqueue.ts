/**
 * Back-pressure from a transport's send queue to the receivers above it. A receiver that splits chunks into messages asks
 * before each message whether the queue is over its high-water mark. If so, it keeps the rest of the chunk, and the
 * transport stops reading until the queue has drained:
 *
 * ```
 *   transport ── chunk ──▶ receiver ── message ──▶ its callback ── answer ──▶ transport: over the mark
 *       ▲                     │ [AWAIT_DRAIN](this)                              │ drained
 *       └── reading held ─────┘ ◀───────────────── [DRAINED]() ──────────────────┘
 * ```
 * So the answers to one chunk cannot take more memory than the mark and one answer. This is independent of the program's
 * producer and of its pauseProducing(). A transport without these members is never over its mark.
 *
 * Only the side that accepted the connection waits, by default: if both did, each with more to send than the kernels
 * buffer, neither would read again.
 *
 * switchProtocol() forgets who waits, and tells the previous protocol by [TAKEN_OVER](): what it has not delivered by then
 * it never delivers, since the connection is another protocol's.
 */

/** The high-water mark of a send queue in bytes: above it a push producer is paused, and receivers deliver nothing. */
export const HIGH_WATER = 64 * 1024;

/** Whether the send queue was over its mark after the last write, and has not drained since. Read for each message. */
export const OVER_MARK: unique symbol = Symbol("overMark");
/**
 * Stop reading, and call `waiter[DRAINED]()` once when the send queue has drained. False, and nothing happens, when the
 * queue is not over its mark any more, or the connection is closing. A waiter that waits already is not added again.
 */
export const AWAIT_DRAIN: unique symbol = Symbol("awaitDrain");
/** Whether the connection was accepted; false when this side made it. Receivers wait on accepted connections. */
export const ACCEPTED: unique symbol = Symbol("accepted");
/** The send queue has drained, or nothing is sent any more. Never throws. */
export const DRAINED: unique symbol = Symbol("drained");
/** Another protocol has the connection: deliver nothing more. Called before the makeConnection() of the next one. Never throws. */
export const TAKEN_OVER: unique symbol = Symbol("takenOver");

/**
 * How many bytes a protocol has received and not delivered yet. Before TLS begins there must be none: they were sent in
 * plaintext, by anybody on the way, and would be taken for what the peer says over TLS (CVE-2011-0411).
 */
export const UNDELIVERED: unique symbol = Symbol("undelivered");

/** Bytes that wait to be sent: while they become fewer, the peer reads. */
export const QUEUED: unique symbol = Symbol("queued");

export interface DrainWaiter {
  [DRAINED](): void;
}

export interface SendQueue {
  readonly [OVER_MARK]: boolean;
  readonly [ACCEPTED]: boolean;
  [AWAIT_DRAIN](waiter: DrainWaiter): boolean;
}

/** Tell the protocol that had a connection that another one has it now. */
export function tellTakenOver(protocol: object): void {
  (protocol as { [TAKEN_OVER]?(): void })[TAKEN_OVER]?.();
}

/** Bytes that a protocol has received and not delivered. */
export function undeliveredIn(protocol: object): number {
  return (protocol as { readonly [UNDELIVERED]?: number })[UNDELIVERED] ?? 0;
}

/** Bytes that wait to be sent by a transport; 0 for a program's own. */
export function queuedIn(transport: object): number {
  return (transport as { readonly [QUEUED]?: number })[QUEUED] ?? 0;
}

/** A transport's send queue, whose members a transport of a program's own lacks. */
export function sendQueueOf(transport: object): Partial<SendQueue> {
  return transport;
}
