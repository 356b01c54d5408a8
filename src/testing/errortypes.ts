/** Checks the classes of errors that a test names. */
import { check } from "../internet/arguments/check.ts";
import { constructible } from "../internet/arguments/kinds.ts";

/** @throws TypeError for what is not a class */
export function ensureErrorTypes(call: string, types: readonly unknown[]): void {
  for (const [i, type] of types.entries()) check(call, `types[${i}]`, type, constructible);
}
