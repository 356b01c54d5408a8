/** What the functions that take many Deferreds share: their types, and how the members are taken in and let go. */
import { Deferred } from "./deferred.ts";

/** Deferreds, promises or other thenables, in an array or any other iterable. */
export type Members = Iterable<PromiseLike<unknown>>;

/** What each member comes to: of a tuple a tuple, of anything else an array. */
export type Results<M extends Members> = M extends readonly unknown[]
  ? { -readonly [I in keyof M]: Awaited<M[I]> }
  : M extends Iterable<infer P>
    ? Awaited<P>[]
    : never;

/** The members as Deferreds. Links that are added to these concern a member itself only if it is a Deferred. */
export function toDeferreds(members: Members): Deferred<unknown>[] {
  return Array.from(members, (member) => (member instanceof Deferred ? member : Deferred.fromPromise(member)));
}

export function cancelAll(deferreds: readonly Deferred<unknown>[], cause?: unknown): void {
  for (const d of deferreds) d.cancel(cause);
}
