/** How an AbortSignal ends a wait. */
import type { Deferred } from "./deferred.ts";
import { onAbort } from "./onabort.ts";

/** What everything that waits can be given. */
export interface WaitOptions {
  /** Cancels the wait when it aborts; its reason becomes the `cause` of the CancelledError. */
  readonly signal?: AbortSignal;
}

/** Cancel `d` when `signal` aborts, or has aborted, before a result comes to this link. Returns `d`. */
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
