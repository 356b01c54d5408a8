/** Turns whatever was thrown into text. */

/** Causes may go in a circle. */
const CAUSES_MAX = 16;

/** The stack of an error and of its causes, or the text of anything else. Never throws. */
export function describe(error: unknown, causes = CAUSES_MAX): string {
  if (error instanceof Error) {
    const own = error.stack ?? String(error);
    return error.cause === undefined || causes === 0 ? own : `${own}\ncaused by: ${describe(error.cause, causes - 1)}`;
  }
  try {
    return String(error);
  } catch {
    return Object.prototype.toString.call(error);
  }
}
