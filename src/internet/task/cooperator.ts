/**
 * Cooperative multitasking: iterators take turns, for one time slice per tick of the reactor.
 *
 *     tick: a b c a b c a … until the slice is used up;  next tick: b c a …
 *
 * A step that yields a Deferred or a promise pauses its iterator until that has a result.
 */

import { performance } from "node:perf_hooks";
import { err } from "../../logger/log.ts";
import { check, checkOptions } from "../arguments/check.ts";
import * as kinds from "../arguments/kinds.ts";
import { Deferred, deferredOf } from "../defer/deferred.ts";
import { SkeinError } from "../error.ts";
import { Failure } from "../failure.ts";
import { defaultClock } from "../reactor/defaultclock.ts";
import { isThenable } from "../thenable.ts";
import type { DelayedCall } from "../time.ts";

/** resume() was called more often than pause(). */
export class NotPaused extends SkeinError {
  override readonly code: string = "ERR_NOT_PAUSED";
}
/** The task is over. The subclasses say how it ended. */
export class TaskFinished extends SkeinError {
  override readonly code: string = "ERR_TASK_FINISHED";
}
/** The task's iterator is exhausted. */
export class TaskDone extends TaskFinished {
  override readonly code: string = "ERR_TASK_DONE";
  constructor(message = "The task is done, so it cannot be stopped.") {
    super(message);
  }
}
/** The task was stopped. */
export class TaskStopped extends TaskFinished {
  override readonly code: string = "ERR_TASK_STOPPED";
  constructor(message = "The task was stopped.") {
    super(message);
  }
}
/** The task's iterator threw, or a Deferred that it yielded failed. */
export class TaskFailed extends TaskFinished {
  override readonly code: string = "ERR_TASK_FAILED";
  constructor(message = "The task has failed, so it cannot be stopped.", options?: ErrorOptions) {
    super(message, options);
  }
}
/** The Cooperator was stopped, and its tasks with it. */
export class SchedulerStopped extends TaskFinished {
  override readonly code: string = "ERR_SCHEDULER_STOPPED";
  constructor(message = "The Cooperator was stopped: start() it before it is given work.") {
    super(message);
  }
}

/** One iterator that takes turns with others. Made by {@link Cooperator.cooperate}. */
export class CooperativeTask<I> {
  private readonly given: I;
  private readonly steps: Iterator<unknown>;
  private readonly host: TaskHost;
  private pauses = 0;
  private stepping = false;
  private waiting: Deferred<I>[] = [];
  private ending: TaskFinished | undefined;
  private outcome: I | Failure | undefined;

  /** Use {@link Cooperator.cooperate}. */
  constructor(given: I, steps: Iterator<unknown>, host: TaskHost) {
    this.given = given;
    this.steps = steps;
    this.host = host;
    host.add(this);
  }

  /**
   * Fires with the argument of cooperate() when the iterator is exhausted; fails with the error that it threw or that a
   * Deferred it yielded failed with, or with TaskStopped or SchedulerStopped. Each call returns a new Deferred.
   */
  whenDone(): Deferred<I> {
    const done = new Deferred<I>();
    if (this.ending === undefined) this.waiting.push(done);
    else done.callback(this.outcome as I);
    return done;
  }

  /** Suspend the task until resume() was called as often as this. */
  pause(): void {
    this.pauses++;
    if (this.pauses === 1 && this.ending === undefined) this.host.remove(this);
  }

  /** Undo one pause(). @throws NotPaused without one */
  resume(): void {
    if (this.pauses === 0) throw new NotPaused("This task is not paused: resume() undoes one pause().");
    this.pauses--;
    if (this.pauses === 0 && this.ending === undefined) this.host.add(this);
  }

  /**
   * Take no more steps; a generator's finally blocks run.
   * @throws TaskDone | TaskFailed | TaskStopped | SchedulerStopped when it is over already
   */
  stop(): void {
    if (this.ending !== undefined) throw this.ending;
    this.endBy(new TaskStopped());
  }

  /** For the Cooperator: take one step. */
  step(): void {
    this.stepping = true;
    try {
      const { done, value } = this.steps.next();
      if (done) {
        this.end(new TaskDone(), this.given);
        return;
      }
      if (isThenable(value)) this.waitFor(value instanceof Deferred ? value : deferredOf(value));
      if (this.ending !== undefined) this.close();
    } catch (error) {
      this.end(new TaskFailed(undefined, { cause: error }), new Failure(error));
    } finally {
      this.stepping = false;
    }
  }

  /** For the Cooperator and stop(): end the task before its iterator is exhausted. */
  endBy(error: TaskFinished): void {
    if (this.ending !== undefined) return;
    this.end(error, new Failure(error));
    // A generator refuses return() in the middle of a step.
    if (!this.stepping) this.close();
  }

  private waitFor(awaited: Deferred<unknown>): void {
    this.pause();
    awaited.addCallbacks(
      () => {
        if (this.ending === undefined) this.resume();
      },
      (failure) => this.end(new TaskFailed(undefined, { cause: failure.value }), failure),
    );
  }

  private close(): void {
    try {
      this.steps.return?.();
    } catch (thrown) {
      this.host.report(thrown);
    }
  }

  /** Nothing when it has ended before: a task may be stopped in the middle of its last step, or while it waits. */
  private end(ending: TaskFinished, outcome: I | Failure): void {
    if (this.ending !== undefined) return;
    this.ending = ending;
    this.outcome = outcome;
    if (this.pauses === 0) this.host.remove(this);
    const { waiting } = this;
    this.waiting = [];
    // The program may have cancelled some, or fired them itself: that must not keep the end from the others.
    for (const done of waiting) if (!done.called) done.callback(outcome as I);
  }
}

/** The part of a Cooperator that its tasks use. */
export interface TaskHost {
  add(task: CooperativeTask<unknown>): void;
  remove(task: CooperativeTask<unknown>): void;
  report(error: unknown): void;
}

/** How a Cooperator divides the time. */
export interface CooperatorOptions {
  /** Called for every tick; returns a predicate that says when the tick's time slice is used up. Default: 10 ms. */
  readonly terminationPredicateFactory?: () => () => boolean;
  /** Schedules `tick`. Default: in the next tick of the installed reactor. */
  readonly scheduler?: (tick: () => void) => Pick<DelayedCall, "cancel">;
  /** False: nothing runs before start(). Default true. */
  readonly started?: boolean;
}

const SLICE_MS = 10;

function afterSlice(): () => boolean {
  const end = performance.now() + SLICE_MS;
  return () => performance.now() >= end;
}

function nextTurn(tick: () => void): DelayedCall {
  return defaultClock().callLater(0, tick);
}

const OPTIONS = { terminationPredicateFactory: kinds.callable, scheduler: kinds.callable, started: kinds.flag };

const WORK: kinds.Kind = {
  accepts: "an iterable or an iterator, async or not",
  typed: (value) => {
    if (kinds.iterable.typed(value)) return true;
    const { next, [Symbol.asyncIterator]: iterate } = (value ?? {}) as Partial<
      AsyncIterable<unknown> & Iterator<unknown>
    >;
    return typeof next === "function" || typeof iterate === "function";
  },
};

/** Lets iterators take turns. */
export class Cooperator {
  private readonly terminationPredicateFactory: () => () => boolean;
  private readonly scheduler: (tick: () => void) => Pick<DelayedCall, "cancel">;
  /** The tasks that are not paused, in the order of their turns. */
  private tasks = new Set<CooperativeTask<unknown>>();
  /** The rest of this round. A Set's iterator skips deleted items and reaches added ones, both in O(1). */
  private round = this.tasks.values();
  private started: boolean;
  private stopped = false;
  private scheduled: Pick<DelayedCall, "cancel"> | undefined;
  private readonly host: TaskHost = {
    add: (task) => this.add(task),
    remove: (task) => this.remove(task),
    report: (error) => err(error, "A task threw when it was stopped"),
  };

  constructor(options: CooperatorOptions = {}) {
    checkOptions<CooperatorOptions>("new Cooperator(options)", options, OPTIONS);
    this.terminationPredicateFactory = options.terminationPredicateFactory ?? afterSlice;
    this.scheduler = options.scheduler ?? nextTurn;
    this.started = options.started ?? true;
  }

  /** True between start() and stop(), whether or not there are tasks. */
  get running(): boolean {
    return this.started && !this.stopped;
  }

  /**
   * Let `work`, an iterable or iterator, async or not, take turns with the rest.
   * @throws NoClockError when there is neither a scheduler nor an installed reactor
   */
  cooperate<I extends Work>(work: I): CooperativeTask<I> {
    check("cooperate(work)", "work", work, WORK);
    return new CooperativeTask(work, stepsOf(work), this.host);
  }

  /** Like {@link cooperate}, but returns the Deferred of {@link CooperativeTask.whenDone}. */
  coiterate<I extends Work>(work: I): Deferred<I> {
    return this.cooperate(work).whenDone();
  }

  /** Start, or restart after stop(). */
  start(): void {
    this.stopped = false;
    this.started = true;
    this.schedule();
  }

  /** Stop: every task that is not paused ends with SchedulerStopped, and so does each new task. */
  stop(): void {
    this.stopped = true;
    const { tasks } = this;
    this.tasks = new Set();
    this.round = this.tasks.values();
    this.unschedule();
    for (const task of tasks) task.endBy(new SchedulerStopped());
  }

  private add(task: CooperativeTask<unknown>): void {
    if (this.stopped) {
      task.endBy(new SchedulerStopped());
      return;
    }
    this.tasks.add(task);
    try {
      this.schedule();
    } catch (error) {
      this.tasks.delete(task); // the caller does not get the task, so that nothing could stop it
      throw error;
    }
  }

  private remove(task: CooperativeTask<unknown>): void {
    if (this.tasks.delete(task) && this.tasks.size === 0) this.unschedule();
  }

  /** The task whose turn it is. There must be at least one. */
  private next(): CooperativeTask<unknown> {
    let next = this.round.next();
    if (next.done) {
      this.round = this.tasks.values();
      next = this.round.next();
    }
    return next.value as CooperativeTask<unknown>;
  }

  private schedule(): void {
    if (!this.running || this.scheduled !== undefined || this.tasks.size === 0) return;
    this.scheduled = this.scheduler(this.tick);
  }

  private unschedule(): void {
    this.scheduled?.cancel();
    this.scheduled = undefined;
  }

  private readonly tick = (): void => {
    this.scheduled = undefined;
    try {
      const isOver = this.terminationPredicateFactory();
      while (this.tasks.size > 0) {
        this.next().step();
        if (isOver()) break;
      }
    } finally {
      this.schedule(); // also when the program's predicate throws: the tasks go on
    }
  };
}

/** What a Cooperator can run step by step. */
export type Work = Iterable<unknown> | Iterator<unknown> | AsyncIterable<unknown>;

function stepsOf(work: Work): Iterator<unknown> {
  if (Symbol.asyncIterator in work) return inSteps(work[Symbol.asyncIterator]());
  return Symbol.iterator in work ? work[Symbol.iterator]() : work;
}

function* inSteps(work: AsyncIterator<unknown>): Generator<Promise<void>> {
  let done = false;
  try {
    while (!done) {
      // Promise.resolve(), as for await has it: a foreign thenable may call back twice, or throw.
      yield Promise.resolve(work.next()).then((step) => {
        done = step.done === true;
      });
    }
  } finally {
    if (!done)
      Promise.resolve(work.return?.()).catch((error: unknown) => err(error, "A task threw when it was stopped"));
  }
}

let common: Cooperator | undefined;

/** The shared Cooperator of the process. */
function commonCooperator(): Cooperator {
  common ??= new Cooperator();
  return common;
}

/** {@link Cooperator.cooperate} of the shared Cooperator. */
export function cooperate<I extends Work>(work: I): CooperativeTask<I> {
  check("cooperate(work)", "work", work, WORK);
  return commonCooperator().cooperate(work);
}

/** {@link Cooperator.coiterate} of the shared Cooperator. */
export function coiterate<I extends Work>(work: I): Deferred<I> {
  check("coiterate(work)", "work", work, WORK);
  return commonCooperator().coiterate(work);
}
