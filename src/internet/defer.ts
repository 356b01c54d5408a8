/** Deferreds: the class, its errors, and the functions that make one. */
import { Deferred, type Outcome } from "./defer/deferred.ts";
import { Failure } from "./failure.ts";

export {
  AlreadyCalledError,
  CancelledError,
  CircularChainError,
  Deferred,
  getDebugging,
  NoCurrentExceptionError,
  type Outcome,
  setDebugging,
} from "./defer/deferred.ts";

/** A Deferred that has its result already. */
export function succeed(): Deferred<void>;
export function succeed<T>(result: Outcome<T>): Deferred<Exclude<T, Failure>>;
export function succeed<T>(result?: Outcome<T>): Deferred<T> {
  const d = new Deferred<T>();
  d.callback(result as Outcome<T>);
  return d;
}

/** A Deferred that has failed already. @throws NoCurrentExceptionError without a reason */
export function fail(reason: unknown): Deferred<never> {
  const d = new Deferred<never>();
  d.errback(reason);
  return d;
}

/** A new Deferred with what comes of calling `f`, now. */
export function execute<U = never, A extends unknown[] = []>(
  f: (...args: A) => Outcome<U>,
  ...args: A
): Deferred<Exclude<U, Failure>> {
  try {
    return succeed(f(...args));
  } catch (error) {
    return fail(new Failure(error));
  }
}

/** What comes of calling `f`, now, as a Deferred: the one that `f` returned, if it did, else a new one. */
export function maybeDeferred<U = never, A extends unknown[] = []>(
  f: (...args: A) => Outcome<U>,
  ...args: A
): Deferred<Exclude<U, Failure>> {
  try {
    const value = f(...args);
    return value instanceof Deferred ? value : succeed(value);
  } catch (error) {
    return fail(new Failure(error));
  }
}

/** `value` itself when it is a Deferred, else one that follows the promise of, say, an async function. */
export function ensureDeferred<T>(value: PromiseLike<T>): Deferred<T> {
  return value instanceof Deferred ? value : Deferred.fromPromise(value);
}
