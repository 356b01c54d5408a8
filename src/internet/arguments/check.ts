/**
 * Checks the arguments of public functions, before these change anything: plain JavaScript can pass what TypeScript would
 * refuse. A message names the call, the argument, what is accepted and what came.
 */
import { described } from "./described.ts";
import type { Kind } from "./kinds.ts";

/**
 * @param call the call as its documentation writes it, `listenTCP(port, factory, options)`
 * @throws TypeError for a value of another type, RangeError for one of the right type that is out of range
 */
export function check(call: string, name: string, value: unknown, kind: Kind): void {
  if (!kind.typed(value)) throw new TypeError(sentence(call, name, value, kind));
  if (kind.inRange?.(value as never) === false) throw new RangeError(sentence(call, name, value, kind));
}

/** The same for an argument that may be left out. */
export function checkOptional(call: string, name: string, value: unknown, kind: Kind): void {
  if (value !== undefined) check(call, name, value, kind);
}

/**
 * Check an object of options and each of its values. An option that is undefined is one that is left out. One that is
 * not known is refused: it may be misspelt, and have been meant to keep strangers out.
 * @returns a copy: what the program does to its own object later has no effect
 */
export function checkOptions<O extends object>(
  call: string,
  options: unknown,
  kinds: Record<keyof O & string, Kind>,
): O {
  const names = Object.keys(kinds).join(", ");
  // Neither an array nor a Map, a Date, …: their options would all be undefined.
  if (typeof options !== "object" || Object.prototype.toString.call(options) !== "[object Object]") {
    throw new TypeError(`${call} takes its options as an object (${names}), not ${described(options)}.`);
  }
  const copy: Record<string, unknown> = {};
  for (const name in options) {
    if (!Object.hasOwn(kinds, name)) throw new TypeError(`${call} has no option "${name}". It has: ${names}.`);
    const value: unknown = (options as Record<string, unknown>)[name];
    if (value === undefined) continue;
    check(call, `options.${name}`, value, kinds[name as keyof O & string]);
    copy[name] = value;
  }
  return copy as O;
}

function sentence(call: string, name: string, value: unknown, kind: Kind): string {
  return `${call}: ${name} must be ${kind.accepts}, not ${described(value)}${kind.way?.(value, name) ?? ""}.`;
}
