/** Which protocols are lent their bytes. */
import type { ProtocolLike } from "../interfaces.ts";

/** A protocol says so on its class or on itself: `static borrows = true`. */
export function borrowsFrom(protocol: ProtocolLike): boolean {
  const own = protocol as { borrows?: unknown; constructor: { borrows?: unknown } };
  return (own.borrows ?? own.constructor.borrows) === true;
}
