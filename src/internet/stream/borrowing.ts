/** Which protocols are lent their bytes. */
import type { ProtocolLike } from "../interfaces.ts";

/** A protocol says so on its class or on itself: `static borrows = true`. Throws what a getter of that name throws. */
export function borrowsFrom(protocol: ProtocolLike | null | undefined): boolean {
  const own = protocol as { borrows?: unknown; constructor?: { borrows?: unknown } } | null | undefined;
  return (own?.borrows ?? own?.constructor?.borrows) === true;
}
