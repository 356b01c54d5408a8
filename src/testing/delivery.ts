/** Delivers bytes to a protocol as the engine does. */

import type { ProtocolLike } from "../internet/interfaces.ts";
import { borrowsFrom } from "../internet/stream/borrowing.ts";

const OVERWRITTEN = 0xee;

/**
 * Call dataReceived() with `data`, which the protocol then owns. If it borrows, the bytes are overwritten afterwards,
 * so that a protocol that keeps them fails its test.
 */
export function deliver(protocol: ProtocolLike, data: Buffer): void {
  const lent = borrowsFrom(protocol);
  try {
    protocol.dataReceived(data);
  } finally {
    if (lent) data.fill(OVERWRITTEN);
  }
}
