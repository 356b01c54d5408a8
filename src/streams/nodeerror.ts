/** Converts Skein's errors to those of node:net, since libraries check their `code`. */
import { errnoNamed } from "../internet/errno.ts";
import { ConnectError, ConnectionLost, DNSLookupError, TimeoutError } from "../internet/error.ts";

/** An error as node:net raises it; `cause` is Skein's own. */
export function nodeError(syscall: string, code: string, reason: unknown, where = ""): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${syscall} ${code}${where === "" ? "" : ` ${where}`}`, {
    cause: reason,
  });
  error.code = code;
  error.syscall = syscall;
  const errno = errnoNamed(code);
  if (errno !== undefined) error.errno = -errno;
  return error;
}

/**
 * Why a connection was lost: a Node error for the network's doing, what was thrown, or undefined when this side has ended
 * it by itself (abortConnection(), the reactor's stop), which is nobody's error.
 */
export function nodeLoss(reason: unknown): Error | undefined {
  if (reason instanceof ConnectionLost) {
    return reason.osError === "" ? undefined : nodeError("read", reason.osError, reason);
  }
  return reason instanceof Error ? reason : nodeError("read", "ECONNABORTED", reason);
}

/** Why a connection could not be made. */
export function nodeRefusal(reason: unknown): Error {
  if (reason instanceof DNSLookupError) return nodeError("getaddrinfo", "ENOTFOUND", reason);
  if (reason instanceof TimeoutError) return nodeError("connect", "ETIMEDOUT", reason);
  if (reason instanceof ConnectError) return nodeError("connect", reason.osError || codeOf(reason), reason);
  return reason instanceof Error ? reason : nodeError("connect", "ECONNABORTED", reason);
}

/** The name of the class tells what the kernel had no part in. */
function codeOf(error: ConnectError): string {
  return /Timeout|TimedOut/.test(error.name) ? "ETIMEDOUT" : "ECONNABORTED";
}
