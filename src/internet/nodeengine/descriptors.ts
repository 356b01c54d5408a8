/** Whether this process may open one more descriptor. */
import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";

/**
 * EMFILE or ENFILE (as a name) when it may not, else "". libuv's answer to accept(2)'s EMFILE is to accept and close
 * whatever waits, so that one has to know before.
 */
export function descriptorLack(): string {
  // A socket is no descriptor there.
  if (process.platform === "win32") return "";
  try {
    closeSync(openSync(devNull, "r"));
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "EMFILE" || code === "ENFILE") return code;
  }
  return "";
}
