/**
 * What an event may cost: how much of it is shown, whatever it holds. The limits are applied before anything is formatted,
 * so that an event with a text of 100 MB costs no more than what is shown of it.
 */
import { inspect } from "node:util";
import { classNameOf } from "./describe.ts";
import { cut, FIELD_MAX } from "./printable.ts";

/** The number of properties and elements, 3 levels deep, of a field that is still shown by `util.inspect`. */
export const INSPECTED_MAX = 1000;

const DEPTH = 3;

/** Bits of a bigint: its digits take a time that grows with their square. */
const BIGINT_MAX = 1n << 4096n;

/** Whether a bigint is too long to be shown. */
export function isLong(value: bigint): boolean {
  return value > BIGINT_MAX || value < -BIGINT_MAX;
}

/** `value` as by `util.inspect` on one line, of large values only what they are. @throws what a property or Proxy throws */
export function inspected(value: unknown): string {
  if (typeof value === "bigint" && isLong(value)) return "[a bigint of more than 4096 bits]";
  const budget = { values: INSPECTED_MAX, names: FIELD_MAX };
  if (!fits(value, DEPTH, budget)) return `[${classNameOf(value)} with too many properties to be shown]`;
  const options = { breakLength: Number.POSITIVE_INFINITY, depth: DEPTH, maxArrayLength: 20, maxStringLength: 1000 };
  return cut(inspect(value, options), FIELD_MAX);
}

function fits(value: unknown, depth: number, budget: { values: number; names: number }): boolean {
  if (typeof value === "bigint") return !isLong(value);
  if (typeof value !== "object" || value === null || depth < 0 || ArrayBuffer.isView(value)) return true;
  if (Array.isArray(value)) {
    budget.values -= Math.min(value.length, 20);
    return budget.values >= 0 && value.slice(0, 20).every((part) => fits(part, depth - 1, budget));
  }
  const names = Object.keys(value);
  budget.values -= names.length;
  if (budget.values < 0) return false;
  for (const name of names) budget.names -= name.length;
  if (budget.names < 0) return false;
  return names.every((name) => fits(Object.getOwnPropertyDescriptor(value, name)?.value, depth - 1, budget));
}
