/** Checks the arguments of a reactor's run() and of its system event triggers. */
import { check, checkOptions } from "./check.ts";
import { callable, flag, type Kind, oneOf, text } from "./kinds.ts";

const PHASE = oneOf("before", "during", "after");

/** An identifier that addSystemEventTrigger() returned. */
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

/** Check the arguments of addSystemEventTrigger(). @throws TypeError; RangeError for an unknown phase */
export function ensureTrigger(phase: unknown, event: unknown, f: unknown): void {
  const call = "addSystemEventTrigger(phase, event, f, ...args)";
  check(call, "phase", phase, PHASE);
  check(call, "event", event, text);
  check(call, "f", f, callable);
}
