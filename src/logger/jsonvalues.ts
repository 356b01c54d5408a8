/**
 * Converts values of any type to JSON, and back. A value without a JSON form is an object with a {@link TAG}:
 *
 *     new Map([[1, 2n]])   {"$type": "Map", "value": [[1, {"$type": "bigint", "value": "2"}]]}
 *
 * A value that cannot be restored (a function, deep nesting, a getter that throws, more than 12 KiB of bytes) becomes a text
 * in brackets, and so does everything after the first {@link VALUES_MAX} values or 64 Ki characters. Strings are cut at
 * 16 Ki characters. Nothing here throws.
 */
import { isDate, isMap, isProxy, isRegExp, isSet, isStringObject, isUint8Array } from "node:util/types";
import { classNameOf, isError, messageOf, read, stackOf, summaryOf } from "./describe.ts";
import { isLong } from "./limits.ts";
import { cut, EVENT_MAX, FIELD_MAX } from "./printable.ts";

/** Marks an object that stands for a value of another type. An object that has it itself is tagged "Object". */
const TAG = "$type";

/** A limit, since causes may be cyclic, and fields may be deeply nested. */
const DEPTH_MAX = 8;
/** A limit, since an object that is referred to many times is encoded each time: a graph would grow exponentially. */
const VALUES_MAX = 10_000;
/** The bytes of a field that are encoded: as much base64 as a string may be long. */
const BYTES_MAX = (FIELD_MAX * 3) / 4;

/** How much more may be encoded of an event. */
export interface Budget {
  values: number;
  characters: number;
}

/** What one event may hold. */
export const budgetOfEvent = (): Budget => ({ values: VALUES_MAX, characters: EVENT_MAX });

interface Tagged {
  readonly [TAG]: string;
  readonly value: unknown;
}

const tagged = (type: string, value: unknown): Tagged => ({ [TAG]: type, value });

/** A JSON form of `value`, from which {@link decode} restores it as far as possible. Takes from `budget` what it needs. */
export function encode(value: unknown, budget: Budget = budgetOfEvent()): unknown {
  return encoded(value, 0, [], budget);
}

const isSpent = ({ values, characters }: Budget): boolean => values <= 0 || characters <= 0;

function encodedText(text: string, budget: Budget): string {
  const shown = cut(text, Math.min(FIELD_MAX, Math.max(0, budget.characters)));
  budget.characters -= shown.length;
  return shown;
}

function encoded(value: unknown, depth: number, inside: readonly object[], budget: Budget): unknown {
  try {
    budget.values--;
    if (isSpent(budget)) return "[more]";
    switch (typeof value) {
      case "string":
        return encodedText(value, budget);
      case "undefined":
        return tagged("undefined", null);
      case "bigint":
        return isLong(value)
          ? "[a bigint of more than 4096 bits]"
          : tagged("bigint", encodedText(String(value), budget));
      case "symbol":
        return tagged("symbol", value.description === undefined ? null : encodedText(value.description, budget));
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0)
          ? value
          : tagged("number", Object.is(value, -0) ? "-0" : String(value));
      case "function":
        return encodedText(`[function ${value.name}]`, budget);
      case "object":
        break;
      default:
        return value;
    }
    if (value === null) return null;
    if (inside.includes(value)) return "[circular]";
    if (depth === DEPTH_MAX) return "[deep]";
    return encodedObject(value, (part) => encoded(part, depth + 1, [...inside, value], budget), budget);
  } catch (error) {
    return encodedText(`[unreadable: ${summaryOf(error)}]`, budget);
  }
}

type Next = (part: unknown) => unknown;

function encodedObject(value: object, next: Next, budget: Budget): unknown {
  if (isError(value)) return encodedError(value, next, budget);
  if (Array.isArray(value)) return encodedParts(value, next, budget);
  // A Proxy is none of the types below, whatever its target is.
  if (!isProxy(value)) {
    if (isUint8Array(value)) return encodedBytes(value, budget);
    if (isMap(value)) {
      return tagged(
        "Map",
        encodedParts(value, (pair) => (pair as unknown[]).map(next), budget),
      );
    }
    if (isSet(value)) return tagged("Set", encodedParts(value, next, budget));
    if (isDate(value)) return tagged("Date", Number.isNaN(value.getTime()) ? null : value.toISOString());
    if (isRegExp(value)) return tagged("RegExp", [encodedText(value.source, budget), value.flags]);
  }
  // Each element or character of these is a property.
  if (ArrayBuffer.isView(value) && value.byteLength > BYTES_MAX) {
    return encodedText(`[${classNameOf(value)} of ${value.byteLength} bytes]`, budget);
  }
  if (isStringObject(value)) return next(String.prototype.valueOf.call(value));
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return next(toJSON.call(value));
  const parts: [string, unknown][] = [];
  for (const name of Object.keys(value)) {
    if (isSpent(budget)) {
      parts.push(["[more]", null]);
      break;
    }
    parts.push([encodedText(name, budget), encodedPart(value, name, next)]);
  }
  const encoding = Object.fromEntries(parts);
  return Object.hasOwn(encoding, TAG) ? tagged("Object", encoding) : encoding;
}

/** The elements, as many as the budget has room for. */
function encodedParts(values: Iterable<unknown>, next: Next, budget: Budget): unknown[] {
  const parts: unknown[] = [];
  for (const value of values) {
    parts.push(isSpent(budget) ? "[more]" : next(value));
    if (isSpent(budget)) break;
  }
  return parts;
}

function encodedBytes(value: Uint8Array, budget: Budget): unknown {
  const type = Buffer.isBuffer(value) ? "Buffer" : "Uint8Array";
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes.length > BYTES_MAX) return `[${type} of ${bytes.length} bytes]`;
  const base64 = bytes.toString("base64");
  budget.characters -= base64.length;
  return tagged(type, base64);
}

/** An exception of a getter is shown in place of its value, and does not affect the other properties. */
function encodedPart(value: object, name: string, next: Next): unknown {
  try {
    return next((value as Readonly<Record<string, unknown>>)[name]);
  } catch (error) {
    return `[unreadable: ${summaryOf(error)}]`;
  }
}

function encodedError(error: Error, next: Next, budget: Budget): Record<string, unknown> {
  const parts: Record<string, unknown> = { [TAG]: "Error" };
  const name = read(error, "name");
  if (typeof name === "string") parts.name = encodedText(name, budget);
  const stack = stackOf(error);
  if (stack !== undefined) parts.stack = encodedText(stack, budget);
  parts.message = encodedText(messageOf(error), budget);
  for (const name of ["code", "cause", "errors"]) {
    const part = read(error, name);
    if (part !== undefined) parts[name] = next(part);
  }
  return parts;
}

/** The value from which {@link encode} made `json`. */
export function decode(json: unknown): unknown {
  if (typeof json !== "object" || json === null) return json;
  if (Array.isArray(json)) return json.map(decode);
  const type = read(json, TAG);
  if (typeof type === "string" && Object.hasOwn(json, TAG)) {
    const found = decodedType(type, json as Tagged);
    if (found !== undefined) return found.value;
  }
  return decodedParts(json);
}

function decodedParts(json: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(json).map(([name, part]) => [name, decode(part)]));
}

/** Undefined for JSON that {@link encode} has not written: that is taken as it is. */
function decodedType(type: string, json: Tagged): { readonly value: unknown } | undefined {
  const { value } = json;
  try {
    switch (type) {
      case "undefined":
        return { value: undefined };
      case "bigint":
        return { value: BigInt(value as string) };
      case "symbol":
        return { value: Symbol((value as string | null) ?? undefined) };
      case "number":
        return { value: Number(value) };
      case "Buffer":
        return { value: Buffer.from(value as string, "base64") };
      case "Uint8Array":
        return { value: new Uint8Array(Buffer.from(value as string, "base64")) };
      case "Map":
        return { value: new Map((value as unknown[][]).map(([key, part]) => [decode(key), decode(part)])) };
      case "Set":
        return { value: new Set((value as unknown[]).map(decode)) };
      case "Date":
        return { value: new Date((value as string | null) ?? Number.NaN) };
      case "RegExp": {
        const [source, flags] = value as [string, string];
        return { value: new RegExp(source, flags) };
      }
      case "Object":
        return { value: decodedParts(value as object) };
      case "Error":
        return { value: decodedError(json) };
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

/** An Error with the name, message and stack of the logged one. Its class is not restored. */
function decodedError(json: object): Error {
  const error = new Error();
  for (const name of ["name", "message", "stack", "code", "cause", "errors"]) {
    if (!Object.hasOwn(json, name)) continue;
    const value = decode(read(json, name));
    Object.defineProperty(error, name, { value, writable: true, configurable: true, enumerable: name === "code" });
  }
  if (!Object.hasOwn(json, "stack")) {
    Object.defineProperty(error, "stack", { value: summaryOf(error), writable: true, configurable: true });
  }
  return error;
}
