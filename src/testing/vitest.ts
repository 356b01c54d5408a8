/**
 * For tests that run under vitest: each test is to leave nothing behind.
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
import { describe } from "../logger/describe.ts";
import type { LogEvent } from "../logger/event.ts";
import { atLeast } from "../logger/level.ts";
import { type CapturedLogs, capturedLogs } from "../logger/log.ts";
import { ensureErrorTypes } from "./errortypes.ts";
import { beginWatching } from "./leaks.ts";

/** What a test may leave behind: all of it is checked unless it is switched off. */
export interface LeakCheckOptions {
  /** Transports of skein/testing that a protocol still has. */
  readonly transports?: boolean;
  /** Calls that clocks of skein/testing, and the installed reactor, are still to make. */
  readonly timers?: boolean;
  /** Failures at the end of Deferreds that nobody has handled. */
  readonly failures?: boolean;
  /** Errors that were logged, and not taken by flushLoggedErrors(). */
  readonly errors?: boolean;
}

const OPTIONS: Record<keyof LeakCheckOptions, Kind> = { transports: flag, timers: flag, failures: flag, errors: flag };

/** The check of the test that runs: one, however many `describe`s around it ask for one. */
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
 * From here on, in this file or `describe`, a test fails that leaves something behind. Where one `describe` in another
 * asks as well, its options add to the outer ones, and count where both name the same. Call it before any afterEach()
 * that cleans up: vitest runs the last one first.
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
  // The collector may have found some of them by now, and then they are pending no more.
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
 * The errors that were logged and not flushed, without reports of unhandled failures, whose time depends on the
 * collector.
 */
function errorsOf({ logs, flushed, notes }: Check): LogEvent[] {
  const isReport = ({ error, message }: LogEvent): boolean =>
    notes.reports.some(({ failure, explain }) => failure.value === error && explain() === message);
  return logs.events.filter((event) => atLeast(event.level, "error") && !flushed.has(event) && !isReport(event));
}

function callsOfReactor(): string[] {
  const calls = installedReactor()?.getDelayedCalls() ?? [];
  return calls.map((call) => `a call of the installed reactor is still to come, at ${call.getTime()}`);
}

/**
 * Take the errors that this test has logged so far, of one of `types` where any are given: those are meant.
 * @throws Error without checkLeaks()
 */
export function flushLoggedErrors(...types: ErrorType[]): unknown[] {
  ensureErrorTypes("flushLoggedErrors(...types)", types);
  if (current === undefined) throw new Error("flushLoggedErrors() works in tests that checkLeaks() checks.");
  const taken = errorsOf(current).filter(
    ({ error }) => types.length === 0 || types.some((type) => error instanceof type),
  );
  for (const event of taken) current.flushed.add(event);
  return taken.map(({ error }) => error);
}
