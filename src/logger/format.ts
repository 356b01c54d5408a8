/** Formats log events. */
import { classNameOf, isError, messageOf, own } from "./describe.ts";
import { inspected } from "./inspected.ts";
import { cut, EVENT_MAX, FIELD_MAX } from "./printable.ts";

/** "{name}", "{name.part}", "{name[part]}"; "{{" and "}}" stand for braces. */
const PLACEHOLDER = /\{\{|\}\}|\{([^{}]*)\}/g;
/** One step of a path: the part before the first "." or "[", a part after ".", or a part in "[]". */
const STEP = /^[^.[\]]+|\.([^.[\]]+)|\[([^[\]]+)\]/gy;

/**
 * `format` with each "{name}" replaced by that field: strings as they are, errors by their message, other values much as by
 * `util.inspect`. "{user.name}" and "{user[name]}" read a property of a field; "{log_source}" is the class of the logger's
 * source, whose properties no format reads. Only properties that an object itself holds are read, so that a format that
 * came from outside reveals no more than the fields. No getter and no method of a value runs, also not those by which a class
 * shows its objects; what may run are the traps of a Proxy, and the getters of an error's name, message, stack, cause and
 * errors. A placeholder without a field stays as it is, and an exception of a field is shown in its place. Never throws.
 */
export function formatTemplate(format: string, fields: Readonly<Record<string, unknown>>, source?: unknown): string {
  let left = EVENT_MAX;
  const text = cut(format, EVENT_MAX).replace(PLACEHOLDER, (placeholder: string, path: string | undefined) => {
    if (placeholder === "{{") return "{";
    if (placeholder === "}}") return "}";
    if (left <= 0) return placeholder;
    const filled = fill(placeholder, path as string, fields, source);
    left -= filled.length;
    return filled;
  });
  return cut(text, EVENT_MAX);
}

function fill(placeholder: string, path: string, fields: Readonly<Record<string, unknown>>, source: unknown): string {
  try {
    const found = look(path, fields, source);
    return found === undefined ? placeholder : textOfField(found.value);
  } catch (error) {
    return `{${path}: ${cut(messageOf(error), FIELD_MAX)}}`;
  }
}

function look(path: string, fields: object, source: unknown): { readonly value: unknown } | undefined {
  const steps = stepsOf(path);
  if (steps === undefined) return undefined;
  const [first, ...rest] = steps;
  let found = own(fields, first);
  if (found === undefined && first === "log_source" && rest.length === 0) found = { value: nameOfSource(source) };
  for (const name of rest) found = found && own(found.value, name);
  return found;
}

/** A source is shown by its class, since nobody chose which of its properties may be logged. */
export function nameOfSource(source: unknown): unknown {
  return typeof source === "object" || typeof source === "function" ? source && classNameOf(source) : source;
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

function textOfField(value: unknown): string {
  if (typeof value === "string") return cut(value, FIELD_MAX);
  return isError(value) ? cut(messageOf(value), FIELD_MAX) : inspected(value);
}
