/** The links of a Deferred's chain. */

/** A callback or errback whose arguments are bound. */
export type Step = (value: unknown) => unknown;

// The kinds of links.

/** The callback or the errback runs, and what it returns is the result from there on. */
export const STEP = 0;
/** One of the two is told the result (or the error), which stays as it is. */
export const WATCH = 1;
/** The callback says which Deferred takes the result over. */
export const HEIR = 2;

export class Link {
  readonly kind: number;
  readonly cb: Step | undefined;
  readonly eb: Step | undefined;
  next: Link | undefined = undefined;

  constructor(kind: number, cb: Step | undefined, eb: Step | undefined) {
    this.kind = kind;
    this.cb = cb;
    this.eb = eb;
  }
}

/** `f` itself when there are no arguments to add: the usual case makes no closure. */
export function bound(f: (...all: never[]) => unknown, args: readonly unknown[]): Step {
  return args.length === 0 ? (f as Step) : bind(f as (...all: unknown[]) => unknown, args);
}

function bind(f: (...all: unknown[]) => unknown, args: readonly unknown[]): Step {
  return (value) => f(value, ...args);
}
