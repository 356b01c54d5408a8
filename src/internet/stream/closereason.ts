/** Why the engine closed a connection, as an error of Twisted's. */
import { CloseReason } from "../../native.ts";
import { getSystemErrorMessage, getSystemErrorName } from "../errno.ts";
import { ConnectionAborted, ConnectionDone, ConnectionLost } from "../error.ts";
import { Failure } from "../failure.ts";

/** Shared, because the stack of an Error takes microseconds to capture, and would show nothing but this file. */
const DONE = new ConnectionDone();
const ABORTED_HERE = new ConnectionAborted();
const lostBy = new Map<number, ConnectionLost>();

/** @param how of `CloseReason` */
export function closeReason(errno: number, how: number): Failure {
  if (how === CloseReason.FLUSHED) return new Failure(DONE);
  if (how === CloseReason.ABORTED) return new Failure(ABORTED_HERE);
  let lost = lostBy.get(errno);
  if (lost === undefined) {
    const name = getSystemErrorName(errno);
    lost = new ConnectionLost(
      `The connection to the other side was lost in a non-clean way: ${getSystemErrorMessage(errno)} (${name}).`,
      name,
    );
    lostBy.set(errno, lost);
  }
  return new Failure(lost);
}
