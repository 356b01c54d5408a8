/** How an AbortSignal ends a wait. */
import type { Deferred } from "./deferred.ts";
import { onAbort } from "./onabort.ts";

/** The options of every method that waits. */
export interface WaitOptions {
  /** Cancels the wait when it aborts; its reason becomes the `cause` of the CancelledError. */
  readonly signal?: AbortSignal;
}

/** Cancel `d` when `signal` aborts (or has aborted already) before this link has a result. Returns `d`. */
export function cancelOnAbort<T>(d: Deferred<T>, signal: AbortSignal | undefined): Deferred<T> {
  if (signal === undefined) return d;
  if (signal.aborted) {
    d.cancel(signal.reason);
    return d;
  }
  const release = onAbort(signal, () => d.cancel(signal.reason));
  return d.addBoth((result) => {
    release();
    return result;
  }) as Deferred<T>;
}
