/** A Deferred for the outcomes of many others. */
import { shownMessageOf } from "../../logger/describe.ts";
import { check, checkOptions } from "../arguments/check.ts";
import * as kinds from "../arguments/kinds.ts";
import { SkeinError } from "../error.ts";
import { Failure } from "../failure.ts";
import { Deferred, type Outcome, watch } from "./deferred.ts";
import type { Watcher } from "./link.ts";
import { cancelAll, type Members, type Results, toDeferreds } from "./members.ts";

/** When a DeferredList fires, and what happens to the failures of its members. */
export interface DeferredListOptions {
  /** Fire with the first result and the index of its member, without waiting for the rest. Default false. */
  readonly fireOnOneCallback?: boolean;
  /** Fail with {@link FirstError} as soon as one member fails. Default false. */
  readonly fireOnOneErrback?: boolean;
  /** Turn the failures of members into undefined once the list has seen them. Default false. */
  readonly consumeErrors?: boolean;
}

/** The outcome of one member. */
export type DeferredListItem<T> = [success: true, result: T] | [success: false, failure: Failure];

const CALL = "new DeferredList(members, options)";
const OPTIONS = { fireOnOneCallback: kinds.flag, fireOnOneErrback: kinds.flag, consumeErrors: kinds.flag };

type Flag<O, Name extends keyof DeferredListOptions> = Name extends keyof O ? O[Name] : false;

/** The items for results `R`, where a member's failure is among the items. */
type Items<R extends readonly unknown[]> = { [I in keyof R]: DeferredListItem<R[I]> };
type Successes<R extends readonly unknown[]> = { [I in keyof R]: [success: true, result: R[I]] };
type Failures<R extends readonly unknown[]> = { [I in keyof R]: [success: false, failure: Failure] };

type WhenAllCame<R extends readonly unknown[], O> =
  Flag<O, "fireOnOneErrback"> extends true
    ? Flag<O, "fireOnOneCallback"> extends true
      ? never
      : Successes<R>
    : Flag<O, "fireOnOneCallback"> extends true
      ? Failures<R>
      : Items<R>;

/** What a list of members `M` with the flags `O` fires with. */
export type DeferredListResult<M extends Members, O extends DeferredListOptions> =
  | WhenAllCame<Results<M>, O>
  | (true extends Flag<O, "fireOnOneCallback"> ? [result: Results<M>[number], index: number] : never);

/** One of several Deferreds failed. `cause` is what it failed with. */
export class FirstError extends SkeinError {
  override readonly code: string = "ERR_FIRST";
  /** The Failure of the member. */
  readonly subFailure: Failure;
  /** Its place in the list. */
  readonly index: number;

  constructor(subFailure: Failure, index: number) {
    super(`Number ${index} of the Deferreds failed: ${shownMessageOf(subFailure.value)}`, { cause: subFailure.value });
    this.subFailure = subFailure;
    this.index = index;
  }
}

/** Marks the failure of a member as handled, since the list reports it. */
const ANSWERING: Watcher = {
  succeeded: () => undefined,
  failed: () => undefined,
};

/**
 * Fires when all its members have fired, with one pair per member, in order: whether it succeeded, and its result or
 * Failure. The options change that. An empty list fires at once with [], or never with `fireOnOneCallback`.
 *
 * A member that is a Deferred keeps its result for links that are added later. It keeps its failure too, which is
 * reported as unhandled unless it is handled there or `consumeErrors` is set; the failure that the list itself fails
 * with is reported by the list only, and so are failures of promises and other thenables. Cancelling the list cancels
 * its members.
 */
export class DeferredList<
  const M extends Members,
  const O extends DeferredListOptions = Record<never, never>,
> extends Deferred<DeferredListResult<M, O>> {
  constructor(members: M, options?: O) {
    check(CALL, "members", members, kinds.iterable);
    if (options !== undefined) checkOptions<DeferredListOptions>(CALL, options, OPTIONS);
    const given = Array.from<PromiseLike<unknown>>(members);
    const deferreds = toDeferreds(given);
    super((_, cause) => cancelAll(deferreds, cause));
    const {
      fireOnOneCallback = false,
      fireOnOneErrback = false,
      consumeErrors = false,
    }: DeferredListOptions = options ?? {};
    const items: DeferredListItem<unknown>[] = new Array(deferreds.length);
    let missing = deferreds.length;
    const fire = (result: unknown): void => this.callback(result as Outcome<DeferredListResult<M, O>>);

    const memberFired = (result: unknown, index: number): unknown => {
      const failed = result instanceof Failure;
      items[index] = failed ? [false, result] : [true, result];
      missing--;
      const answers = failed && fireOnOneErrback && !this.called;
      if (answers) this.errback(new FirstError(result, index));
      else if (!this.called && !failed && fireOnOneCallback) fire([result, index]);
      else if (!this.called && missing === 0) fire(items);
      if (!failed) return result;
      if (consumeErrors || deferreds[index] !== given[index]) return undefined;
      // Wrapped anew, since the member's own Failure counts as reported by its watcher.
      return fireOnOneErrback && !answers ? new Failure(result) : result;
    };

    if (missing === 0 && !fireOnOneCallback) fire(items);
    for (const [index, d] of deferreds.entries()) {
      if (fireOnOneErrback) watch(d, ANSWERING);
      d.addBoth(memberFired, index);
    }
  }
}

/**
 * The results of all members, in order, as in Promise.all; fails with {@link FirstError} as soon as one member fails.
 * The remaining members are not cancelled then. Cancelling the result cancels all members.
 * @param consumeErrors see {@link DeferredListOptions.consumeErrors}; without it, failures after the first are reported
 * as unhandled
 */
export function gatherResults<const M extends Members>(members: M, consumeErrors = false): Deferred<Results<M>> {
  check("gatherResults(members, consumeErrors)", "members", members, kinds.iterable);
  check("gatherResults(members, consumeErrors)", "consumeErrors", consumeErrors, kinds.flag);
  const list: Deferred<[success: true, result: unknown][]> = new DeferredList(
    members as Iterable<PromiseLike<unknown>>,
    { fireOnOneErrback: true, consumeErrors },
  );
  return list.addCallback((items) => items.map(([, result]) => result)) as Deferred<unknown[]> as Deferred<Results<M>>;
}
