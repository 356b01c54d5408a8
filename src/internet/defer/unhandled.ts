/**
 * Reports the failures that nobody handled, once their Deferreds have been collected.
 *
 *     Deferred ──► DebugInfo ──► Failure        The collector's registry holds the DebugInfo, never the Deferred:
 *                      ▲                        nothing that can be reached from here may lead back to that.
 *     registry ────────┘
 *
 * Most failures are handled in the turn of the loop in which they came up, so only those that outlive it are registered.
 */
import { setImmediate } from "node:timers";
import { err } from "../../logger/log.ts";
import type { Failure } from "../failure.ts";

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
    const count = fresh.push({ owner, info: this });
    if (count === 1) setImmediate(sweep);
    else if (count === MAX_FRESH) sweep();
  }

  /** The chain goes on without a failure, or somebody was told of it. */
  clear(): void {
    this.unhandled = undefined;
    if (!this.registered) return;
    this.registered = false;
    registry.unregister(this);
  }

  /** Let the garbage collector watch `owner` if its failure is still unhandled. */
  settle(owner: object): void {
    this.fresh = false;
    if (this.unhandled === undefined) return;
    releaseFrames(this.unhandled.value);
    if (this.registered) return;
    this.registered = true;
    registry.register(owner, this, this);
  }

  report(): void {
    err(this.unhandled?.value, this.explain("Unhandled error in Deferred"));
  }

  /** `message`, followed by the stacks where they were kept. */
  explain(message: string): string {
    const created = this.creator === "" ? "" : `\nIt was created:\n${this.creator}`;
    const fired = this.invoker === "" ? "" : `\nIt was first fired:\n${this.invoker}`;
    return message + created + fired;
  }
}

const registry = new FinalizationRegistry<DebugInfo>((info) => info.report());

/** Those that came to a failure in this turn of the loop. Bounded, for a turn may be long. */
let fresh: { readonly owner: object; readonly info: DebugInfo }[] = [];
const MAX_FRESH = 1024;

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
  for (let depth = 0; error instanceof Error && depth < 16; depth++) {
    void error.stack;
    error = error.cause;
  }
}

/** The stack of whoever called `below`, as text. */
export function callerStack(below: CallableFunction | NewableFunction): string {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, below);
  return holder.stack?.replace(/^.*\n/, "") ?? "";
}
