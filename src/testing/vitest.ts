/**
 * For tests that run under vitest: each test is to leave nothing behind.
 *
 *     import { checkLeaks } from "skein/testing/vitest";
 *     checkLeaks();
 */
import { afterEach, beforeEach, expect } from "vitest";
import { pendingFailures } from "../internet/defer.ts";
import type { ErrorType } from "../internet/failure.ts";
import { installedReactor } from "../internet/installation.ts";
import { atLeast } from "../logger/level.ts";
import { type CapturedLogs, capturedLogs } from "../logger/log.ts";
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

let captured: CapturedLogs | undefined;
let flushed = new Set<unknown>();

/** From here on, in this file or `describe`, a test fails that leaves something behind. */
export function checkLeaks(options: LeakCheckOptions = {}): void {
  const { transports = true, timers = true, failures = true, errors = true } = options;
  let ended: () => string[] = () => [];
  let before = new Set<unknown>();

  beforeEach(() => {
    flushed = new Set();
    captured = capturedLogs();
    before = new Set(pendingFailures().map(({ failure }) => failure));
    ended = beginWatching();
  });

  afterEach(() => {
    const left = ended().filter((line) => (line.startsWith("a call") ? timers : transports));
    if (timers) left.push(...callsOfReactor());
    if (failures) {
      for (const { failure, explain } of pendingFailures()) {
        if (!before.has(failure)) left.push(`${explain()}: ${failure}`);
      }
    }
    const events = captured?.events.filter((event) => atLeast(event.level, "error") && !flushed.has(event)) ?? [];
    if (errors) left.push(...events.map((event) => `logged and not flushed: ${event.message}: ${String(event.error)}`));
    captured?.stop();
    captured = undefined;
    expect(left, "what this test left behind").toEqual([]);
  });
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
  if (captured === undefined) throw new Error("flushLoggedErrors() works in tests that checkLeaks() checks.");
  const taken: unknown[] = [];
  for (const event of captured.events) {
    const { error } = event;
    if (!atLeast(event.level, "error") || flushed.has(event)) continue;
    if (types.length > 0 && !types.some((type) => error instanceof type)) continue;
    flushed.add(event);
    taken.push(error);
  }
  return taken;
}
