/** The kinds of arguments of public functions: which values are accepted, and how an error describes them. */
import { isUint8Array } from "node:util/types";
import { has, missingMethod } from "./described.ts";

/** What an argument must be. */
export interface Kind {
  /** The end of a sentence that begins with "must be": "a string". */
  readonly accepts: string;
  /** Whether the value has the right type: it is a TypeError otherwise. */
  readonly typed: (value: unknown) => boolean;
  /** Whether a value of the right type is in range: it is a RangeError otherwise. */
  readonly inRange?: (value: never) => boolean;
  /** The end of the error's sentence that tells how to correct a wrong value, as ": use Number(port)"; "" for none. */
  readonly hint?: (value: unknown, name: string) => string;
}

export const text: Kind = { accepts: "a string", typed: (value) => typeof value === "string" };

export const flag: Kind = { accepts: "true or false", typed: (value) => typeof value === "boolean" };

/** A class passes too: telling it from a function would cost more than the check, and many callers are hot paths. */
export const callable: Kind = { accepts: "a function", typed: (value) => typeof value === "function" };

/** A class, or a function that can be called with `new`. */
export const constructible: Kind = {
  accepts: "a class",
  typed: (value) => typeof value === "function" && isObject(value.prototype),
};

export const byteArray: Kind = { accepts: "a Uint8Array", typed: isUint8Array };

export const bytes: Kind = {
  accepts: "a Uint8Array or a string",
  typed: (value) => typeof value === "string" || isUint8Array(value),
};

export const object: Kind = { accepts: "an object", typed: isObject };

export const error: Kind = { accepts: "an Error", typed: (value) => value instanceof Error };

/** A duration in seconds. Fractions, 0 and Infinity are accepted. */
export const seconds: Kind = {
  accepts: "a number of seconds, 0 or more",
  typed: isNumber,
  inRange: (value: number) => value >= 0,
  hint: numberHint,
};

/** A rate or a limit above 0. Infinity means no limit. */
export const positive: Kind = {
  accepts: "a number above 0",
  typed: isNumber,
  inRange: (value: number) => value > 0,
  hint: numberHint,
};

export const notNegative: Kind = {
  accepts: "a number, 0 or more",
  typed: isNumber,
  inRange: (value: number) => value >= 0,
  hint: numberHint,
};

/** Any number but NaN. */
export const number: Kind = { accepts: "a number", typed: isNumber, inRange: (value: number) => !Number.isNaN(value) };

/** A whole number from `least` to `most`. */
export function integer(least: number, most = Number.MAX_SAFE_INTEGER): Kind {
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
  const inRange = (value: number) => Number.isInteger(value) && value >= least && value <= most;
  return { accepts: `an integer ${range}`, typed: isNumber, inRange, hint: numberHint };
}

/** A limit of a number of things. Infinity means no limit. */
export function count(least: number): Kind {
  const { inRange } = integer(least);
  return {
    accepts: `an integer, ${least} or more, or Infinity`,
    typed: isNumber,
    inRange: (value: number) => value === Number.POSITIVE_INFINITY || inRange!(value as never),
    hint: numberHint,
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
    hint: (value) => (isObject(value) ? `: it has no ${missingMethod(value, methods)}()` : ""),
  };
}

/** An object of this class. */
export function instance(Class: abstract new (...args: never[]) => object): Kind {
  return { accepts: `an instance of ${Class.name}`, typed: (value) => value instanceof Class };
}

export const array: Kind = { accepts: "an array", typed: Array.isArray };

export const texts: Kind = {
  accepts: "an array of strings",
  typed: (value) => Array.isArray(value) && value.every((each) => typeof each === "string"),
};

export const iterable: Kind = {
  accepts: "an iterable, such as an array",
  typed: (value) =>
    value !== null && value !== undefined && typeof (value as Iterable<unknown>)[Symbol.iterator] === "function",
};

/** A Deferred, a promise or any other object with then(). */
export const thenable: Kind = {
  accepts: "a Deferred or a promise",
  typed: (value) => (isObject(value) || typeof value === "function") && has(value, "then"),
};

/** Can schedule calls. */
export const clock: Kind = {
  accepts: "a clock, such as a reactor",
  typed: (value) => has(value, "callLater") && has(value, "seconds"),
};

/** Tells the time. */
export const timeSource: Kind = {
  accepts: "a clock, such as a reactor: an object with seconds()",
  typed: (value) => has(value, "seconds"),
};

export const encoding: Kind = {
  accepts: 'the name of an encoding of Buffer, such as "latin1"',
  typed: (value) => typeof value === "string",
  inRange: (value: string) => Buffer.isEncoding(value),
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

function numberHint(value: unknown, name: string): string {
  return typeof value === "string" && value.trim() !== "" && !Number.isNaN(Number(value))
    ? `: use Number(${name})`
    : "";
}
