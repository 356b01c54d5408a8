/**
 * What an event may cost: how much of it is shown, whatever it holds. The limits are applied before anything is formatted,
 * so that an event with a text of 100 MB costs no more than what is shown of it.
 */
import { inspect, types } from "node:util";
import { classNameOf, isError, own, read } from "./describe.ts";
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
  const budget: InspectionBudget = { values: INSPECTED_MAX, names: FIELD_MAX };
  if (!fits(value, DEPTH, budget)) return `[${classNameOf(value)} with too many properties to be shown]`;
  const options = {
    breakLength: Number.POSITIVE_INFINITY,
    depth: DEPTH,
    maxArrayLength: ELEMENTS_SHOWN,
    maxStringLength: 1000,
  };
  return cut(inspect(value, options), FIELD_MAX);
}

/** Elements of an array, a Map or a Set that are shown. */
const ELEMENTS_SHOWN = 20;

interface InspectionBudget {
  values: number;
  /** Characters of names, and of the texts of errors, which `util.inspect` does not cut. */
  names: number;
}

/** Whether what `util.inspect` would format of `value`, before anything is cut, is within the budget, from which it takes. */
function fits(value: unknown, depth: number, budget: InspectionBudget): boolean {
  if (typeof value === "bigint") return !isLong(value);
  if (typeof value !== "object" || value === null || depth < 0 || ArrayBuffer.isView(value)) return true;
  const parts = partsOf(value);
  if (parts === undefined) return false;
  for (const text of parts.texts) budget.names -= text.length;
  budget.values -= parts.values.length;
  return budget.values >= 0 && budget.names >= 0 && parts.values.every((part) => fits(part, depth - 1, budget));
}

interface Parts {
  readonly texts: readonly string[];
  readonly values: readonly unknown[];
}

/** What `util.inspect` formats of an object; undefined when that is too much. */
function partsOf(value: object): Parts | undefined {
  if (Array.isArray(value)) {
    const count = Math.min(value.length, ELEMENTS_SHOWN);
    return { texts: [], values: Array.from({ length: count }, (_, i) => own(value, String(i))?.value) };
  }
  // Each character of a String is a property.
  if (types.isStringObject(value) && String.prototype.valueOf.call(value).length > INSPECTED_MAX) return undefined;
  const names = Object.keys(value);
  const symbols = Object.getOwnPropertySymbols(value);
  if (names.length + symbols.length > INSPECTED_MAX) return undefined;
  const values = [...names, ...symbols].map((name) => Object.getOwnPropertyDescriptor(value, name)?.value as unknown);
  if (types.isMap(value)) values.push(...firstOf(Map.prototype.entries.call(value)).flat());
  else if (types.isSet(value)) values.push(...firstOf(Set.prototype.values.call(value)));
  if (!isError(value)) return { texts: names, values };
  // These are shown although they are not enumerable.
  const texts = ["message", "stack"].map((name) => read(value, name)).filter((text) => typeof text === "string");
  return { texts: [...names, ...texts], values: [...values, read(value, "cause"), read(value, "errors")] };
}

function firstOf<T>(values: Iterable<T>): T[] {
  const first: T[] = [];
  for (const value of values) if (first.push(value) === ELEMENTS_SHOWN) break;
  return first;
}
