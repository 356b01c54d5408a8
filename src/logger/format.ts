/** Fills the holes of a log's texts. */
import { inspect } from "node:util";
import { isError, messageOf } from "./describe.ts";

/** "{name}", "{name.part}", "{name()}"; "{{" and "}}" stand for braces. */
const HOLE = /\{\{|\}\}|\{([^{}]*)\}/g;

/**
 * `format` with each "{name}" replaced by that field: strings as they are, anything else as `util.inspect` shows it.
 * "{user.name}" reaches into a field, "{size()}" calls it, "{log_source}" is the logger's source. A hole that nothing
 * fills stays as it is, and a field that throws says so: a log never fails.
 */
export function formatTemplate(format: string, fields: Readonly<Record<string, unknown>>, source?: unknown): string {
  return format.replace(HOLE, (hole: string, path: string | undefined) => {
    if (hole === "{{") return "{";
    if (hole === "}}") return "}";
    try {
      const found = look(path as string, fields, source);
      return found === undefined ? hole : text(found.value);
    } catch (error) {
      return `{${path}: ${messageOf(error)}}`;
    }
  });
}

function look(
  path: string,
  fields: Readonly<Record<string, unknown>>,
  source: unknown,
): { readonly value: unknown } | undefined {
  const called = path.endsWith("()");
  const [first, ...rest] = (called ? path.slice(0, -2) : path).split(".") as [string, ...string[]];
  if (!Object.hasOwn(fields, first) && first !== "log_source") return undefined;
  let owner: unknown;
  let value = Object.hasOwn(fields, first) ? fields[first] : source;
  for (const name of rest) {
    owner = value;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return { value: called ? (value as (this: unknown) => unknown).call(owner) : value };
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  if (isError(value)) return messageOf(value);
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY, depth: 3, maxArrayLength: 20, maxStringLength: 1000 });
}
