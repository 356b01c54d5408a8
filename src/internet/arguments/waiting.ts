/** Checks the options of whatever can be waited for. */
import { checkOptions } from "./check.ts";
import { abortSignal } from "./kinds.ts";

/** @throws TypeError */
export function ensureWaitOptions(call: string, options: unknown): void {
  checkOptions<{ signal?: AbortSignal }>(call, options, { signal: abortSignal });
}
