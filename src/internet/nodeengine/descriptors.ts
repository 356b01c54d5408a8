/** Whether this process may open one more descriptor. */
import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { errnoNamed } from "../errno.ts";

/**
 * The errno of EMFILE or ENFILE when it may not, else 0. libuv's answer to accept(2)'s EMFILE is to accept and close
 * whatever waits, so that one has to know before.
 */
export function descriptorLack(): number {
  // A socket is no descriptor there.
  if (process.platform === "win32") return 0;
  try {
    closeSync(openSync(devNull, "r"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EMFILE" || code === "ENFILE") return errnoNamed(code)!;
  }
  return 0;
}
