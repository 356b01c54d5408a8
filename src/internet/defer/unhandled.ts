/**
 * Reports the failures that nobody handled, once their Deferreds were garbage-collected or the process exits.
 *
 *     Deferred ──► DebugInfo ──► Failure        The collector's registry holds the DebugInfo, never the Deferred:
 *                      ▲                        nothing that can be reached from here may lead back to that.
 *     registry ────────┘
 *
 * Most failures are handled in the tick in which they occur, so only those that outlive it are registered.
 */

import { setImmediate } from "node:timers";
import { isError, read } from "../../logger/describe.ts";
import { err } from "../../logger/log.ts";
import { check } from "../arguments/check.ts";
import { flag } from "../arguments/kinds.ts";
import type { Failure } from "../failure.ts";

let debugging = false;

/**
 * Whether Deferreds created from now on record the stacks of their creation and first fire. Costs time; off by default.
 */
export function setDebugging(on: boolean): void {
  check("setDebugging(on)", "on", on, flag);
  debugging = on;
}
/** Whether Deferreds created now record the stacks of their creation and first fire. */
export function getDebugging(): boolean {
  return debugging;
}

/** The information about a Deferred that reports need. It outlives the Deferred. */
export class DebugInfo {
  /** The stacks of the creation and of the first fire, when debugging is on. */
  creator = "";
  invoker = "";
  /** The failure that a promise was rejected with, which the promise reports. */
  told: Failure | undefined = undefined;
  private unhandled: Failure | undefined = undefined;
  private fresh = false;
  private registered = false;

  /** The result of `owner` is now `failure`: report it if `owner` is collected before {@link clear}. */
  keep(owner: object, failure: Failure): void {
    this.unhandled = failure;
    this.told = undefined;
    if (this.fresh) return;
    this.fresh = true;
    watchExit();
    const count = fresh.push({ owner, info: this });
    if (count === 1) setImmediate(sweep);
    else if (count === MAX_FRESH) sweep();
  }

  /** The failure was handled. */
  clear(): void {
    this.unhandled = undefined;
    if (!this.registered) return;
    this.registered = false;
    watched.delete(this);
    registry.unregister(this);
  }

  /** Register `owner` with the FinalizationRegistry if its failure is still unhandled. */
  settle(owner: object): void {
    this.fresh = false;
    if (this.unhandled === undefined) return;
    releaseFrames(this.unhandled.value);
    if (this.registered) return;
    this.registered = true;
    watched.add(this);
    registry.register(owner, this, this);
  }

  /** The failure, while it is unhandled. */
  get pending(): PendingFailure | undefined {
    const failure = this.unhandled;
    return failure && { failure, explain: () => this.explain("Unhandled error in Deferred") };
  }

  report(): void {
    watched.delete(this);
    const { pending } = this;
    if (pending === undefined) return;
    anyReported = true;
    reported?.push(pending);
    err(pending.failure.value, pending.explain());
  }

  /** `message`, followed by the stacks that were recorded. */
  explain(message: string): string {
    const created = this.creator === "" ? "" : `\nIt was created:\n${this.creator}`;
    const fired = this.invoker === "" ? "" : `\nIt was first fired:\n${this.invoker}`;
    return message + created + fired;
  }
}

/** Those that are registered with the FinalizationRegistry. */
const watched = new Set<DebugInfo>();
const registry = new FinalizationRegistry<DebugInfo>((info) => info.report());

/** Those whose failure occurred in this tick. Bounded, since a tick may be long. */
let fresh: { readonly owner: object; readonly info: DebugInfo }[] = [];
const MAX_FRESH = 1024;

/** A failure that is unhandled so far. */
export interface PendingFailure {
  readonly failure: Failure;
  /** A description of its Deferred: with debugging, where it was created and first fired. */
  explain(): string;
}

/** The failures that are unhandled by now. For tests, which do not wait for the garbage collector. */
export function pendingFailures(): PendingFailure[] {
  const found: PendingFailure[] = [];
  for (const info of [...watched, ...fresh.map((entry) => entry.info)]) {
    const { pending } = info;
    if (pending !== undefined) found.push(pending);
  }
  return found;
}

/** Whether any failure is unhandled by now, or was until its Deferred was collected. */
export function hasUnhandledFailures(): boolean {
  return anyReported || pendingFailures().length > 0;
}

let anyReported = false;
let reported: PendingFailure[] | undefined;

/**
 * The failures that are reported while a test runs, each recorded before it is logged. {@link ReportNotes.stop} ends
 * it.
 */
export interface ReportNotes {
  readonly reports: readonly PendingFailure[];
  stop(): void;
}

/** Record the failures that are reported from now on. Only the latest caller gets them. */
export function noteReports(): ReportNotes {
  const reports: PendingFailure[] = [];
  reported = reports;
  const stop = (): void => {
    if (reported === reports) reported = undefined;
  };
  return { reports, stop };
}

let exitWatched = false;

/** Finalizers do not run when a process exits, so unhandled failures are reported at "exit". */
function watchExit(): void {
  if (exitWatched) return;
  exitWatched = true;
  process.on("exit", () => {
    sweep();
    for (const info of watched) info.report();
  });
}

function sweep(): void {
  const batch = fresh;
  fresh = [];
  for (const { owner, info } of batch) info.settle(owner);
}

/**
 * Until an error's stack is read for the first time, V8 keeps the objects of its frames alive: possibly the Deferred,
 * which then would never be collected. Bounded, since causes may form a cycle.
 */
function releaseFrames(value: unknown): void {
  let error = value;
  for (let depth = 0; isError(error) && depth < 16; depth++) {
    read(error, "stack");
    error = read(error, "cause");
  }
}

/** The stack of the caller of `below`, as text. */
export function callerStack(below: CallableFunction | NewableFunction): string {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, below);
  return holder.stack?.replace(/^.*\n/, "") ?? "";
}
