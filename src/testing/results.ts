/**
 * Assertions about the current outcome of a Deferred. They throw plain errors, so that any test runner can use them.
 */
import { check } from "../internet/arguments/check.ts";
import { type Kind, withMethods } from "../internet/arguments/kinds.ts";
import type { Deferred } from "../internet/defer/deferred.ts";
import { type ErrorType, Failure } from "../internet/failure.ts";
import { describe } from "../logger/describe.ts";
import { ensureErrorTypes } from "./errortypes.ts";

const DEFERRED: Kind = withMethods("a Deferred", "addBoth", "addErrback");
const NOTHING = Symbol("nothing yet");

function look<T>(d: Deferred<T>): T | Failure | typeof NOTHING {
  let came: T | Failure | typeof NOTHING = NOTHING;
  d.addBoth((result) => {
    came = result;
    return result;
  });
  return came;
}

/** The result of `d`, which has one. @throws Error when it has none yet, or has failed: that is the `cause` */
export function successResultOf<T>(d: Deferred<T>): T {
  check("successResultOf(d)", "d", d, DEFERRED);
  const came = look(d);
  if (came === NOTHING) throw new Error("The Deferred should have a result by now, but has none.");
  if (came instanceof Failure) {
    d.addErrback(() => undefined);
    throw new Error(`The Deferred should have a result, but has failed: ${came.getErrorMessage()}`, {
      cause: came.value,
    });
  }
  return came as T;
}

/**
 * The Failure of `d`, which has failed, with one of `types` where any are given. It counts as handled.
 * @throws Error when it has not failed, or with something else
 */
export function failureResultOf(d: Deferred<unknown>, ...types: ErrorType[]): Failure {
  check("failureResultOf(d, ...types)", "d", d, DEFERRED);
  ensureErrorTypes("failureResultOf(d, ...types)", types);
  const came = look(d);
  if (came === NOTHING) throw new Error("The Deferred should have failed by now, but has no result.");
  if (!(came instanceof Failure))
    throw new Error(`The Deferred should have failed, but has the result ${describe(came)}.`);
  d.addErrback(() => undefined);
  if (types.length > 0 && came.check(...types) === undefined) {
    const expected = types.map((type) => type.name).join(" or ");
    throw new Error(`The Deferred should fail with ${expected}, but has failed with ${came}.`, { cause: came.value });
  }
  return came;
}

/** Check that `d` has no result yet. @throws Error when it has fired and its chain is not suspended */
export function assertNoResult(d: Deferred<unknown>): void {
  check("assertNoResult(d)", "d", d, DEFERRED);
  const came = look(d);
  if (came === NOTHING) return;
  if (came instanceof Failure) {
    d.addErrback(() => undefined);
    throw new Error(`The Deferred should have no result, but has failed: ${came}`, { cause: came.value });
  }
  throw new Error(`The Deferred should have no result, but has the result ${describe(came)}.`);
}
