/**
 * Checks what the set-up of logging is given: observers, predicates, levels, files. A log call is not checked: it never
 * throws, whatever it is given.
 */
import { check } from "../internet/arguments/check.ts";
import { callable, type Kind, object, oneOf, withMethods } from "../internet/arguments/kinds.ts";
import { LOG_LEVELS } from "./level.ts";

export const LEVEL: Kind = oneOf(...LOG_LEVELS);

export const SINK: Kind = withMethods("a stream, or another object", "write");

const EVENT: Kind = {
  accepts: "a LogEvent",
  typed: (value) => object.typed(value) && "level" in (value as object) && "format" in (value as object),
};

/** Check each observer of a list. @throws TypeError */
export function ensureObservers(call: string, observers: readonly unknown[]): void {
  for (const [i, observer] of observers.entries()) check(call, `observers[${i}]`, observer, callable);
}

/** Check the event that is to be formatted. @throws TypeError */
export function ensureEvent(call: string, event: unknown): void {
  check(call, "event", event, EVENT);
}
