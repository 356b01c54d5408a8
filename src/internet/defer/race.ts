/** The first of several Deferreds that succeeds. */
import { shownMessageOf } from "../../logger/describe.ts";
import { check } from "../arguments/check.ts";
import { iterable } from "../arguments/kinds.ts";
import { SkeinError } from "../error.ts";
import type { Failure } from "../failure.ts";
import { Deferred, type Outcome } from "./deferred.ts";
import { cancelAll, type Members, toDeferreds } from "./members.ts";

/** The index and the result of the winner. For a tuple of members, the index determines the result's type. */
export type RaceResult<M extends Members> = M extends readonly unknown[]
  ? number extends M["length"]
    ? [index: number, result: Awaited<M[number]>]
    : {
        [I in keyof M]: I extends `${infer Index extends number}` ? [index: Index, result: Awaited<M[I]>] : never;
      }[number]
  : M extends Iterable<infer P>
    ? [index: number, result: Awaited<P>]
    : never;

/** All of the Deferreds failed. */
export class FailureGroup extends SkeinError {
  override readonly code: string = "ERR_FAILURE_GROUP";
  /** What each failed with, in the order in which the Deferreds were given. */
  readonly failures: readonly Failure[];

  constructor(failures: readonly Failure[]) {
    const reasons = failures.map((failure, index) => `\n  ${index}: ${shownMessageOf(failure.value)}`);
    super(`None of ${failures.length} Deferreds succeeded.${reasons.join("")}`);
    this.failures = failures;
  }
}

/**
 * The index and the result of the first member that succeeds; the others are cancelled, and their outcomes ignored.
 * Fails with {@link FailureGroup} when all have failed, or there are none. The members' results are consumed: links
 * added to them later get undefined. Cancelling the result cancels all members, and fails with CancelledError unless a
 * member succeeds because of it.
 */
export function race<const M extends Members>(members: M): Deferred<RaceResult<M>> {
  check("race(members)", "members", members, iterable);
  const deferreds = toDeferreds(members);
  const failures: Failure[] = new Array(deferreds.length);
  let missing = deferreds.length;
  let cancelling = false;
  let decided = false;
  const result = new Deferred<RaceResult<M>>((_, cause) => {
    cancelling = true;
    cancelAll(deferreds, cause);
  });

  const succeeded = (value: unknown, index: number): void => {
    if (decided) return;
    decided = true;
    cancelAll(deferreds);
    if (!result.called) result.callback([index, value] as Outcome<RaceResult<M>>);
  };
  const failed = (failure: Failure, index: number): void => {
    failures[index] = failure;
    missing--;
    if (missing === 0 && !decided && !cancelling && !result.called) result.errback(new FailureGroup(failures));
  };

  if (missing === 0) result.errback(new FailureGroup([]));
  for (const [index, d] of deferreds.entries()) d.addCallbacks(succeeded, failed, [index], [index]);
  return result;
}
