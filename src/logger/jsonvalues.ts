/**
 * Converts values of any type to JSON, and back. A value without a JSON form is an object with a {@link TAG}:
 *
 *     new Map([[1, 2n]])   {"$type": "Map", "value": [[1, {"$type": "bigint", "value": "2"}]]}
 *
 * A value that cannot be restored (a function, a getter, deep nesting, more than 12 KiB of bytes) becomes a text in
 * brackets, and so does everything after the first {@link VALUES_MAX} values, or beyond the characters that the line has
 * room for. Strings are cut at 16 Ki characters. Nothing here throws, and no getter and no method of a value runs. An object
 * with a toJSON() or a `[util.inspect.custom]()` is shown by its class only: these say what may be seen of it.
 */
import { isDate, isMap, isProxy, isRegExp, isSet, isStringObject, isTypedArray, isUint8Array } from "node:util/types";
import { classNameOf, isError, messageOf, own, read, stackOf, summaryOf, textOf } from "./describe.ts";
import { bytesOf, hasOwnView, isLong, partsOfRegExp, urlOf } from "./inspected.ts";
import { type Budget, isSpent, textWithin } from "./jsonbudget.ts";
import { EVENT_MAX, FIELD_MAX } from "./printable.ts";

/** Marks an object that stands for a value of another type. An object that has it itself is tagged "Object". */
const TAG = "$type";

/** A limit, since causes may be cyclic, and fields may be deeply nested. */
const DEPTH_MAX = 8;
/** A limit, since an object that is referred to many times is encoded each time: a graph would grow exponentially. */
const VALUES_MAX = 10_000;
/** The bytes of a field that are encoded: as much base64 as a string may be long. */
const BYTES_MAX = (FIELD_MAX * 3) / 4;

/** What one event may hold. */
export const budgetOfEvent = (characters: number = EVENT_MAX): Budget => ({ values: VALUES_MAX, characters });

interface Tagged {
  readonly [TAG]: string;
  readonly value: unknown;
}

/** The length of `"$type":"Error","name":,"stack":,"message":,"code":,"cause":,"errors":`. */
const ERROR_SIZE = 68;
/** Brackets or a literal, a comma and a colon: what comes with each value. */
const VALUE_SIZE = 6;
/** The length of `{"$type":"","value":}`. */
const TAGGED_SIZE = 21;

function tagged(budget: Budget, type: string, value: unknown): Tagged {
  budget.characters -= TAGGED_SIZE + type.length;
  return { [TAG]: type, value };
}

/** A JSON form of `value`, from which {@link decode} restores it as far as possible. Takes from `budget` what it needs. */
export function encode(value: unknown, budget: Budget = budgetOfEvent()): unknown {
  return encoded(value, 0, [], budget);
}

function encoded(value: unknown, depth: number, inside: readonly object[], budget: Budget): unknown {
  try {
    budget.values--;
    if (isSpent(budget)) return "[more]";
    budget.characters -= VALUE_SIZE;
    switch (typeof value) {
      case "string":
        return textWithin(budget, value);
      case "undefined":
        return tagged(budget, "undefined", null);
      case "bigint":
        return isLong(value)
          ? textWithin(budget, "[a bigint of more than 4096 bits]")
          : tagged(budget, "bigint", textWithin(budget, String(value)));
      case "symbol":
        return tagged(budget, "symbol", value.description === undefined ? null : textWithin(budget, value.description));
      case "number":
        return encodedNumber(value, budget);
      case "function":
        return textWithin(budget, `[function ${textOf(own(value, "name")?.value ?? "")}]`);
      case "object":
        break;
      default:
        return value;
    }
    if (value === null) return null;
    if (inside.includes(value)) return textWithin(budget, "[circular]");
    if (depth === DEPTH_MAX) return textWithin(budget, "[deep]");
    return encodedObject(value, (part) => encoded(part, depth + 1, [...inside, value], budget), budget);
  } catch (error) {
    return textWithin(budget, `[unreadable: ${summaryOf(error)}]`);
  }
}

function encodedNumber(value: number, budget: Budget): unknown {
  const shown = Object.is(value, -0) ? "-0" : String(value);
  budget.characters -= shown.length + 2;
  return Number.isFinite(value) && shown !== "-0" ? value : tagged(budget, "number", shown);
}

type Next = (part: unknown) => unknown;

function encodedObject(value: object, next: Next, budget: Budget): unknown {
  if (isError(value)) return encodedError(value, next, budget);
  if (Array.isArray(value)) return encodedParts(elementsOf(value, next), budget);
  // A Proxy is none of the types below, whatever its target is.
  if (!isProxy(value)) {
    if (isUint8Array(value)) return encodedBytes(value, budget);
    if (isMap(value)) return tagged(budget, "Map", encodedParts(pairsOf(value, next), budget));
    if (isSet(value)) return tagged(budget, "Set", encodedParts(membersOf(value, next), budget));
    if (isDate(value)) return encodedDate(value, budget);
    if (isRegExp(value)) {
      const [source, flags] = partsOfRegExp(value);
      return tagged(budget, "RegExp", [textWithin(budget, source), textWithin(budget, flags)]);
    }
    // Each element or character of these is a property.
    if (isTypedArray(value)) {
      const { length } = bytesOf(value);
      if (length > BYTES_MAX) return textWithin(budget, `[${classNameOf(value)} of ${length} bytes]`);
    }
    if (isStringObject(value)) return next(String.prototype.valueOf.call(value));
    const url = urlOf(value);
    if (url !== undefined) return textWithin(budget, url);
  }
  if (hasOwnView(value)) return textWithin(budget, `[${classNameOf(value)}]`);
  const parts: [string, unknown][] = [];
  for (const name of Object.keys(value)) {
    if (isSpent(budget)) {
      parts.push(["[more]", null]);
      break;
    }
    parts.push([textWithin(budget, name), encodedPart(value, name, next)]);
  }
  const encoding = Object.fromEntries(parts);
  return Object.hasOwn(encoding, TAG) ? tagged(budget, "Object", encoding) : encoding;
}

/** As many of `parts` as the budget has room for, which are encoded one at a time. */
function encodedParts(parts: Iterable<unknown>, budget: Budget): unknown[] {
  const encoding: unknown[] = [];
  for (const part of parts) {
    encoding.push(part);
    if (isSpent(budget)) break;
  }
  return encoding;
}

function* elementsOf(value: readonly unknown[], next: Next): Generator<unknown> {
  for (let i = 0; i < value.length; i++) yield encodedPart(value, String(i), next);
}

// The methods are those of the built-in classes, whatever a derived class has in their place.

function* pairsOf(value: Map<unknown, unknown>, next: Next): Generator<unknown> {
  for (const pair of Map.prototype.entries.call(value) as Iterable<unknown[]>) yield pair.map(next);
}

function* membersOf(value: Set<unknown>, next: Next): Generator<unknown> {
  for (const member of Set.prototype.values.call(value) as Iterable<unknown>) yield next(member);
}

function encodedDate(value: Date, budget: Budget): Tagged {
  const valid = !Number.isNaN(Date.prototype.getTime.call(value));
  return tagged(budget, "Date", valid ? textWithin(budget, Date.prototype.toISOString.call(value)) : null);
}

function encodedBytes(value: Uint8Array, budget: Budget): unknown {
  const type = Buffer.isBuffer(value) ? "Buffer" : "Uint8Array";
  const bytes = bytesOf(value);
  // Base64 has 4 characters for 3 bytes; a part of it would be read as other bytes.
  if (bytes.length > BYTES_MAX || (bytes.length * 4) / 3 + 4 > budget.characters) {
    return textWithin(budget, `[${type} of ${bytes.length} bytes]`);
  }
  return tagged(budget, type, textWithin(budget, bytes.toString("base64")));
}

/** A getter is not run, and what a Proxy throws is shown in place of the property. */
function encodedPart(value: object, name: string, next: Next): unknown {
  try {
    const property = Object.getOwnPropertyDescriptor(value, name);
    if (property !== undefined && !Object.hasOwn(property, "value")) return next("[getter]");
    return next(property?.value);
  } catch (error) {
    return next(`[unreadable: ${summaryOf(error)}]`);
  }
}

function encodedError(error: Error, next: Next, budget: Budget): Record<string, unknown> {
  budget.characters -= ERROR_SIZE;
  const parts: Record<string, unknown> = { [TAG]: "Error" };
  const name = read(error, "name");
  if (typeof name === "string") parts.name = textWithin(budget, name);
  const stack = stackOf(error);
  if (stack !== undefined) parts.stack = textWithin(budget, stack);
  parts.message = textWithin(budget, messageOf(error));
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
