/** The functions that make a Deferred of what there is already, or of what a function does. */
import { described } from "../arguments.ts";
import { Failure } from "../failure.ts";
import { isThenable } from "../thenable.ts";
import { Deferred, type Outcome } from "./deferred.ts";
import { runGenerator } from "./inlinecallbacks.ts";

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

/**
 * `value` itself when it is a Deferred, else one that follows what an async function returned, or runs a generator as
 * inlineCallbacks does.
 * @throws TypeError for anything else
 */
export function ensureDeferred<T>(value: PromiseLike<T>): Deferred<T>;
export function ensureDeferred<R>(value: Generator<unknown, R>): Deferred<Exclude<Awaited<R>, Failure>>;
export function ensureDeferred(value: PromiseLike<unknown> | Generator): Deferred<unknown> {
  if (value instanceof Deferred) return value;
  if (isThenable(value)) return Deferred.fromPromise(value);
  if (isGenerator(value)) return runGenerator(value);
  throw new TypeError(
    `ensureDeferred(value) needs a Deferred, a promise or another thenable, or a generator, not ${described(value)}.`,
  );
}

function isGenerator(value: unknown): value is Generator {
  const { next, throw: raise } = (value ?? {}) as { readonly next?: unknown; readonly throw?: unknown };
  return typeof next === "function" && typeof raise === "function";
}
