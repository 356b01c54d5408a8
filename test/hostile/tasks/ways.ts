/** How a hostile task misbehaves in one of its steps: what it does first, and what the step comes to. */
import { Deferred } from "../../../src/entries/defer.ts";
import { between, type Random } from "../../helpers/random.ts";
import { PROMISES, REJECTIONS, VALUES } from "../application/values.ts";

/** Something that a task does, and what a report calls it. `T` is what it has at hand. */
export interface Way<T> {
  readonly name: string;
  readonly run: (task: T) => unknown;
}

export function waysOf<T>(table: Readonly<Record<string, (task: T) => unknown>>): Way<T>[] {
  return Object.entries(table).map(([name, run]) => ({ name, run }));
}

/** A Deferred that does not let itself be waited for. */
class Unwilling extends Deferred<unknown> {
  override addCallbacks(): never {
    throw new Error("addCallbacks() of an Unwilling");
  }
}

function failing(reason: unknown): Deferred<unknown> {
  const d = new Deferred<unknown>();
  d.errback(reason);
  return d;
}

/** Values, and what can be waited for; nobody need handle it. */
export const QUIET: readonly Way<unknown>[] = [
  ...VALUES.map(({ name, make }) => ({ name, run: make })),
  ...PROMISES.map(({ name, make }) => ({ name, run: make })),
  ...waysOf({
    "a Deferred that never fires": () => new Deferred(),
    "a Deferred whose canceller throws": () =>
      new Deferred(() => {
        throw new Error("a canceller");
      }),
    "a Deferred whose canceller fires it": () => new Deferred((d) => d.callback("cancelled")),
    "a Deferred whose canceller does nothing": () => new Deferred(() => undefined),
    "a Deferred that cannot be waited for": () => new Unwilling(),
  }),
];

/** The same and rejections, where Skein waits for what it is given. */
export const AWAITED: readonly Way<unknown>[] = [
  ...QUIET,
  ...VALUES.map(({ name, make }) => ({ name: `a Deferred that fails with ${name}`, run: () => failing(make()) })),
  ...Object.entries(REJECTIONS).flatMap(([kind, wrap]) =>
    VALUES.map(({ name, make }) => ({ name: `${kind} ${name}`, run: () => wrap(make()) })),
  ),
];

export const THROWS: readonly Way<unknown>[] = VALUES.map(({ name, make }) => ({
  name: `throw ${name}`,
  run: () => {
    throw make();
  },
}));

export function oneOf<T>(random: Random, all: readonly T[]): T {
  return all[between(random, 0, all.length - 1)]!;
}

/** The members of `all` in an order of their own. */
export function shuffled<T>(random: Random, all: readonly T[]): T[] {
  const keys = new Map(all.map((one) => [one, random()]));
  return all.toSorted((a, b) => keys.get(a)! - keys.get(b)!);
}
