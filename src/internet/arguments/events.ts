/** Checks what a reactor is told about its run and its system events. */
import { check, checkOptions } from "./check.ts";
import { callable, flag, type Kind, oneOf, text } from "./kinds.ts";

const PHASE = oneOf("before", "during", "after");

/** What addSystemEventTrigger() returned. */
export const TRIGGER_ID: Kind = {
  accepts: "what addSystemEventTrigger() returned",
  typed: (value) => {
    const { phase, event } = (value ?? {}) as { phase?: unknown; event?: unknown };
    return typeof phase === "string" && typeof event === "string";
  },
};

/** Check the options of run(). @throws TypeError */
export function ensureRunOptions(options: unknown): void {
  checkOptions<{ installSignalHandlers?: boolean }>("run(options)", options, { installSignalHandlers: flag });
}

/** Check what addSystemEventTrigger() was given. @throws TypeError; RangeError for a phase that there is not */
export function ensureTrigger(phase: unknown, event: unknown, f: unknown): void {
  const call = "addSystemEventTrigger(phase, event, f, ...args)";
  check(call, "phase", phase, PHASE);
  check(call, "event", event, text);
  check(call, "f", f, callable);
}
