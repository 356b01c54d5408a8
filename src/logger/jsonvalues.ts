/**
 * Converts values of any type to JSON, and back. A value without a JSON form is an object with a {@link TAG}:
 *
 *     new Map([[1, 2n]])   {"$type": "Map", "value": [[1, {"$type": "bigint", "value": "2"}]]}
 *
 * A value that cannot be restored (a function, deep nesting, a getter that throws) becomes a text in brackets, and so does
 * everything after the first {@link VALUES_MAX} values. Nothing here throws.
 */
import { isDate, isMap, isProxy, isRegExp, isSet, isUint8Array } from "node:util/types";
import { isError, messageOf, read, summaryOf } from "./describe.ts";

/** Marks an object that stands for a value of another type. An object that has it itself is tagged "Object". */
const TAG = "$type";

/** A limit, since causes may be cyclic, and fields may be deeply nested. */
const DEPTH_MAX = 8;
/** A limit, since an object that is referred to many times is encoded each time: a graph would grow exponentially. */
const VALUES_MAX = 100_000;

interface Tagged {
  readonly [TAG]: string;
  readonly value: unknown;
}

const tagged = (type: string, value: unknown): Tagged => ({ [TAG]: type, value });

/** A JSON form of `value`, from which {@link decode} restores it as far as possible. */
export function encode(value: unknown): unknown {
  return encoded(value, 0, [], { left: VALUES_MAX });
}

function encoded(value: unknown, depth: number, inside: readonly object[], values: { left: number }): unknown {
  try {
    if (values.left-- <= 0) return "[more]";
    switch (typeof value) {
      case "undefined":
        return tagged("undefined", null);
      case "bigint":
        return tagged("bigint", String(value));
      case "symbol":
        return tagged("symbol", value.description ?? null);
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0)
          ? value
          : tagged("number", Object.is(value, -0) ? "-0" : String(value));
      case "function":
        return `[function ${value.name}]`;
      case "object":
        break;
      default:
        return value;
    }
    if (value === null) return null;
    if (inside.includes(value)) return "[circular]";
    if (depth === DEPTH_MAX) return "[deep]";
    return encodedObject(value, (part) => encoded(part, depth + 1, [...inside, value], values));
  } catch (error) {
    return `[unreadable: ${summaryOf(error)}]`;
  }
}

function encodedObject(value: object, next: (part: unknown) => unknown): unknown {
  if (isError(value)) return encodedError(value, next);
  if (Array.isArray(value)) return Array.from(value, next);
  // A Proxy is none of the types below, whatever its target is.
  if (!isProxy(value)) {
    if (isUint8Array(value)) {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      return tagged(Buffer.isBuffer(value) ? "Buffer" : "Uint8Array", bytes.toString("base64"));
    }
    if (isMap(value))
      return tagged(
        "Map",
        Array.from(value, ([key, part]) => [next(key), next(part)]),
      );
    if (isSet(value)) return tagged("Set", Array.from(value, next));
    if (isDate(value)) return tagged("Date", Number.isNaN(value.getTime()) ? null : value.toISOString());
    if (isRegExp(value)) return tagged("RegExp", [value.source, value.flags]);
  }
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return next(toJSON.call(value));
  const parts = Object.fromEntries(Object.keys(value).map((name) => [name, encodedPart(value, name, next)]));
  return Object.hasOwn(parts, TAG) ? tagged("Object", parts) : parts;
}

/** An exception of a getter is shown in place of its value, and does not affect the other properties. */
function encodedPart(value: object, name: string, next: (part: unknown) => unknown): unknown {
  try {
    return next((value as Readonly<Record<string, unknown>>)[name]);
  } catch (error) {
    return `[unreadable: ${summaryOf(error)}]`;
  }
}

function encodedError(error: Error, next: (part: unknown) => unknown): Record<string, unknown> {
  const parts: Record<string, unknown> = { [TAG]: "Error" };
  for (const name of ["name", "stack"]) {
    const part = read(error, name);
    if (typeof part === "string") parts[name] = part;
  }
  parts.message = messageOf(error);
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
