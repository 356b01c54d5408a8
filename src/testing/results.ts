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
const NOT_FIRED = Symbol("not fired");

function look<T>(d: Deferred<T>): T | Failure | typeof NOT_FIRED {
  let came: T | Failure | typeof NOT_FIRED = NOT_FIRED;
  d.addBoth((result) => {
    came = result;
    return result;
  });
  return came;
}

/** The result of `d`. @throws Error when `d` has not fired, or has failed: its error is the `cause` */
export function successResultOf<T>(d: Deferred<T>): T {
  check("successResultOf(d)", "d", d, DEFERRED);
  const came = look(d);
  if (came === NOT_FIRED) throw new Error("The Deferred should have a result, but has not fired.");
  if (came instanceof Failure) {
    d.addErrback(() => undefined);
    throw new Error(`The Deferred should have a result, but has failed: ${came.getErrorMessage()}`, {
      cause: came.value,
    });
  }
  return came as T;
}

/**
 * The Failure of `d`, which must be of one of `types` if any are given. It counts as handled.
 * @throws Error when `d` has not failed, or with another type; TypeError for what is not a Deferred or a class
 */
export function failureResultOf(d: Deferred<unknown>, ...types: ErrorType[]): Failure {
  check("failureResultOf(d, ...types)", "d", d, DEFERRED);
  ensureErrorTypes("failureResultOf(d, ...types)", types);
  const came = look(d);
  if (came === NOT_FIRED) throw new Error("The Deferred should have failed, but has not fired.");
  if (!(came instanceof Failure))
    throw new Error(`The Deferred should have failed, but has the result ${describe(came)}.`);
  d.addErrback(() => undefined);
  if (types.length > 0 && came.check(...types) === undefined) {
    const expected = types.map((type) => type.name).join(" or ");
    throw new Error(`The Deferred should fail with ${expected}, but has failed with ${came}.`, { cause: came.value });
  }
  return came;
}

/** Check that `d` has not fired, or that its chain is suspended. @throws Error otherwise */
export function assertNoResult(d: Deferred<unknown>): void {
  check("assertNoResult(d)", "d", d, DEFERRED);
  const came = look(d);
  if (came === NOT_FIRED) return;
  if (came instanceof Failure) {
    d.addErrback(() => undefined);
    throw new Error(`The Deferred should have no result, but has failed: ${came}`, { cause: came.value });
  }
  throw new Error(`The Deferred should have no result, but has the result ${describe(came)}.`);
}
