/**
 * A Failure is the value in a Deferred's error lane: it wraps whatever was thrown, so that an error can be told from a
 * result. It captures no stack of its own; the error inside has one.
 *
 * A program may throw a hostile value, such as a revoked Proxy or an object with throwing getters. No method here
 * throws because of that, except those that rethrow the value.
 */

import { classNameOf, describe, isInstance, messageOf, read, shownMessageOf, summaryOf } from "../logger/describe.ts";
import { say } from "../logger/output.ts";
import { printable } from "../logger/printable.ts";
import { check, checkOptional } from "./arguments/check.ts";
import { withMethods } from "./arguments/kinds.ts";

const STREAM = withMethods("a stream", "write");
const GENERATOR = withMethods("a generator", "throw");

/** Bounds the chain of causes, which a getter could make endless. */
const CAUSES_MAX = 16;

/** A class of errors, as `check` and `trap` take it. */
export type ErrorType = abstract new (...args: never[]) => object;

/** A wrapped error. A Failure made of a Failure holds the same value. */
export class Failure {
  /** What was thrown: usually an Error, but JavaScript can throw any value. */
  readonly value: unknown;

  /** Never throws, while a plain `instanceof` does for a revoked Proxy. */
  static [Symbol.hasInstance](value: unknown): boolean {
    try {
      // biome-ignore lint/complexity/noThisInStatic: a subclass inherits this.
      return Function.prototype[Symbol.hasInstance].call(this, value);
    } catch {
      return false;
    }
  }

  constructor(value: unknown) {
    this.value = value instanceof Failure ? value.value : value;
  }

  /** The class of the value; undefined when it has none (`null`, `undefined`, an object without prototype). */
  get type(): ErrorType | undefined {
    const type = read(this.value, "constructor");
    return typeof type === "function" ? (type as ErrorType) : undefined;
  }

  /** The names of the value's class and its superclasses, the nearest first. */
  get parents(): string[] {
    const names: string[] = [];
    for (let above = prototypeOf(this.value); above !== undefined; above = prototypeOf(above)) {
      const name = read(read(above, "constructor"), "name");
      names.push(typeof name === "string" ? name : "");
    }
    return names;
  }

  /**
   * The first of `types` that the value is an instance of, else undefined. A primitive counts as its wrapper object. A
   * string matches an error's `code`, or the name of its class or a superclass, which also finds errors of another copy
   * of a package.
   */
  check<const Types extends readonly (ErrorType | string)[]>(...types: Types): Types[number] | undefined {
    const { value } = this;
    if (value === undefined || value === null) return undefined;
    const instance: unknown = Object(value);
    return types.find((type) =>
      typeof type === "string"
        ? read(instance, "code") === type || this.parents.includes(type)
        : isInstance(instance, type),
    );
  }

  /**
   * Like {@link check}, but rethrows the value when none of `types` matches, so that an errback passes on errors that
   * it does not handle.
   */
  trap<const Types extends readonly (ErrorType | string)[]>(...types: Types): Types[number] {
    return this.check(...types) ?? this.raiseException();
  }

  /** The error's message, or the value as text: as it is, so that control characters in it are not escaped. */
  getErrorMessage(): string {
    return messageOf(this.value);
  }

  /** The error's stack and those of its causes, or the value as text. Control characters are escaped. */
  getTraceback(): string {
    return describe(this.value);
  }

  /** Write the traceback to `file`, by default to stderr. Can be used with `addErrback`. @throws TypeError */
  printTraceback(file?: { write(text: string): unknown }): void {
    checkOptional("printTraceback(file)", "file", file, STREAM);
    const text = `${this.getTraceback()}\n`;
    if (file === undefined) say(text, "stderr");
    else file.write(text);
  }

  /** The class and the message of the error and of its causes, without stacks: one line each. */
  getBriefTraceback(): string {
    const lines: string[] = [];
    const seen = new Set<unknown>();
    for (let value = this.value; value !== undefined && !seen.has(value); value = read(value, "cause")) {
      if (seen.size === CAUSES_MAX) break;
      seen.add(value);
      lines.push(summaryOf(value));
    }
    return lines.join("\ncaused by: ");
  }

  /** Throw the value into `generator`. Returns what it yields or returns next. @throws TypeError for anything else */
  throwExceptionIntoGenerator<Y, R>(generator: Generator<Y, R>): IteratorResult<Y, R> {
    check("throwExceptionIntoGenerator(generator)", "generator", generator, GENERATOR);
    return generator.throw(this.value);
  }

  /** Rethrow the value. */
  raiseException(): never {
    throw this.value;
  }

  toString(): string {
    const name = this.type === undefined ? typeof this.value : classNameOf(this.value);
    return `[Failure ${printable(name)}: ${shownMessageOf(this.value)}]`;
  }
}

/** The prototype of `value`; undefined at the end of the chain, and for a revoked Proxy. */
function prototypeOf(value: unknown): object | undefined {
  if (value === undefined || value === null) return undefined;
  try {
    return Object.getPrototypeOf(value) ?? undefined;
  } catch {
    return undefined;
  }
}
