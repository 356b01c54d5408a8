/**
 * A Failure is what travels along a Deferred's error lane: anything that was thrown, wrapped so that it can be told
 * from a result. It captures no stack of its own: the error inside has one.
 *
 * A program may throw a value that throws at every access. Nothing here throws because of that, except the methods that
 * throw the value itself.
 */
import { classNameOf, describe, isInstance, messageOf, read, summaryOf } from "../logger/describe.ts";

/** A getter may make one cause after the other, without end. */
const CAUSES_MAX = 16;

/** A class that things are thrown of, as `check` and `trap` take it. */
export type ErrorType = abstract new (...args: never[]) => object;

/** Something that was thrown, kept. A Failure made of a Failure holds the same value. */
export class Failure {
  /** What was thrown: an Error as a rule, but JavaScript throws anything. */
  readonly value: unknown;

  /** Never throws, as a plain `instanceof` does when a Proxy does not tell its prototype. */
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

  /** The names of the value's class and of those above it, the nearest first. */
  get parents(): string[] {
    const names: string[] = [];
    for (let above = prototypeOf(this.value); above !== undefined; above = prototypeOf(above)) {
      const name = read(read(above, "constructor"), "name");
      names.push(typeof name === "string" ? name : "");
    }
    return names;
  }

  /**
   * The first of `types` that the value is an instance of, else undefined. A primitive counts as its wrapper's. A string
   * stands for an error's `code`, or for the name of its class or of one above it: that finds errors of another copy
   * of a package, too.
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
   * Like {@link check}, but raises the value when none of `types` matches: the errback that calls it lets pass what it
   * does not know.
   */
  trap<const Types extends readonly (ErrorType | string)[]>(...types: Types): Types[number] {
    return this.check(...types) ?? this.raiseException();
  }

  /** The error's message, or the value as text. */
  getErrorMessage(): string {
    return messageOf(this.value);
  }

  /** The error's stack and those of its causes, or the value as text. */
  getTraceback(): string {
    return describe(this.value);
  }

  /** Write the traceback to `file`, standard error unless told otherwise. Fits `addErrback` as a last resort. */
  printTraceback(file: { write(text: string): unknown } = process.stderr): void {
    file.write(`${this.getTraceback()}\n`);
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

  /** Throw the value inside `generator`, where it waits. Returns what that yields or returns next. */
  throwExceptionIntoGenerator<Y, R>(generator: Generator<Y, R>): IteratorResult<Y, R> {
    return generator.throw(this.value);
  }

  /** Throw the value as it was thrown first. */
  raiseException(): never {
    throw this.value;
  }

  toString(): string {
    const name = this.type === undefined ? typeof this.value : classNameOf(this.value);
    return `[Failure ${name}: ${this.getErrorMessage()}]`;
  }
}

/** What `value` inherits from; undefined at the end of the chain, and where a Proxy does not tell. */
function prototypeOf(value: unknown): object | undefined {
  if (value === undefined || value === null) return undefined;
  try {
    return Object.getPrototypeOf(value) ?? undefined;
  } catch {
    return undefined;
  }
}
