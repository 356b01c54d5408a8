/**
 * Callbacks may be async functions. Rejections of the promises that they return are caught here: an unhandled one would
 * end the process.
 *
 * Nothing here throws, whatever the callback returned: a `then` that throws when it is read or called counts as a
 * rejection, and a thenable that settles more than once is handled once.
 */
import { isPromise } from "node:util/types";
import { isInstance } from "../logger/describe.ts";
import { err } from "../logger/log.ts";
import { Deferred } from "./defer/deferred.ts";
import { isThenable } from "./thenable.ts";

const { then } = Promise.prototype;

/** Call `rejected`, once, with what `value` rejects with, if it is a thenable at all. `rejected` must not throw. */
export function onRejection(value: unknown, rejected: (error: unknown) => void): void {
  try {
    if (!isThenable(value)) return;
    if (isPromise(value) && value.then === then) value.then(undefined, rejected);
    else new Promise((resolve) => resolve(value)).then(undefined, rejected);
  } catch (error) {
    rejected(error);
  }
}

/** Log what `value` rejects with, under `message`. Deferreds are skipped: they report unhandled failures themselves. */
export function logRejection(value: unknown, message: string): void {
  if (value === undefined || isInstance(value, Deferred)) return;
  onRejection(value, (error) => err(error, message));
}

/** Call `f`, and log what it throws or rejects with under the message that `message` returns. */
export function callAndLog(f: () => unknown, message: () => string): void {
  try {
    const result = f();
    if (result !== undefined) logRejection(result, message());
  } catch (error) {
    err(error, message());
  }
}
