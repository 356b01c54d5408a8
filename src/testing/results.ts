/** What a Deferred has come to by now. They throw where it is something else, so any test runner can use them. */
import type { Deferred } from "../internet/defer/deferred.ts";
import { type ErrorType, Failure } from "../internet/failure.ts";
import { describe } from "../logger/describe.ts";

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
  const came = look(d);
  if (came === NOTHING) throw new Error("The Deferred was to have a result by now, and has none.");
  if (came instanceof Failure) {
    d.addErrback(() => undefined);
    throw new Error(`The Deferred was to have a result, and has failed: ${came.getErrorMessage()}`, {
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
  const came = look(d);
  if (came === NOTHING) throw new Error("The Deferred was to have failed by now, and nothing has come.");
  if (!(came instanceof Failure))
    throw new Error(`The Deferred was to have failed, and has the result ${describe(came)}.`);
  d.addErrback(() => undefined);
  if (types.length > 0 && came.check(...types) === undefined) {
    const expected = types.map((type) => type.name).join(" or ");
    throw new Error(`The Deferred was to fail with ${expected}, and has failed with ${came}.`, { cause: came.value });
  }
  return came;
}

/** Nothing has come of `d` so far. @throws Error when it has fired and is not held up */
export function assertNoResult(d: Deferred<unknown>): void {
  const came = look(d);
  if (came === NOTHING) return;
  if (came instanceof Failure) {
    d.addErrback(() => undefined);
    throw new Error(`Nothing was to have come of the Deferred, and it has failed: ${came}`, { cause: came.value });
  }
  throw new Error(`Nothing was to have come of the Deferred, and it has the result ${describe(came)}.`);
}
