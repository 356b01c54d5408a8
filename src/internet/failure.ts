/**
 * A Failure is what travels along a Deferred's error lane: anything that was thrown, wrapped so that it can be told
 * from a result. It captures no stack of its own: the error inside has one.
 */
import { describe, isError } from "../logger/describe.ts";

/** A class that things are thrown of, as `check` and `trap` take it. */
export type ErrorType = abstract new (...args: never[]) => object;

/** Something that was thrown, kept. A Failure made of a Failure holds the same value. */
export class Failure {
  /** What was thrown: an Error as a rule, but JavaScript throws anything. */
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value instanceof Failure ? value.value : value;
  }

  /** The class of the value; undefined when it has none (`null`, `undefined`, an object without prototype). */
  get type(): ErrorType | undefined {
    const value = this.value as { constructor?: unknown } | null | undefined;
    return typeof value?.constructor === "function" ? (value.constructor as ErrorType) : undefined;
  }

  /** The names of the value's class and of those above it, the nearest first. */
  get parents(): string[] {
    const names: string[] = [];
    if (this.value === undefined || this.value === null) return names;
    let prototype: object | null = Object.getPrototypeOf(this.value);
    while (prototype !== null) {
      names.push(prototype.constructor?.name ?? "");
      prototype = Object.getPrototypeOf(prototype);
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
    const instance = Object(value) as { readonly code?: unknown };
    return types.find((type) =>
      typeof type === "string" ? instance.code === type || this.parents.includes(type) : instance instanceof type,
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
    return isError(this.value) ? this.value.message : describe(this.value);
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
    for (
      let value = this.value;
      value !== undefined && !seen.has(value);
      value = (value as { cause?: unknown } | null)?.cause
    ) {
      seen.add(value);
      lines.push(isError(value) ? `${value.name}: ${value.message}` : describe(value));
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
    return `[Failure ${this.type?.name ?? typeof this.value}: ${this.getErrorMessage()}]`;
  }
}
