/**
 * The entries of a Deferred's chain. A link is two slots, one per lane:
 *
 *     callback  errback      addCallbacks: either may be absent
 *     watcher   watcher      sees the result, which passes on unchanged
 *     heir      heir         takes the result over; the chain continues with undefined
 *
 * All slots are stored consecutively in one array: a chain of a million links is a few thousand arrays, not a million
 * objects for the garbage collector to trace and move.
 */
import type { Failure } from "../failure.ts";

/** A callback or errback whose arguments are bound. */
export type Step = (value: unknown) => unknown;

/** Sees the outcome of a Deferred without changing it. A failure that a watcher has seen counts as handled. */
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

/**
 * The target of chainDeferred(): it is fired with the result. A Deferred in the chain itself is one that waits for it.
 */
export class ChainedTo<D> {
  readonly deferred: D;

  constructor(deferred: D) {
    this.deferred = deferred;
  }
}

/** `f` itself when there are no arguments to bind, so that the usual case allocates no closure. */
export function bound(f: (...all: never[]) => unknown, args: readonly unknown[]): Step {
  return args.length === 0 ? (f as Step) : bind(f as (...all: unknown[]) => unknown, args);
}

function bind(f: (...all: unknown[]) => unknown, args: readonly unknown[]): Step {
  return (value) => f(value, ...args);
}

/** The most slots in one array. A longer one would be copied repeatedly as it grows. */
const RUN = 256;

/** A FIFO queue of links in chunks of {@link RUN} slots. */
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

  /** Remove and return the first slot. The queue must not be empty. */
  shift(): Link {
    if (this.next === this.first.length) {
      this.first = this.runs.shift() as Link[];
      this.next = 0;
    }
    return this.first[this.next++] as Link;
  }
}
