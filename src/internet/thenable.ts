/** Detects promises, Deferreds and other thenables. */

/** Whether `value` is a thenable. Throws what a `then` getter throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  return typeof (value as { readonly then?: unknown }).then === "function";
}
