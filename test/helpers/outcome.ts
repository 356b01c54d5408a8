/** What a Deferred comes to, for tests. */
import type { Deferred } from "../../src/entries/defer.ts";
import { Failure } from "../../src/internet/failure.ts";

/** What `d` came to, at most one entry: a result as it is, of a failure the error. Failures count as handled. */
export function watch(d: Deferred<unknown>): unknown[] {
  const seen: unknown[] = [];
  d.addBoth((result) => {
    seen.push(result instanceof Failure ? result.value : result);
  });
  return seen;
}

/** The error that `d` has failed with by now. */
export function errorOf<E>(d: Deferred<unknown>, type: abstract new (...args: never[]) => E): E {
  let error: unknown = new Error("the Deferred has not failed");
  d.addErrback((failure) => {
    error = failure.value;
  });
  if (error instanceof type) return error;
  throw error;
}

/** What `d` has come to by now; a failure counts as handled. */
export function outcome(d: Deferred<unknown>): { result: unknown } | { error: unknown } | "nothing yet" {
  let came: { result: unknown } | { error: unknown } | undefined;
  d.addBoth((result) => {
    came = result instanceof Failure ? { error: result.value } : { result };
  });
  return came ?? "nothing yet";
}
