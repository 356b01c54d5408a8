/** Turns whatever was thrown into text. */
import { types } from "node:util";

/** Causes may go in a circle. */
const CAUSES_MAX = 16;

/** The stack of an error, of its causes, and of the errors it gathers; or the text of anything else. Never throws. */
export function describe(error: unknown, depth = CAUSES_MAX): string {
  if (!isError(error)) return asText(error);
  let text = error.stack ?? asText(error);
  if (depth === 0) return text;
  const { cause, errors } = error as { readonly cause?: unknown; readonly errors?: unknown };
  if (cause !== undefined) text += `\ncaused by: ${describe(cause, depth - 1)}`;
  // AggregateError, and what is made like it.
  if (Array.isArray(errors)) {
    for (const one of errors.slice(0, CAUSES_MAX)) text += `\ntogether with: ${describe(one, Math.min(depth - 1, 2))}`;
    if (errors.length > CAUSES_MAX) text += `\nand ${errors.length - CAUSES_MAX} more`;
  }
  return text;
}

/** Errors of other contexts (vm, jsdom) are none of this one's class. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

function asText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
