/** Hands bytes to a protocol as the engine does. */

import type { ProtocolLike } from "../internet/interfaces.ts";
import { borrowsFrom } from "../internet/stream/borrowing.ts";

const SPOILT = 0xee;

/**
 * Call dataReceived() with `data`, which is the protocol's from here on; or, when it borrows, is spoilt afterwards: a
 * protocol that keeps what it was lent shows it in the test.
 */
export function deliver(protocol: ProtocolLike, data: Buffer): void {
  const lent = borrowsFrom(protocol);
  try {
    protocol.dataReceived(data);
  } finally {
    if (lent) data.fill(SPOILT);
  }
}
