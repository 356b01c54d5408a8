/** Whether this process may open one more descriptor. */
import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { errnoNamed } from "../errno.ts";

/**
 * EMFILE or ENFILE when no descriptor can be opened, else 0. On accept(2)'s EMFILE libuv accepts and closes every
 * waiting connection, so this must be checked before accepting.
 */
export function descriptorLack(): number {
  // Windows: sockets are handles, not descriptors.
  if (process.platform === "win32") return 0;
  try {
    closeSync(openSync(devNull, "r"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EMFILE" || code === "ENFILE") return errnoNamed(code)!;
  }
  return 0;
}
