/**
 * What stands in a Deferred's chain. A link is two slots, one for each lane:
 *
 *     callback  errback      addCallbacks: either may be absent
 *     watcher   watcher      told what comes to this link, which passes on unchanged
 *     heir      heir         takes over what comes to this link; the chain goes on with undefined
 *
 * The slots of all links stand one behind the other in one array: a chain of a million links is one object, not a
 * million that the garbage collector would have to trace and move.
 */
import type { Failure } from "../failure.ts";

/** A callback or errback whose arguments are bound. */
export type Step = (value: unknown) => unknown;

/** Is told what a Deferred comes to, and has no say in it. A failure that it was told of counts as handled. */
export interface Watcher {
  succeeded(result: unknown): void;
  failed(failure: Failure): void;
}

export class Pair {
  readonly cb: Step | undefined;
  readonly eb: Step | undefined;

  constructor(cb: Step | undefined, eb: Step | undefined) {
    this.cb = cb;
    this.eb = eb;
  }
}

/** An heir by chainDeferred(): it fires, where a Deferred that stands in a chain itself waits for that chain. */
export class ChainedTo<D> {
  readonly deferred: D;

  constructor(deferred: D) {
    this.deferred = deferred;
  }
}

/** `f` itself when there are no arguments to add: the usual case makes no closure. */
export function bound(f: (...all: never[]) => unknown, args: readonly unknown[]): Step {
  return args.length === 0 ? (f as Step) : bind(f as (...all: unknown[]) => unknown, args);
}

function bind(f: (...all: unknown[]) => unknown, args: readonly unknown[]): Step {
  return (value) => f(value, ...args);
}

/** Links in one array at most: longer ones would have to be moved, again and again, as they grow. */
const RUN = 256;

/** Links, first in, first out: a million of them are some thousand arrays, and no objects that the collector traces. */
export class LinkQueue<Link> {
  private readonly runs: Link[][] = [];
  private first: Link[] = [];
  private last = this.first;
  private next = 0;

  push(link: Link): void {
    if (this.last.length === RUN) {
      this.last = [];
      this.runs.push(this.last);
    }
    this.last.push(link);
  }

  /** There must be one. */
  shift(): Link {
    if (this.next === this.first.length) {
      this.first = this.runs.shift() as Link[];
      this.next = 0;
    }
    return this.first[this.next++] as Link;
  }
}
