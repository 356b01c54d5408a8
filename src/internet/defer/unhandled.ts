/**
 * Reports the failures that nobody handled, once their Deferreds have been collected or the process ends.
 *
 *     Deferred ──► DebugInfo ──► Failure        The collector's registry holds the DebugInfo, never the Deferred:
 *                      ▲                        nothing that can be reached from here may lead back to that.
 *     registry ────────┘
 *
 * Most failures are handled in the turn of the loop in which they came up, so only those that outlive it are registered.
 */
import { setImmediate } from "node:timers";
import { isError, read } from "../../logger/describe.ts";
import { err } from "../../logger/log.ts";
import type { Failure } from "../failure.ts";

let debugging = false;

/** Whether Deferreds made from now on keep the stacks of their creation and of their first fire. It costs: off at first. */
export function setDebugging(on: boolean): void {
  debugging = on;
}
/** Whether Deferreds made now keep the stacks of their creation and of their first fire. */
export function getDebugging(): boolean {
  return debugging;
}

/** What is known of a Deferred for reports. It outlives the Deferred. */
export class DebugInfo {
  /** The stacks of the creation and of the first fire, when debugging is on. */
  creator = "";
  invoker = "";
  /** The failure that a promise was given: it is the promise's to report. */
  told: Failure | undefined = undefined;
  private unhandled: Failure | undefined = undefined;
  private fresh = false;
  private registered = false;

  /** The chain of `owner` has come to `failure`: report it if `owner` is collected before {@link clear}. */
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

  /** The chain goes on without a failure, or somebody was told of it. */
  clear(): void {
    this.unhandled = undefined;
    if (!this.registered) return;
    this.registered = false;
    watched.delete(this);
    registry.unregister(this);
  }

  /** Let the garbage collector watch `owner` if its failure is still unhandled. */
  settle(owner: object): void {
    this.fresh = false;
    if (this.unhandled === undefined) return;
    releaseFrames(this.unhandled.value);
    if (this.registered) return;
    this.registered = true;
    watched.add(this);
    registry.register(owner, this, this);
  }

  /** The failure that nobody has handled so far. */
  get pending(): PendingFailure | undefined {
    const failure = this.unhandled;
    return failure && { failure, explain: () => this.explain("Unhandled error in Deferred") };
  }

  report(): void {
    watched.delete(this);
    const { pending } = this;
    if (pending === undefined) return;
    reported?.push(pending);
    err(pending.failure.value, pending.explain());
  }

  /** `message`, followed by the stacks where they were kept. */
  explain(message: string): string {
    const created = this.creator === "" ? "" : `\nIt was created:\n${this.creator}`;
    const fired = this.invoker === "" ? "" : `\nIt was first fired:\n${this.invoker}`;
    return message + created + fired;
  }
}

/** Those that the registry holds. */
const watched = new Set<DebugInfo>();
const registry = new FinalizationRegistry<DebugInfo>((info) => info.report());

/** Those that came to a failure in this turn of the loop. Bounded, for a turn may be long. */
let fresh: { readonly owner: object; readonly info: DebugInfo }[] = [];
const MAX_FRESH = 1024;

/** A failure that nobody has handled so far, though somebody may yet. */
export interface PendingFailure {
  readonly failure: Failure;
  /** What is known of its Deferred: with debugging, where that was made and fired. */
  explain(): string;
}

/** The failures that Deferreds have come to and that nobody has handled by now. For tests, which would rather not wait. */
export function pendingFailures(): PendingFailure[] {
  const found: PendingFailure[] = [];
  for (const info of [...watched, ...fresh.map((entry) => entry.info)]) {
    const { pending } = info;
    if (pending !== undefined) found.push(pending);
  }
  return found;
}

let reported: PendingFailure[] | undefined;

/** The failures that are reported while a test runs, each noted before it is logged. {@link ReportNotes.stop} ends it. */
export interface ReportNotes {
  readonly reports: readonly PendingFailure[];
  stop(): void;
}

/** Note the failures that are reported from now on: only the latest who asks gets them. */
export function noteReports(): ReportNotes {
  const reports: PendingFailure[] = [];
  reported = reports;
  const stop = (): void => {
    if (reported === reports) reported = undefined;
  };
  return { reports, stop };
}

let exitWatched = false;

/** The collector does not run when a process ends. */
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
 * Until an error's stack is read for the first time, V8 keeps alive what its frames belong to: the Deferred perhaps,
 * which would then never be collected. Bounded, for causes may go in circles.
 */
function releaseFrames(value: unknown): void {
  let error = value;
  for (let depth = 0; isError(error) && depth < 16; depth++) {
    read(error, "stack");
    error = read(error, "cause");
  }
}

/** The stack of whoever called `below`, as text. */
export function callerStack(below: CallableFunction | NewableFunction): string {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, below);
  return holder.stack?.replace(/^.*\n/, "") ?? "";
}
