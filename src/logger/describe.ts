/**
 * Converts any value that a program throws, logs or passes to text. All such conversions are here, and none throws.
 *
 * A revoked Proxy throws at every access, `instanceof` included; getters, `toString()` and `Symbol.hasInstance` may throw
 * too. So every access to a value of the program goes through {@link read}, and a value without a text is shown as
 * {@link UNPRINTABLE}.
 */
import { types } from "node:util";
import { cut, EVENT_MAX, FIELD_MAX, NAME_MAX, printableLines } from "./printable.ts";

/** The text of a value that cannot be converted. */
export const UNPRINTABLE = "unprintable";

/** A limit, since causes and the errors of an AggregateError may be cyclic. */
const CAUSES_MAX = 16;

/**
 * The stack of an error, its causes, and the errors of an AggregateError; the text of any other value. Characters that a
 * terminal would act upon are escaped, and at most 64 Ki characters are shown, 16 Ki of each error. Never throws.
 */
export function describe(error: unknown): string {
  return cut(printableLines(traceback(error, CAUSES_MAX, [], { left: EVENT_MAX }).replaceAll("\r\n", "\n")), EVENT_MAX);
}

function traceback(error: unknown, depth: number, inside: readonly unknown[], budget: { left: number }): string {
  const taken = (text: string): string => {
    budget.left -= Math.min(text.length, FIELD_MAX);
    return cut(text, FIELD_MAX);
  };
  if (budget.left <= 0) return "[more]";
  if (!isError(error)) return taken(textOf(error));
  if (inside.includes(error)) return taken(`[circular] ${summaryOf(error)}`);
  let text = taken(stackOf(error) ?? summary(error));
  if (depth === 0) return text;
  const within = [...inside, error];
  const cause = read(error, "cause");
  if (cause !== undefined) text += `\ncaused by: ${traceback(cause, depth - 1, within, budget)}`;
  // AggregateError, and errors like it.
  const errors = read(error, "errors");
  if (!isArray(errors)) return text;
  const count = errors.length;
  for (let i = 0; i < Math.min(count, CAUSES_MAX) && budget.left > 0; i++) {
    text += `\ntogether with: ${traceback(read(errors, i), Math.min(depth - 1, 2), within, budget)}`;
  }
  return count > CAUSES_MAX ? `${text}\nand ${count - CAUSES_MAX} more` : text;
}

/** The stack of an error; undefined when it has none, or a message so long that the stack repeats it at some cost. */
export function stackOf(error: Error): string | undefined {
  const message = read(error, "message");
  if (typeof message === "string" && message.length > FIELD_MAX) return undefined;
  const stack = read(error, "stack");
  return typeof stack === "string" ? stack : undefined;
}

/**
 * The class and the message of an error, or the text of anything else, without stacks; escaped and at most 16 Ki
 * characters, as by {@link describe}. Never throws.
 */
export function summaryOf(value: unknown): string {
  return printableLines(cut(summary(value), FIELD_MAX));
}

function summary(value: unknown): string {
  if (!isError(value)) return textOf(value);
  const name = read(value, "name");
  const message = messageOf(value);
  if (typeof name !== "string" || name === "") return message;
  return message === "" ? name : `${name}: ${message}`;
}

/** The message of an error, or the text of anything else. Never throws. */
export function messageOf(value: unknown): string {
  if (!isError(value)) return textOf(value);
  const message = read(value, "message");
  return message === undefined ? UNPRINTABLE : textOf(message);
}

/** {@link messageOf} as it may be part of another text: escaped, and at most 16 Ki characters. */
export function shownMessageOf(value: unknown): string {
  return printableLines(cut(messageOf(value), FIELD_MAX));
}

/** `String(value)`, or a substitute when that throws. Never throws. */
export function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    try {
      return Object.prototype.toString.call(value);
    } catch {
      return UNPRINTABLE;
    }
  }
}

/** Objects above an object that are looked at. */
const PROTOTYPES_MAX = 100;

/** The property `name` of `value` or of what it inherits from: undefined in it for a getter, which is not run. */
export function inherited(value: unknown, name: PropertyKey): { readonly value: unknown } | undefined {
  let at: object | null = Object(value);
  for (let i = 0; at !== null && i < PROTOTYPES_MAX; i++) {
    const property = Object.getOwnPropertyDescriptor(at, name);
    if (property !== undefined) return { value: property.value };
    at = Object.getPrototypeOf(at);
  }
  return undefined;
}

/**
 * The name of the value's class, at most 256 characters; {@link UNPRINTABLE} when there is none, or it cannot be read. Runs no
 * getter. Never throws.
 */
export function classNameOf(value: unknown): string {
  if (value === undefined || value === null) return UNPRINTABLE;
  try {
    const name = inherited(inherited(value, "constructor")?.value, "name")?.value;
    return typeof name === "string" && name !== "" ? cut(name, NAME_MAX) : UNPRINTABLE;
  } catch {
    return UNPRINTABLE;
  }
}

/**
 * The name of an object in log messages: the result of its `logPrefix()`, else the name of its class. A wrapper's
 * logPrefix() begins with the wrapped object's. Never throws.
 */
export function nameOf(object: unknown): string {
  const logPrefix = read(object, "logPrefix");
  try {
    const prefix: unknown = typeof logPrefix === "function" ? logPrefix.call(object) : undefined;
    if (typeof prefix === "string" && prefix !== "") return prefix;
  } catch {
    // Use the name of the class.
  }
  return classNameOf(object);
}

/** Whether `value` is an Error, also one of another realm (vm, jsdom), whose Error is another class. Never throws. */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value) || isInstance(value, Error);
}

/** `value instanceof type`, false where that throws. */
export function isInstance<T>(value: unknown, type: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** The property `name` of `value`; undefined when there is none, or reading it throws. */
export function read(value: unknown, name: PropertyKey): unknown {
  if (value === undefined || value === null) return undefined;
  try {
    return (value as Readonly<Record<PropertyKey, unknown>>)[name];
  } catch {
    return undefined;
  }
}

/** The value of the property `name` that `owner` has itself; undefined for a getter. @throws what a Proxy throws */
export function own(owner: unknown, name: string): { readonly value: unknown } | undefined {
  if (owner === undefined || owner === null) return undefined;
  const property = Object.getOwnPropertyDescriptor(owner, name);
  return property !== undefined && Object.hasOwn(property, "value") ? { value: property.value } : undefined;
}

function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value) && Number.isSafeInteger(value.length);
  } catch {
    return false;
  }
}
