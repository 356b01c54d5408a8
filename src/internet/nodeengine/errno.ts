/**
 * What the errors of node:net mean: the rows of native/net/errno_table.h that node:net lets through. Errnos are positive,
 * and the numbers that Node has for them on this platform.
 */
import { errnoNamed } from "../errno.ts";

/** What accept(2) says of a connection that died in the backlog. (libuv keeps ECONNABORTED to itself.) */
const PEER_GONE = new Set(
  (
    "ECONNABORTED ECONNRESET EPROTO EPERM ENETDOWN ENOPROTOOPT EHOSTUNREACH ENETUNREACH EOPNOTSUPP ETIMEDOUT " +
    "EHOSTDOWN ENONET"
  ).split(" "),
);
/** What shutdown(2) says once the peer's reset has closed the socket. */
const RESET = new Set(["ENOTCONN", "EINVAL", "ECONNRESET"]);

/** The errno for the `code` of a node:net error; EIO for an unknown code. */
export function errnoOf({ code = "" }: NodeJS.ErrnoException): number {
  return errnoNamed(code) ?? errnoNamed("EIO")!;
}

/** Whether a server's error is of one connection that it did not accept, and the next may be accepted at once. */
export function isPeerGone({ syscall, code = "" }: NodeJS.ErrnoException): boolean {
  return syscall === "accept" && PEER_GONE.has(code);
}

/** The errno with which a connection is lost whose socket has failed with `error`. */
export function lossErrno(error: NodeJS.ErrnoException): number {
  const reset = error.syscall === "shutdown" && RESET.has(error.code ?? "");
  return reset ? errnoNamed("ECONNRESET")! : errnoOf(error);
}
