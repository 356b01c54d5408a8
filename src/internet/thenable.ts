/** Tells promises, Deferreds and their like from everything else. */

/** Whether there is something to wait for. Throws what a `then` throws that is a getter. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  return typeof (value as { readonly then?: unknown }).then === "function";
}
