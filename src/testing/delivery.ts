/** Delivers bytes to a protocol as the engine does. */

import { copyOf } from "../internet/bytes.ts";
import type { Bytes, ProtocolLike } from "../internet/interfaces.ts";
import { borrowsFrom } from "../internet/stream/borrowing.ts";

const OVERWRITTEN = 0xee;

/**
 * Call dataReceived() with a copy of `data` in memory of its own, which the protocol may transfer. If it borrows, the bytes
 * are overwritten afterwards, so that a protocol that keeps them fails its test.
 */
export function deliver(protocol: ProtocolLike, data: Bytes): void {
  const received = copyOf(typeof data === "string" ? Buffer.from(data) : data);
  const lent = borrowsFrom(protocol);
  try {
    protocol.dataReceived(received);
  } finally {
    if (lent) received.fill(OVERWRITTEN);
  }
}
