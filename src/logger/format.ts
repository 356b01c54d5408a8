/** Formats log events. */
import { inspect } from "node:util";
import { isError, messageOf } from "./describe.ts";

/** "{name}", "{name.part}", "{name[part]}", "{name()}"; "{{" and "}}" stand for braces. */
const PLACEHOLDER = /\{\{|\}\}|\{([^{}]*)\}/g;
/** One step of a path: the part before the first "." or "[", a part after ".", or a part in "[]". */
const STEP = /^[^.[\]]+|\.([^.[\]]+)|\[([^[\]]+)\]/gy;

/**
 * `format` with each "{name}" replaced by that field: strings as they are, other values as by `util.inspect`.
 * "{user.name}" and "{user[name]}" read a property of a field, "{size()}" calls it, "{log_source}" is the logger's source.
 * A placeholder without a field stays as it is, and an exception of a field is shown in its place. Never throws.
 */
export function formatTemplate(format: string, fields: Readonly<Record<string, unknown>>, source?: unknown): string {
  return format.replace(PLACEHOLDER, (placeholder: string, path: string | undefined) => {
    if (placeholder === "{{") return "{";
    if (placeholder === "}}") return "}";
    try {
      const found = look(path as string, fields, source);
      return found === undefined ? placeholder : text(found.value);
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
  const steps = stepsOf(called ? path.slice(0, -2) : path);
  if (steps === undefined) return undefined;
  const [first, ...rest] = steps;
  if (!Object.hasOwn(fields, first) && first !== "log_source") return undefined;
  let owner: unknown;
  let value = Object.hasOwn(fields, first) ? fields[first] : source;
  for (const name of rest) {
    owner = value;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return { value: called ? (value as (this: unknown) => unknown).call(owner) : value };
}

/** The names in a path; undefined when it is not a valid path. */
function stepsOf(path: string): [string, ...string[]] | undefined {
  const steps: string[] = [];
  let end = 0;
  for (const match of path.matchAll(STEP)) {
    const inner = match[1] ?? match[2];
    if (steps.length === 0 && inner !== undefined) return undefined; // a path begins with the name of a field
    steps.push(inner ?? match[0]);
    end = match.index + match[0].length;
  }
  return steps.length > 0 && end === path.length ? (steps as [string, ...string[]]) : undefined;
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  if (isError(value)) return messageOf(value);
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY, depth: 3, maxArrayLength: 20, maxStringLength: 1000 });
}
