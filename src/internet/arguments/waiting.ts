/** Checks the options of functions that wait and can be aborted. */
import { checkedOption, ensureOptions, type OptionKinds } from "./check.ts";
import { abortSignal } from "./kinds.ts";

const KINDS: OptionKinds<{ signal?: AbortSignal }> = { signal: abortSignal };

/**
 * The `signal` of the options, checked. Allocates nothing, so that it can be called for every read.
 * @throws TypeError for anything but options with an AbortSignal
 */
export function signalOf(call: string, options: unknown): AbortSignal | undefined {
  if (options === undefined) return undefined;
  ensureOptions(call, options, KINDS);
  let signal: unknown;
  for (const name in options as object) signal = checkedOption(call, options as object, name, KINDS);
  return signal as AbortSignal | undefined;
}
