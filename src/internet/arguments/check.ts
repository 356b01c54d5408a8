/**
 * Checks the arguments of public functions before these change anything: plain JavaScript can pass values that TypeScript
 * would refuse. An error names the call, the argument, what is accepted and what came.
 */
import { described } from "./described.ts";
import type { Kind } from "./kinds.ts";

/** The kind of each option of `O`. */
export type OptionKinds<O extends object> = Readonly<Record<keyof O & string, Kind>>;

/**
 * Check one argument.
 * @param call the call as its documentation writes it, `listenTCP(port, factory, options)`
 * @throws TypeError for a value of another type, RangeError for one of the right type that is out of range
 */
export function check(call: string, name: string, value: unknown, kind: Kind): void {
  if (!kind.typed(value)) throw new TypeError(sentence(call, name, value, kind));
  if (kind.inRange?.(value as never) === false) throw new RangeError(sentence(call, name, value, kind));
}

/** {@link check} for an optional argument: undefined is accepted. */
export function checkOptional(call: string, name: string, value: unknown, kind: Kind): void {
  if (value !== undefined) check(call, name, value, kind);
}

/**
 * Check an object of options and the value of each option. An option whose value is undefined counts as not given.
 * Unknown options are refused: a misspelt one would be ignored without notice, and it may be one that matters for
 * security, such as `interface`.
 * @returns a copy, so that later changes to the caller's object have no effect
 * @throws TypeError | RangeError as {@link check}
 */
export function checkOptions<O extends object>(call: string, options: unknown, kinds: OptionKinds<O>): O {
  const copy: Record<string, unknown> = {};
  ensureOptions(call, options, kinds);
  for (const name in options as Record<string, unknown>) {
    const value = checkedOption(call, options as object, name, kinds);
    if (value !== undefined) copy[name] = value;
  }
  return copy as O;
}

/** Check that `options` is an object of options. An array, a Map or a Date is not: none of its options would be set. */
export function ensureOptions(call: string, options: unknown, kinds: OptionKinds<never>): void {
  if (typeof options === "object" && Object.prototype.toString.call(options) === "[object Object]") return;
  throw new TypeError(`${call} takes its options as an object (${namesOf(kinds)}), not ${described(options)}.`);
}

/** Read an option and check its value. Undefined when it is not given. */
export function checkedOption(call: string, options: object, name: string, kinds: OptionKinds<never>): unknown {
  if (!Object.hasOwn(kinds, name)) {
    throw new TypeError(`${call} has no option "${name}". It has: ${namesOf(kinds)}.`);
  }
  const value: unknown = (options as Record<string, unknown>)[name];
  if (value !== undefined) check(call, `options.${name}`, value, (kinds as Record<string, Kind>)[name]!);
  return value;
}

function namesOf(kinds: object): string {
  return Object.keys(kinds).join(", ");
}

function sentence(call: string, name: string, value: unknown, kind: Kind): string {
  return `${call}: ${name} must be ${kind.accepts}, not ${described(value)}${kind.hint?.(value, name) ?? ""}.`;
}
