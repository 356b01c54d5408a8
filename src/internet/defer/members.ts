/** Shared by the functions that take many Deferreds: their types, and the conversion and cancellation of members. */
import { check } from "../arguments/check.ts";
import { thenable } from "../arguments/kinds.ts";
import { Deferred, deferredOf } from "./deferred.ts";

/** Deferreds, promises or other thenables, in an array or any other iterable. */
export type Members = Iterable<PromiseLike<unknown>>;

/** The results of the members: a tuple for a tuple, else an array. */
export type Results<M extends Members> = M extends readonly unknown[]
  ? { -readonly [I in keyof M]: Awaited<M[I]> }
  : M extends Iterable<infer P>
    ? Awaited<P>[]
    : never;

/** The members as Deferreds. Members that are Deferreds are returned themselves; other thenables are wrapped. */
export function toDeferreds(members: Members): Deferred<unknown>[] {
  const given = Array.from(members);
  // All before the first of them gets a link.
  for (const [index, member] of given.entries()) check("a list of Deferreds", `number ${index}`, member, thenable);
  return given.map((member) => (member instanceof Deferred ? member : deferredOf(member)));
}

export function cancelAll(deferreds: readonly Deferred<unknown>[], cause?: unknown): void {
  for (const d of deferreds) d.cancel(cause);
}
