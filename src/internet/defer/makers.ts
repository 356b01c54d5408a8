/** Functions that return a Deferred for an existing value or for the outcome of a function call. */
import { described } from "../arguments/described.ts";
import { Failure } from "../failure.ts";
import { isThenable } from "../thenable.ts";
import { Deferred, deferredOf, type Outcome } from "./deferred.ts";
import { runGenerator } from "./inlinecallbacks.ts";

/** A Deferred that has fired with `result`. */
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

/** Call `f` now; a new Deferred with its result or the error it threw. */
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

/** Call `f` now; the Deferred that it returned, or else a new one with its result or error. */
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

/**
 * `value` itself when it is a Deferred; otherwise one that waits for a promise, or runs a generator as inlineCallbacks
 * does.
 * @throws TypeError for anything else
 */
export function ensureDeferred<T>(value: PromiseLike<T>): Deferred<T>;
export function ensureDeferred<R>(value: Generator<unknown, R>): Deferred<Exclude<Awaited<R>, Failure>>;
export function ensureDeferred(value: PromiseLike<unknown> | Generator): Deferred<unknown> {
  if (value instanceof Deferred) return value;
  if (isThenable(value)) return deferredOf(value);
  if (isGenerator(value)) return runGenerator(value);
  throw new TypeError(
    `ensureDeferred(value) needs a Deferred, a promise or another thenable, or a generator, not ${described(value)}.`,
  );
}

function isGenerator(value: unknown): value is Generator {
  const { next, throw: raise } = (value ?? {}) as { readonly next?: unknown; readonly throw?: unknown };
  return typeof next === "function" && typeof raise === "function";
}
