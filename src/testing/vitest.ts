/**
 * Leak checks for tests that run under vitest.
 *
 *     import { checkLeaks } from "skein/testing/vitest";
 *     checkLeaks();
 */
import { afterEach, beforeEach, expect } from "vitest";
import { checkOptions } from "../internet/arguments/check.ts";
import { flag, type Kind } from "../internet/arguments/kinds.ts";
import { noteReports, pendingFailures, type ReportNotes } from "../internet/defer/unhandled.ts";
import type { ErrorType, Failure } from "../internet/failure.ts";
import { installedReactor } from "../internet/reactor/installation.ts";
import { describe, isInstance } from "../logger/describe.ts";
import type { LogEvent } from "../logger/event.ts";
import { atLeast } from "../logger/level.ts";
import { type CapturedLogs, capturedLogs } from "../logger/log.ts";
import { ensureErrorTypes } from "./errortypes.ts";
import { beginWatching } from "./leaks.ts";

/** Kinds of leaks. Each is checked unless it is false. */
export interface LeakCheckOptions {
  /** Transports of skein/testing that are still connected to a protocol. */
  readonly transports?: boolean;
  /** Pending delayed calls of the clocks of skein/testing and of the installed reactor. */
  readonly timers?: boolean;
  /** Unhandled failures of Deferreds. */
  readonly failures?: boolean;
  /** Errors that were logged, and not removed by flushLoggedErrors(). */
  readonly errors?: boolean;
}

const OPTIONS: Record<keyof LeakCheckOptions, Kind> = { transports: flag, timers: flag, failures: flag, errors: flag };

/** The check of the current test, shared by all checkLeaks() calls of the `describe`s around it. */
interface Check {
  depth: number;
  options: LeakCheckOptions;
  readonly logs: CapturedLogs;
  readonly flushed: Set<LogEvent>;
  readonly before: ReadonlySet<Failure>;
  readonly notes: ReportNotes;
  readonly endWatching: ReturnType<typeof beginWatching>;
}

let current: Check | undefined;

/**
 * Make each test of this file or `describe` fail if it leaks. In a nested `describe`, the options override those of the
 * outer one. Call it before any afterEach() that cleans up: vitest runs the last one first.
 * @throws TypeError for an unknown or wrong option
 */
export function checkLeaks(options: LeakCheckOptions = {}): void {
  const checked = checkOptions<LeakCheckOptions>("checkLeaks(options)", options, OPTIONS);
  beforeEach(() => {
    current ??= {
      depth: 0,
      options: {},
      logs: capturedLogs(),
      flushed: new Set(),
      before: new Set(pendingFailures().map(({ failure }) => failure)),
      notes: noteReports(),
      endWatching: beginWatching(),
    };
    current.depth++;
    current.options = { ...current.options, ...checked };
  });

  afterEach(() => {
    const check = current;
    if (check === undefined || --check.depth > 0) return;
    current = undefined;
    expect(leftBy(check), "what this test left behind").toEqual([]);
  });
}

function leftBy(check: Check): string[] {
  const { transports = true, timers = true, failures = true, errors = true } = check.options;
  check.logs.stop();
  check.notes.stop();
  const remains = check.endWatching();
  const left: string[] = [];
  if (transports) left.push(...remains("transports"));
  if (timers) left.push(...remains("timers"), ...callsOfReactor());
  // Failures whose Deferreds were collected meanwhile were reported, and are no longer pending.
  if (failures) {
    for (const { failure, explain } of [...check.notes.reports, ...pendingFailures()])
      if (!check.before.has(failure)) left.push(`${explain()}: ${failure}`);
  }
  if (errors) {
    for (const event of errorsOf(check))
      left.push(`logged and not flushed: ${event.message}: ${describe(event.error)}`);
  }
  return left;
}

/**
 * The errors that were logged and not flushed, without reports of unhandled failures, whose time depends on garbage
 * collection.
 */
function errorsOf({ logs, flushed, notes }: Check): LogEvent[] {
  const isReport = ({ error, message }: LogEvent): boolean =>
    notes.reports.some(({ failure, explain }) => failure.value === error && explain() === message);
  return logs.events.filter((event) => atLeast(event.level, "error") && !flushed.has(event) && !isReport(event));
}

function callsOfReactor(): string[] {
  const calls = installedReactor()?.getDelayedCalls() ?? [];
  return calls.map((call) => `a delayed call of the installed reactor is still pending, at ${call.getTime()}`);
}

/**
 * Remove and return the errors that this test has logged so far, of one of `types` if any are given: they are expected.
 * @throws Error without checkLeaks()
 */
export function flushLoggedErrors(...types: ErrorType[]): unknown[] {
  ensureErrorTypes("flushLoggedErrors(...types)", types);
  if (current === undefined) throw new Error("flushLoggedErrors() needs checkLeaks() in this file or describe().");
  const taken = errorsOf(current).filter(
    ({ error }) => types.length === 0 || types.some((type) => isInstance(error, type)),
  );
  for (const event of taken) current.flushed.add(event);
  return taken.map(({ error }) => error);
}
