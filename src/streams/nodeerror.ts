/** Converts Skein's errors to those of node:net, since libraries check their `code`. */
import { errnoNamed } from "../internet/errno.ts";
import { ConnectError, ConnectionLost, DNSLookupError, TimeoutError } from "../internet/error.ts";
import { isError, isInstance, read } from "../logger/describe.ts";

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
  if (isInstance(reason, ConnectionLost)) {
    return reason.osError === "" ? undefined : nodeError("read", reason.osError, reason);
  }
  return emittable(reason) ? reason : nodeError("read", "ECONNABORTED", reason);
}

/** Why a connection could not be made. */
export function nodeRefusal(reason: unknown): Error {
  if (isInstance(reason, DNSLookupError)) return nodeError("getaddrinfo", "ENOTFOUND", reason);
  if (isInstance(reason, TimeoutError)) return nodeError("connect", "ETIMEDOUT", reason);
  if (isInstance(reason, ConnectError)) return nodeError("connect", reason.osError || codeOf(reason), reason);
  return emittable(reason) ? reason : nodeError("connect", "ECONNABORTED", reason);
}

/** Whether it is an Error that a stream can be destroyed with: Node reads its stack. */
function emittable(reason: unknown): reason is Error {
  return isError(reason) && typeof read(reason, "stack") === "string";
}

/** The name of the class tells what the kernel had no part in. */
function codeOf(error: ConnectError): string {
  return /Timeout|TimedOut/.test(error.name) ? "ETIMEDOUT" : "ECONNABORTED";
}
