/**
 * System events in three phases. Each trigger runs once, at the next time that the event is fired.
 *
 *     fire() ──► "before" triggers ──► every Deferred they returned ──► the engine's own part ──► "during" ──► "after"
 *
 * A trigger that fails is logged; the other triggers and the event go on.
 */
import { isInstance } from "../../logger/describe.ts";
import { err } from "../../logger/log.ts";
import { Deferred } from "../defer/deferred.ts";
import { maybeDeferred, succeed } from "../defer/makers.ts";
import { Failure } from "../failure.ts";
import type { TriggerId, TriggerPhase } from "../interfaces.ts";
import { logRejection } from "../rejection.ts";
import { isThenable } from "../thenable.ts";

type Callable = (...args: unknown[]) => unknown;

const PHASES: readonly TriggerPhase[] = ["before", "during", "after"];

/** A function to call when an event is fired. */
class Trigger implements TriggerId {
  readonly phase: TriggerPhase;
  readonly event: string;
  readonly f: Callable;
  readonly args: readonly unknown[];

  constructor(phase: TriggerPhase, event: string, f: Callable, args: readonly unknown[]) {
    this.phase = phase;
    this.event = event;
    this.f = f;
    this.args = args;
  }
}

export class ThreePhaseEvent {
  readonly name: string;
  private readonly triggers = new Map<TriggerPhase, Set<Trigger>>(PHASES.map((phase) => [phase, new Set()]));
  /** Identifies the current fire(): one that was abandoned sees that this has changed, and stops. */
  private round: symbol | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** True from `fire` until the last trigger has run. */
  get firing(): boolean {
    return this.round !== undefined;
  }

  /** @throws RangeError when there is no such phase; TypeError when `f` is not a function */
  add(phase: TriggerPhase, f: Callable, args: readonly unknown[]): TriggerId {
    const triggers = this.triggers.get(phase);
    if (triggers === undefined) {
      throw new RangeError(`There is no phase "${String(phase)}": it is one of ${PHASES.join(", ")}.`);
    }
    if (typeof f !== "function") {
      throw new TypeError(`A trigger of "${this.name}" must be a function, not ${String(f)}.`);
    }
    const trigger = new Trigger(phase, this.name, f, args);
    triggers.add(trigger);
    return trigger;
  }

  /** Remove a trigger; false when it was removed before, or has run. */
  remove(id: TriggerId): boolean {
    return this.triggers.get(id.phase)?.delete(id as Trigger) === true;
  }

  /**
   * Run the triggers, synchronously except where a Deferred is awaited.
   * @param own the reactor's own work in "during", which runs first and is awaited
   * @returns fires after the last trigger, or with the failure of `own`, which leaves the later triggers where they are
   */
  fire(own: () => unknown = () => undefined): Deferred<void> {
    const round = Symbol(this.name);
    const finished = new Deferred<void>();
    this.round = round;
    this.runBefore(round, () => {
      maybeDeferred(own).addBoth((result) => {
        if (this.round !== round) return;
        if (result instanceof Failure) {
          this.round = undefined;
          finished.errback(result);
          return;
        }
        this.runPhase("during", round);
        this.runPhase("after", round);
        if (this.round !== round) return;
        this.round = undefined;
        finished.callback();
      });
    });
    return finished;
  }

  /** Abandon the current fire(); its Deferred never fires. Triggers that have not run wait for the next fire(). */
  abandon(): void {
    this.round = undefined;
  }

  /** Run the "before" triggers, including those added while others are awaited, then continue. */
  private runBefore(round: symbol, goOn: () => void): void {
    let pending = 1;
    const oneLess = (): void => {
      if (--pending > 0 || this.round !== round) return;
      if (this.triggers.get("before")!.size > 0) this.runBefore(round, goOn);
      else goOn();
    };
    for (const result of this.results("before", round)) {
      if (!mayHaveToWait(result)) continue;
      pending++;
      (isInstance(result, Deferred) ? result : succeed(result)).addBoth((outcome) => {
        const failed = outcome instanceof Failure;
        if (failed) err(outcome.value, this.complaint("before"));
        oneLess();
        return failed ? undefined : outcome;
      });
    }
    oneLess();
  }

  private runPhase(phase: TriggerPhase, round: symbol): void {
    for (const result of this.results(phase, round)) logRejection(result, this.complaint(phase));
  }

  /** Run the triggers of a phase one by one and yield their results. */
  private *results(phase: TriggerPhase, round: symbol): IterableIterator<unknown> {
    const triggers = this.triggers.get(phase)!;
    // A Set's iterator also reaches triggers that are added meanwhile.
    for (const trigger of triggers) {
      if (this.round !== round) return;
      triggers.delete(trigger);
      try {
        yield trigger.f(...trigger.args);
      } catch (error) {
        err(error, this.complaint(phase));
      }
    }
  }

  private complaint(phase: TriggerPhase): string {
    return `A "${phase} ${this.name}" trigger failed`;
  }
}

/** Whether a "before" trigger returned a thenable. A `then` getter that throws counts as one that fails. */
function mayHaveToWait(result: unknown): result is PromiseLike<unknown> {
  try {
    return isThenable(result);
  } catch {
    return true;
  }
}
