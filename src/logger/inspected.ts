/**
 * Shows any value on one line, much as `util.inspect` does, with two differences. Nothing of the value runs: no getter, no
 * method, also not those of its class (`toJSON`, `[util.inspect.custom]`, `Symbol.toStringTag`); only the traps of a Proxy do,
 * and the getters of an error's name, message, stack, cause and errors. And the cost is bounded: as soon as a value has too
 * many parts, or their names are too long, it is shown by its class.
 */
import { isDate, isMap, isProxy, isRegExp, isSet, isStringObject, isTypedArray } from "node:util/types";
import { classNameOf, inherited, isError, own, read, stackOf, summaryOf, UNPRINTABLE } from "./describe.ts";
import { cut, FIELD_MAX, NAME_MAX } from "./printable.ts";

/** The number of properties and elements, 3 levels deep, of a field that is still shown. */
export const INSPECTED_MAX = 1000;

const DEPTH = 3;
/** Elements of an array, a Map or a Set that are shown. */
const ELEMENTS_SHOWN = 20;
/** Bytes of a Buffer that are shown. */
const BYTES_SHOWN = 50;
/** Characters of a string within a value that are shown. */
const STRING_SHOWN = 1000;

/** Bits of a bigint: its digits take a time that grows with their square. */
const BIGINT_MAX = 1n << 4096n;

/** Whether a bigint is too long to be shown. */
export function isLong(value: bigint): boolean {
  return value > BIGINT_MAX || value < -BIGINT_MAX;
}

const CUSTOM = Symbol.for("nodejs.util.inspect.custom");

/** Whether the object, or its class, has a method to say what may be seen of it, which is not called. */
export function hasOwnView(value: object): boolean {
  return inherited(value, "toJSON") !== undefined || inherited(value, CUSTOM) !== undefined;
}

const hrefOf = Object.getOwnPropertyDescriptor(URL.prototype, "href")?.get as (this: unknown) => string;

/** The text of a URL; undefined for anything else. */
export function urlOf(value: object): string | undefined {
  try {
    return hrefOf.call(value);
  } catch {
    return undefined;
  }
}

// The getters of the built-in classes, whatever an object has in their place.
const getterOf = (prototype: object, name: PropertyKey): ((this: unknown) => unknown) =>
  Object.getOwnPropertyDescriptor(prototype, name)?.get as (this: unknown) => unknown;
const TypedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const bufferOf = getterOf(TypedArray, "buffer") as (this: unknown) => ArrayBuffer;
const byteOffsetOf = getterOf(TypedArray, "byteOffset") as (this: unknown) => number;
const byteLengthOf = getterOf(TypedArray, "byteLength") as (this: unknown) => number;
const lengthOf = getterOf(TypedArray, "length") as (this: unknown) => number;
const sourceOf = getterOf(RegExp.prototype, "source") as (this: unknown) => string;
const mapSizeOf = getterOf(Map.prototype, "size") as (this: unknown) => number;
const setSizeOf = getterOf(Set.prototype, "size") as (this: unknown) => number;

/** Each flag of a RegExp has a getter; that of `flags` would read those of the object. */
const FLAGS = [
  ["d", "hasIndices"],
  ["g", "global"],
  ["i", "ignoreCase"],
  ["m", "multiline"],
  ["s", "dotAll"],
  ["u", "unicode"],
  ["v", "unicodeSets"],
  ["y", "sticky"],
] as const;

/** The source and the flags of a RegExp. */
export function partsOfRegExp(value: RegExp): [source: string, flags: string] {
  const flags = FLAGS.filter(([, name]) => getterOf(RegExp.prototype, name)?.call(value) === true);
  return [sourceOf.call(value), flags.map(([flag]) => flag).join("")];
}

/** The bytes of a typed array, in the same memory. */
export function bytesOf(value: object): Buffer {
  return Buffer.from(bufferOf.call(value), byteOffsetOf.call(value), byteLengthOf.call(value));
}

/** Thrown when a value has too much to be shown. */
const TOO_MUCH = Symbol("too much");

/** `value` on one line, of large values only what they are. @throws what a trap of a Proxy throws */
export function inspected(value: unknown): string {
  if (typeof value === "bigint" && isLong(value)) return "[a bigint of more than 4096 bits]";
  try {
    return cut(new Inspection().show(value, 0, []), FIELD_MAX);
  } catch (error) {
    if (error !== TOO_MUCH) throw error;
    return `[${classNameOf(value)} with too many properties to be shown]`;
  }
}

const NAME = /^[a-zA-Z_][a-zA-Z_0-9]*$/;

class Inspection {
  #values = INSPECTED_MAX;
  /** Characters of names, and of the texts of errors, which are not cut. */
  #names = FIELD_MAX;

  show(value: unknown, depth: number, inside: readonly object[]): string {
    switch (typeof value) {
      case "string":
        return quotedString(value);
      case "bigint":
        if (isLong(value)) throw TOO_MUCH;
        return `${value}n`;
      case "symbol":
        return `Symbol(${cut(value.description ?? "", STRING_SHOWN)})`;
      case "number":
        return Object.is(value, -0) ? "-0" : String(value);
      case "function":
        return functionText(value);
      case "object":
        return value === null ? "null" : this.#object(value, depth, inside);
      default:
        return String(value);
    }
  }

  #object(value: object, depth: number, inside: readonly object[]): string {
    if (inside.includes(value)) return "[Circular]";
    const next = (part: unknown): string => this.show(part, depth + 1, [...inside, value]);
    if (isError(value)) return depth > DEPTH ? `[${this.#text(summaryOf(value))}]` : this.#error(value, next);
    if (Array.isArray(value)) return depth > DEPTH ? "[Array]" : this.#array(value, next);
    const name = classNameOf(value);
    // A Proxy is none of these, whatever its target is.
    if (!isProxy(value)) {
      if (isTypedArray(value)) return typedArrayText(value, name);
      if (isDate(value)) return dateText(value);
      if (isRegExp(value)) return regExpText(value);
      if (isStringObject(value)) return this.#stringObject(value);
      const url = urlOf(value);
      if (url !== undefined) return cut(url, STRING_SHOWN);
    }
    if (hasOwnView(value) || depth > DEPTH) return `[${name}]`;
    if (isMap(value)) return this.#map(value, name, next);
    if (isSet(value)) return this.#set(value, name, next);
    const prefix = name === "Object" || name === UNPRINTABLE ? "" : `${name} `;
    const bare = Object.getPrototypeOf(value) === null ? "[Object: null prototype] " : prefix;
    return `${bare}${enclosed("{", this.#properties(value, next), "}")}`;
  }

  #take(values: number): void {
    this.#values -= values;
    if (this.#values < 0) throw TOO_MUCH;
  }

  #text(text: string): string {
    this.#names -= text.length;
    if (this.#names < 0) throw TOO_MUCH;
    return text;
  }

  #error(error: Error, next: (part: unknown) => string): string {
    const message = read(error, "message");
    if (typeof message === "string") this.#text(message);
    const text = this.#text(stackOf(error) ?? `[${summaryOf(error)}]`);
    const parts: string[] = [];
    for (const name of ["cause", "errors"]) {
      const part = read(error, name);
      if (part === undefined) continue;
      this.#take(1);
      parts.push(`[${name}]: ${next(part)}`);
    }
    parts.push(...this.#properties(error, next, ["message", "stack", "cause", "errors"]));
    return parts.length === 0 ? text : `${text} ${enclosed("{", parts, "}")}`;
  }

  #array(value: readonly unknown[], next: (part: unknown) => string): string {
    const shown = Math.min(value.length, ELEMENTS_SHOWN);
    this.#take(shown);
    const parts = Array.from({ length: shown }, (_, i) => this.#part(value, String(i), next) ?? "<empty>");
    return enclosed("[", [...parts, ...more(value.length - shown, "item")], "]");
  }

  #map(value: ReadonlyMap<unknown, unknown>, name: string, next: (part: unknown) => string): string {
    const size = mapSizeOf.call(value);
    const parts: string[] = [];
    for (const [key, part] of Map.prototype.entries.call(value)) {
      if (parts.length === ELEMENTS_SHOWN) break;
      this.#take(2);
      parts.push(`${next(key)} => ${next(part)}`);
    }
    return `${name}(${size}) ${enclosed("{", [...parts, ...more(size - parts.length, "item"), ...this.#properties(value, next)], "}")}`;
  }

  #set(value: ReadonlySet<unknown>, name: string, next: (part: unknown) => string): string {
    const size = setSizeOf.call(value);
    const parts: string[] = [];
    for (const part of Set.prototype.values.call(value)) {
      if (parts.length === ELEMENTS_SHOWN) break;
      this.#take(1);
      parts.push(next(part));
    }
    return `${name}(${size}) ${enclosed("{", [...parts, ...more(size - parts.length, "item"), ...this.#properties(value, next)], "}")}`;
  }

  #stringObject(value: object): string {
    const text = String.prototype.valueOf.call(value);
    this.#take(text.length); // each character is a property
    return `[String: ${quotedString(text)}]`;
  }

  #properties(value: object, next: (part: unknown) => string, without: readonly string[] = []): string[] {
    const names = [
      ...Object.keys(value).filter((name) => !without.includes(name)),
      ...Object.getOwnPropertySymbols(value),
    ];
    this.#take(names.length);
    const parts: string[] = [];
    for (const name of names) {
      this.#text(typeof name === "symbol" ? (name.description ?? "") : name);
      const part = this.#part(value, name, next);
      if (part !== undefined) parts.push(`${nameText(name)}: ${part}`);
    }
    return parts;
  }

  /** Undefined when there is no such property, or it is a symbol's that is not enumerable. */
  #part(value: object, name: PropertyKey, next: (part: unknown) => string): string | undefined {
    const property = Object.getOwnPropertyDescriptor(value, name);
    if (property === undefined || (typeof name === "symbol" && property.enumerable !== true)) return undefined;
    if (Object.hasOwn(property, "value")) return next(property.value);
    if (property.set === undefined) return "[Getter]";
    return property.get === undefined ? "[Setter]" : "[Getter/Setter]";
  }
}

function enclosed(open: string, parts: readonly string[], close: string): string {
  return parts.length === 0 ? open + close : `${open} ${parts.join(", ")} ${close}`;
}

function more(count: number, what: string): string[] {
  return count > 0 ? [`... ${count} more ${what}${count === 1 ? "" : "s"}`] : [];
}

function nameText(name: string | symbol): string {
  if (typeof name === "symbol") return `[Symbol(${name.description ?? ""})]`;
  if (name === "__proto__") return "['__proto__']";
  return NAME.test(name) ? name : quotedString(name, name.length);
}

const QUOTED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };

/** In the quotes that the text does not hold; controls are escaped, since "\n" is no new line of a value. */
function quotedString(text: string, max: number = STRING_SHOWN): string {
  const shown = text.slice(0, max);
  const quote = !shown.includes("'") ? "'" : !shown.includes('"') ? '"' : !shown.includes("`") ? "`" : "'";
  const escaped = shown.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are escaped
    /[\x00-\x1f\x7f-\x9f\\'"`]/g,
    (one) => {
      if (one === "'" || one === '"' || one === "`") return one === quote ? `\\${one}` : one;
      return QUOTED[one] ?? `\\x${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
    },
  );
  const missing = text.length - shown.length;
  return `${quote}${escaped}${quote}${missing > 0 ? `... ${missing} more character${missing === 1 ? "" : "s"}` : ""}`;
}

function functionText(value: unknown): string {
  const name = own(value, "name")?.value;
  return typeof name === "string" && name !== "" ? `[Function: ${cut(name, NAME_MAX)}]` : "[Function (anonymous)]";
}

function dateText(value: Date): string {
  return Number.isNaN(Date.prototype.getTime.call(value)) ? "Invalid Date" : Date.prototype.toISOString.call(value);
}

function regExpText(value: RegExp): string {
  const [source, flags] = partsOfRegExp(value);
  return `/${cut(source, STRING_SHOWN)}/${flags}`;
}

/** Without the properties that it may have apart from its elements. */
function typedArrayText(value: object, name: string): string {
  const length = lengthOf.call(value);
  if (Buffer.isBuffer(value)) {
    const bytes = bytesOf(value).subarray(0, BYTES_SHOWN);
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
    return `<${["Buffer", ...hex, ...more(length - bytes.length, "byte")].join(" ")}>`;
  }
  const shown = Math.min(length, ELEMENTS_SHOWN);
  const elements = Array.from({ length: shown }, (_, i) => {
    const element = (value as ArrayLike<number | bigint>)[i];
    return typeof element === "bigint" ? `${element}n` : Object.is(element, -0) ? "-0" : String(element);
  });
  return `${name}(${length}) ${enclosed("[", [...elements, ...more(length - shown, "item")], "]")}`;
}
