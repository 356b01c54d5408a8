/** The kinds of argument that public functions take: what a value must be, and how an error says so. */
import { isUint8Array } from "node:util/types";
import { IPv4Address, IPv6Address, literalAddress } from "../address.ts";
import { has, missingMethod } from "./described.ts";

/** What an argument must be. */
export interface Kind {
  /** The end of a sentence that begins with "must be": "a string". */
  readonly accepts: string;
  /** Whether the value has the right type: it is a TypeError otherwise. */
  readonly typed: (value: unknown) => boolean;
  /** Whether a value of the right type is in range: it is a RangeError otherwise. */
  readonly inRange?: (value: never) => boolean;
  /** What the program is to do about a wrong value, as ": use Number(port)"; "" when there is nothing to say. */
  readonly way?: (value: unknown, name: string) => string;
}

export const text: Kind = { accepts: "a string", typed: (value) => typeof value === "string" };

export const flag: Kind = { accepts: "true or false", typed: (value) => typeof value === "boolean" };

/** Not told apart from a class: that would cost more than the check itself, and many calls are hot. */
export const callable: Kind = { accepts: "a function", typed: (value) => typeof value === "function" };

/** What `new` takes. */
export const constructible: Kind = {
  accepts: "a class",
  typed: (value) => typeof value === "function" && isObject(value.prototype),
};

export const bytes: Kind = {
  accepts: "a Uint8Array or a string",
  typed: (value) => typeof value === "string" || isUint8Array(value),
};

export const object: Kind = { accepts: "an object", typed: isObject };

export const error: Kind = { accepts: "an Error", typed: (value) => value instanceof Error };

/** A time in seconds: 0, a fraction and Infinity are times too. */
export const seconds: Kind = {
  accepts: "a number of seconds, 0 or more",
  typed: isNumber,
  inRange: (value: number) => value >= 0,
  way: wayToNumber,
};

/** Any number but NaN. */
export const number: Kind = { accepts: "a number", typed: isNumber, inRange: (value: number) => !Number.isNaN(value) };

/** A whole number from `least` to `most`. */
export function integer(least: number, most = Number.MAX_SAFE_INTEGER): Kind {
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
  const inRange = (value: number) => Number.isInteger(value) && value >= least && value <= most;
  return { accepts: `an integer ${range}`, typed: isNumber, inRange, way: wayToNumber };
}

/** A number of things, where Infinity is one: no limit. */
export function count(least: number): Kind {
  const { inRange } = integer(least);
  return {
    accepts: `an integer, ${least} or more, or Infinity`,
    typed: isNumber,
    inRange: (value: number) => value === Number.POSITIVE_INFINITY || inRange!(value as never),
    way: wayToNumber,
  };
}

export const port: Kind = integer(0, 65_535);

/** One of a few strings. */
export function oneOf(...accepted: readonly string[]): Kind {
  return {
    accepts: `one of ${accepted.map((each) => `"${each}"`).join(", ")}`,
    typed: (value) => typeof value === "string",
    inRange: (value: string) => accepted.includes(value),
  };
}

/** `kind`, or null. */
export function orNull(kind: Kind): Kind {
  const { inRange } = kind;
  return {
    ...kind,
    accepts: `${kind.accepts}, or null`,
    typed: (value) => value === null || kind.typed(value),
    ...(inRange && { inRange: (value: never) => value === null || inRange(value) }),
  };
}

/** An object that has these methods. */
export function withMethods(what: string, ...methods: readonly string[]): Kind {
  return {
    accepts: `${what} with ${methods.map((method) => `${method}()`).join(", ")}`,
    typed: (value) => (isObject(value) || typeof value === "function") && missingMethod(value, methods) === undefined,
    way: (value) => (isObject(value) ? `: it has no ${missingMethod(value, methods)}()` : ""),
  };
}

/** An object of this class. */
export function instance(Class: abstract new (...args: never[]) => object): Kind {
  return { accepts: `an instance of ${Class.name}`, typed: (value) => value instanceof Class };
}

export const address: Kind = {
  accepts: "an IPv4Address or an IPv6Address",
  typed: (value) => value instanceof IPv4Address || value instanceof IPv6Address,
};

/** The local end of a connection: `[host, port]`, whose host is a literal address. */
export const localAddress: Kind = {
  accepts: 'a pair of a literal local address and a port, as in ["127.0.0.1", 0]',
  typed: (value) =>
    Array.isArray(value) && value.length === 2 && typeof value[0] === "string" && typeof value[1] === "number",
  inRange: ([host, number]: [string, number]) =>
    (host === "" || literalAddress(host, 0) !== undefined) && port.inRange!(number as never),
};

export const array: Kind = { accepts: "an array", typed: Array.isArray };

export const iterable: Kind = {
  accepts: "an iterable, as an array is one",
  typed: (value) =>
    value !== null && value !== undefined && typeof (value as Iterable<unknown>)[Symbol.iterator] === "function",
};

/** What has then(): a Deferred, a promise, and what resembles one. */
export const thenable: Kind = {
  accepts: "a Deferred or a promise",
  typed: (value) => (isObject(value) || typeof value === "function") && has(value, "then"),
};

export const clock: Kind = {
  accepts: "a clock, as every reactor is one",
  typed: (value) => has(value, "callLater") && has(value, "seconds"),
};

export const abortSignal: Kind = {
  accepts: "an AbortSignal",
  typed: (value) => isObject(value) && has(value, "addEventListener") && "aborted" in value,
};

function isNumber(value: unknown): boolean {
  return typeof value === "number";
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function wayToNumber(value: unknown, name: string): string {
  return typeof value === "string" && value.trim() !== "" && !Number.isNaN(Number(value))
    ? `: use Number(${name})`
    : "";
}
