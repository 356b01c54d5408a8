/**
 * A Deferred is a result that is not available yet, with a chain of callbacks that will receive it.
 *
 * Every link of the chain is a pair: one callback for a result, one errback for a Failure. What one of them returns is
 * the next link's result; what it throws, or a Failure it returns, is the next link's Failure.
 *
 *              callback(v)          errback(e)
 *                  │                    │
 *             ┌────▼─────┐         ┌────▼────┐
 *     link 1  │ callback ├──throw─►│ errback │
 *             └────┬─────┘    ┌────┴────┬────┘
 *                  ◄──return──┘         │ throw
 *             ┌────▼─────┐         ┌────▼────┐
 *     link 2  │ callback ├──throw─►│ errback │ …
 *
 * Callbacks run synchronously as soon as there is a result. A callback that returns a Deferred or another thenable
 * suspends the chain until that one has a result. The inner Deferred then passes its result to the outer one and keeps
 * undefined. This uses an explicit stack, not recursion, so neither long chains nor deep nesting overflow the call
 * stack. A callback that returns its own Deferred fails it; a cycle of several Deferreds is not detected and never
 * fires.
 *
 * Longer than most files here: the methods of one class share its private state, which a second file could not reach.
 */

import { err } from "../../logger/log.ts";
import { check } from "../arguments/check.ts";
import { described } from "../arguments/described.ts";
import * as kinds from "../arguments/kinds.ts";
import { signalOf } from "../arguments/waiting.ts";
import { TimeoutError } from "../error.ts";
import { Failure } from "../failure.ts";
import { isThenable } from "../thenable.ts";
import type { ReactorTime } from "../time.ts";
import {
  ALREADY_CALLED,
  AlreadyCalledError,
  CancelledError,
  CircularChainError,
  NoCurrentExceptionError,
} from "./error.ts";
import { bound, ChainedTo, LinkQueue, Pair, type Step, type Watcher } from "./link.ts";
import { onAbort } from "./onabort.ts";
import { Settler } from "./settler.ts";
import { callerStack, DebugInfo, getDebugging } from "./unhandled.ts";
import { Wait } from "./wait.ts";

/** What a callback may return: a result, something that will have one, or a Failure. */
export type Outcome<T> = T | PromiseLike<T> | Failure;

// `state` is a bit set; the bits from PAUSE upwards count the calls of pause().

/** callback() or errback() was called. */
const FIRED = 1;
/** A callback of this Deferred is on the stack. */
const RUNNING = 2;
/** The result is a Failure. */
const FAILED = 4;
/** Cancelled without a canceller: the next callback() or errback() is ignored. */
const SWALLOWS = 8;
/** A callback returned another Deferred, which has no result yet. */
const WAITING = 16;
const PAUSE = 32;

const ADD_TIMEOUT = "addTimeout(seconds, clock, onTimeoutCancel)";

function refuseLink(call: string, name: string, f: unknown): never {
  throw new TypeError(`${call}: ${name} must be a function, not ${described(f)}.`);
}

function ensureArgumentLists(cbArgs: unknown, ebArgs: unknown): void {
  for (const args of [cbArgs, ebArgs]) {
    if (args === undefined || Array.isArray(args)) continue;
    throw new TypeError(`addCallbacks(cb, eb, cbArgs, ebArgs) takes arguments as arrays, not ${described(args)}.`);
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function cancelledToTimedOut<T>(result: T | Failure, seconds: number): T {
  if (!(result instanceof Failure)) return result;
  result.trap(CancelledError);
  throw new TimeoutError(`There was no result after ${seconds} seconds: allow more, or find out what holds it up.`);
}

type Link = Step | Pair | Watcher | ChainedTo<Deferred<unknown>> | Deferred<unknown>;

/** A function rather than a method, so that it is not public: have `watcher` told the result that reaches this link. */
export let watch: (deferred: Deferred<unknown>, watcher: Watcher) => void;

/**
 * A result that will be available later, and can be awaited. A failure that nobody handles is logged once the Deferred
 * has been garbage-collected.
 */
export class Deferred<T> implements PromiseLike<T> {
  static {
    watch = (deferred, watcher) => {
      if (deferred.isSettled()) {
        deferred.inform(watcher);
        if ((deferred.state & FAILED) !== 0) deferred.note();
      } else {
        deferred.add(watcher);
      }
    };
  }

  // Not #private: with those, bench/deferred-chain.ts takes 0.8 of a promise's time instead of 0.45 (Node 20).
  private state = 0;
  private result: unknown = undefined;
  /** The canceller until the Deferred fires; while it is WAITING, the Deferred that it waits for. */
  private source: ((d: Deferred<never>, cause?: unknown) => void) | Deferred<unknown> | undefined;
  // The first three links are inline, since few Deferreds have more. Those in [next, end) have not run yet.
  private link0: Link | undefined = undefined;
  private link1: Link | undefined = undefined;
  private link2: Link | undefined = undefined;
  private more: LinkQueue<Link> | undefined = undefined;
  private next = 0;
  private end = 0;
  private info: DebugInfo | undefined = undefined;

  /**
   * @param canceller called by {@link cancel} to stop the work. Unless it fires the Deferred, that fails with
   * CancelledError.
   */
  constructor(canceller?: (d: Deferred<T>, cause?: unknown) => void) {
    if (canceller !== undefined && typeof canceller !== "function")
      refuseLink("new Deferred(canceller)", "canceller", canceller);
    this.source = canceller;
    if (getDebugging()) {
      this.info = new DebugInfo();
      this.info.creator = callerStack(Deferred);
    }
  }

  /**
   * A Deferred with the result of `promise`. Cancelling it fails it with CancelledError; the promise is not stopped,
   * and its outcome is then ignored.
   * @throws TypeError unless `promise` is a thenable
   */
  static fromPromise<T>(promise: PromiseLike<T>): Deferred<T> {
    check("Deferred.fromPromise(promise)", "promise", promise, kinds.thenable);
    return deferredOf(promise);
  }

  /**
   * fromPromise() for the promise of an async function, under Twisted's name.
   * @throws TypeError for anything else, such as an async function that was not called, or a generator
   */
  static fromCoroutine<T>(coroutine: PromiseLike<T>): Deferred<T> {
    if (!isThenable(coroutine)) {
      throw new TypeError(
        `Deferred.fromCoroutine(coroutine) needs what an async function returned, not ${described(coroutine)}. ` +
          "Call the function first; a generator goes to ensureDeferred().",
      );
    }
    return deferredOf(coroutine);
  }

  /** True once the Deferred was fired or cancelled; its callbacks may still be waiting. */
  get called(): boolean {
    return (this.state & FIRED) !== 0;
  }

  /** Add a link: `cb` gets a result, `eb` a Failure, each followed by its arguments. Returns this Deferred. */
  addCallbacks<U = never, V = never, A extends unknown[] = [], B extends unknown[] = []>(
    cb: (result: T, ...args: A) => Outcome<U>,
    eb?: (failure: Failure, ...args: B) => Outcome<V>,
    cbArgs?: A,
    ebArgs?: B,
  ): Deferred<Exclude<U | V, Failure>> {
    if (typeof cb !== "function") refuseLink("addCallbacks(cb, eb, cbArgs, ebArgs)", "cb", cb);
    if (eb !== undefined && typeof eb !== "function") refuseLink("addCallbacks(cb, eb, cbArgs, ebArgs)", "eb", eb);
    if (cbArgs !== undefined || ebArgs !== undefined) ensureArgumentLists(cbArgs, ebArgs);
    const step = bound(cb, cbArgs ?? []);
    return this.add(eb === undefined ? step : new Pair(step, bound(eb, ebArgs ?? [])));
  }

  /** Add a callback; a Failure skips it. Returns this Deferred. */
  addCallback<U = never, A extends unknown[] = []>(
    cb: (result: T, ...args: A) => Outcome<U>,
    ...args: A
  ): Deferred<Exclude<U, Failure>> {
    if (typeof cb !== "function") refuseLink("addCallback(cb, ...args)", "cb", cb);
    return this.add(bound(cb, args));
  }

  /** Add an errback; a result skips it. Returns this Deferred. */
  addErrback<U = never, A extends unknown[] = []>(
    eb: (failure: Failure, ...args: A) => Outcome<U>,
    ...args: A
  ): Deferred<T | Exclude<U, Failure>> {
    if (typeof eb !== "function") refuseLink("addErrback(eb, ...args)", "eb", eb);
    return this.add(new Pair(undefined, bound(eb, args)));
  }

  /** Add one function as both callback and errback. Returns this Deferred. */
  addBoth<U = never, A extends unknown[] = []>(
    f: (result: T | Failure, ...args: A) => Outcome<U>,
    ...args: A
  ): Deferred<Exclude<U, Failure>> {
    if (typeof f !== "function") refuseLink("addBoth(f, ...args)", "f", f);
    const step = bound(f, args);
    return this.add(new Pair(step, step));
  }

  /**
   * Fire `d` with the result or Failure that reaches this link; this chain continues with undefined. Returns this
   * Deferred.
   */
  chainDeferred(d: Deferred<T>): Deferred<void> {
    if (!(d instanceof Deferred)) throw new TypeError(`chainDeferred(d) needs a Deferred, not ${described(d)}.`);
    return this.add(new ChainedTo(d));
  }

  /**
   * Fire with a result. A Failure goes to the errbacks, and a thenable is waited for.
   * @throws AlreadyCalledError
   */
  callback(result: Outcome<T>): void {
    if (!this.claim()) return;
    this.receive(result);
    this.run();
  }

  /**
   * Fire with a failure: a Failure as it is, anything else wrapped into one.
   * @throws AlreadyCalledError
   * @throws NoCurrentExceptionError without a reason
   */
  errback(reason?: unknown): void {
    if (reason === undefined) throw new NoCurrentExceptionError();
    if (!this.claim()) return;
    this.receive(reason instanceof Failure ? reason : new Failure(reason));
    this.run();
  }

  /**
   * Cancel. Before it has fired, the canceller is called, and unless that fires the Deferred, it fails with
   * CancelledError; without a canceller, one later callback() or errback() is ignored. While the Deferred waits for
   * another one, that one is cancelled instead. Once there is a result, this is a no-op.
   * @param cause becomes the `cause` of the CancelledError
   */
  cancel(cause?: unknown): void {
    let target: Deferred<unknown> = this;
    const passed = new Set<Deferred<unknown>>();
    while ((target.state & WAITING) !== 0) {
      // In a cycle of Deferreds that wait for each other, none can fire.
      if (passed.has(target)) return;
      passed.add(target);
      target = target.source as Deferred<unknown>;
    }
    if ((target.state & FIRED) !== 0) return;
    const canceller = target.source as ((d: Deferred<never>, cause?: unknown) => void) | undefined;
    target.source = undefined;
    if (canceller === undefined) {
      target.state |= SWALLOWS;
    } else {
      try {
        canceller(target as Deferred<never>, cause);
      } catch (error) {
        err(error, "The canceller of a Deferred threw");
      }
    }
    if ((target.state & FIRED) === 0)
      target.errback(new CancelledError(undefined, cause === undefined ? {} : { cause }));
  }

  /** Suspend the chain until {@link unpause} was called as often as this. */
  pause(): void {
    this.state += PAUSE;
  }

  /** Undo one {@link pause}; a no-op when not paused. A Deferred that a callback returned is waited for in any case. */
  unpause(): void {
    if (this.state < PAUSE) return;
    this.state -= PAUSE;
    if ((this.state & FIRED) !== 0) this.run();
  }

  /**
   * Cancel after `seconds` unless a result has reached this link. `onTimeoutCancel` then gets the outcome of the
   * cancellation, and what it returns continues the chain; by default a CancelledError becomes a TimeoutError, and
   * anything else passes. Links added before this call are covered by the timeout, those added after are not.
   * @throws RangeError when `seconds` is negative or not a number; TypeError without a clock
   */
  addTimeout(seconds: number, clock: ReactorTime): Deferred<T>;
  addTimeout<U = never>(
    seconds: number,
    clock: ReactorTime,
    onTimeoutCancel: (result: T | Failure, seconds: number) => Outcome<U>,
  ): Deferred<T | Exclude<U, Failure>>;
  addTimeout<U>(
    seconds: number,
    clock: ReactorTime,
    onTimeoutCancel: (result: T | Failure, seconds: number) => Outcome<T | U> = cancelledToTimedOut,
  ): Deferred<T | U> {
    check(ADD_TIMEOUT, "seconds", seconds, kinds.seconds);
    check(ADD_TIMEOUT, "clock", clock, kinds.clock);
    check(ADD_TIMEOUT, "onTimeoutCancel", onTimeoutCancel, kinds.callable);
    let timedOut = false;
    const delayedCall = clock.callLater(seconds, () => {
      timedOut = true;
      this.cancel();
    });
    return this.addBoth((result): Outcome<T | U> => {
      if (timedOut) return onTimeoutCancel(result, seconds);
      if (delayedCall.active()) delayedCall.cancel();
      return result;
    });
  }

  /**
   * A promise of the result that reaches this link; the chain continues with that result. A failure rejects the promise
   * with the error itself and counts as handled here: the promise reports it.
   * @param options.signal cancels the Deferred when it aborts before that; its reason is the CancelledError's `cause`
   */
  asPromise(options?: { readonly signal?: AbortSignal }): Promise<T> {
    const signal = signalOf("asPromise(options)", options);
    if (signal?.aborted) {
      this.cancel(signal.reason);
    } else if (signal !== undefined) {
      const release = onAbort(signal, () => this.cancel(signal.reason));
      this.add(new Settler(release, release));
    }
    return new Promise<T>((resolve, reject) => {
      this.add(new Settler(resolve as (result: unknown) => void, reject));
    });
  }

  /** For `await`: the `then` of {@link asPromise}. Handlers are called in a microtask, as those of a promise are. */
  then<R1 = T, R2 = never>(
    onfulfilled?: ((value: T) => R1 | PromiseLike<R1>) | null | undefined,
    onrejected?: ((reason: unknown) => R2 | PromiseLike<R2>) | null | undefined,
  ): Promise<R1 | R2> {
    return this.asPromise().then(onfulfilled, onrejected);
  }

  /**
   * For `yield*` in {@link inlineCallbacks}: yields this Deferred and evaluates to its result, with the result's type,
   * which a plain `yield` does not have.
   */
  [Symbol.iterator](): Iterator<Deferred<T>, T> {
    return new Wait(this);
  }

  private add(link: Link): Deferred<never> {
    switch (this.end++) {
      case 0:
        this.link0 = link;
        break;
      case 1:
        this.link1 = link;
        break;
      case 2:
        this.link2 = link;
        break;
      default:
        this.more ??= new LinkQueue();
        this.more.push(link);
    }
    if ((this.state & FIRED) !== 0) this.run();
    return this as Deferred<unknown> as Deferred<never>;
  }

  private take(): Link {
    switch (this.next++) {
      case 0:
        return this.link0!;
      case 1:
        return this.link1!;
      case 2:
        return this.link2!;
      default:
        return this.more!.shift();
    }
  }

  /** Mark as fired. False when this call must be ignored. @throws AlreadyCalledError */
  private claim(): boolean {
    if ((this.state & FIRED) !== 0) return this.refuse();
    this.state |= FIRED;
    this.source = undefined;
    if (this.info !== undefined) this.info.invoker = callerStack(this.claim);
    return true;
  }

  private refuse(): false {
    if ((this.state & SWALLOWS) === 0) throw new AlreadyCalledError(this.info?.explain(ALREADY_CALLED));
    this.state &= ~SWALLOWS;
    return false;
  }

  /** Process a value that the Deferred was fired with, or that a callback returned. */
  private receive(value: unknown): void {
    if (isObject(value)) {
      this.adopt(value);
    } else {
      this.result = value;
      this.state &= ~FAILED;
    }
  }

  /** Take a Failure or another object as the result, or wait for it when it is a thenable. */
  private adopt(value: object): void {
    this.result = value;
    if (value instanceof Failure) {
      this.state |= FAILED;
      return;
    }
    this.state &= ~FAILED;
    try {
      if (isThenable(value)) this.waitFor(value instanceof Deferred ? value : deferredOf(value));
    } catch (error) {
      this.failWith(error);
    }
  }

  private failWith(error: unknown): void {
    this.result = new Failure(error);
    this.state |= FAILED;
  }

  private waitFor(inner: Deferred<unknown>): void {
    if (inner === this) throw new CircularChainError();
    if (inner.isSettled()) {
      inner.bequeath(this);
      return;
    }
    this.result = undefined;
    this.source = inner;
    this.state |= WAITING;
    inner.add(this);
  }

  /** There is a result, and the chain is not suspended. */
  private isSettled(): boolean {
    return (this.state & ~(FAILED | SWALLOWS)) === FIRED && this.end === 0;
  }

  /** Pass the result to `heir`, which from here on reports it if it is an unhandled failure. */
  private bequeath(heir: Deferred<unknown>): void {
    heir.result = this.result;
    heir.state = (heir.state & ~FAILED) | (this.state & FAILED);
    this.result = undefined;
    this.state &= ~FAILED;
    this.info?.clear();
  }

  /** Run this chain, then those of the Deferreds that its result is passed to. */
  private run(): void {
    const heir = this.advance();
    if (heir !== undefined) this.runHeirs(heir);
  }

  private runHeirs(first: Deferred<unknown>): void {
    const unfinished: Deferred<unknown>[] = [this];
    let current: Deferred<unknown> | undefined = first;
    while (current !== undefined) {
      const heir: Deferred<unknown> | undefined = current.advance();
      if (heir !== undefined && current.end !== 0) unfinished.push(current);
      current = heir ?? unfinished.pop();
    }
  }

  /** Run links until none is left or the chain is suspended. Returns the heir when one took the result. */
  private advance(): Deferred<unknown> | undefined {
    if (this.end === 0 || (this.state & (RUNNING | WAITING)) !== 0) {
      if ((this.state & FAILED) !== 0) this.note();
      return undefined;
    }
    this.state |= RUNNING;
    let heir: Deferred<unknown> | undefined;
    while (this.next < this.end && this.state < WAITING && heir === undefined) {
      const link = this.take();
      try {
        if (typeof link === "function") {
          if ((this.state & FAILED) === 0) this.receive(link(this.result));
        } else if (link instanceof Pair) {
          const step = (this.state & FAILED) !== 0 ? link.eb : link.cb;
          if (step !== undefined) this.receive(step(this.result));
        } else {
          heir = this.inform(link);
        }
      } catch (error) {
        this.failWith(error);
      }
    }
    if (this.next === this.end) {
      this.link0 = undefined;
      this.link1 = undefined;
      this.link2 = undefined;
      this.more = undefined;
      this.next = 0;
      this.end = 0;
    }
    this.state &= ~RUNNING;
    if ((this.state & FAILED) !== 0 || this.info !== undefined) this.note();
    return heir;
  }

  private inform(slot: Watcher | ChainedTo<Deferred<unknown>> | Deferred<unknown>): Deferred<unknown> | undefined {
    if (slot instanceof Deferred) {
      slot.source = undefined;
      slot.state &= ~WAITING;
      this.bequeath(slot);
      return slot;
    }
    if (slot instanceof ChainedTo) {
      if (slot.deferred.claim()) {
        this.bequeath(slot.deferred);
        return slot.deferred;
      }
      this.result = undefined;
      this.state &= ~FAILED;
      return undefined;
    }
    if ((this.state & FAILED) !== 0) slot.failed(this.tell(this.result as Failure));
    else slot.succeeded(this.result);
    return undefined;
  }

  /** The failure for a watcher, which reports it from here on. */
  private tell(failure: Failure): Failure {
    this.info ??= new DebugInfo();
    this.info.told = failure;
    return failure;
  }

  /** Update whether this Deferred has an unhandled failure to report. */
  private note(): void {
    this.info ??= new DebugInfo();
    const { info, result } = this;
    if ((this.state & FAILED) !== 0 && result !== info.told) info.keep(this, result as Failure);
    else info.clear();
  }
}

/** {@link Deferred.fromPromise} for a thenable that was checked. */
export function deferredOf<T>(promise: PromiseLike<T>): Deferred<T> {
  const d = new Deferred<T>();
  const settle = (outcome: Outcome<T>): void => {
    try {
      d.callback(outcome);
    } catch (error) {
      // An unhandled rejection would end the process.
      err(error, "A promise has settled, but the program had fired its Deferred itself");
    }
  };
  // Promise.resolve() normalizes foreign thenables, which may call back twice, synchronously, or throw.
  Promise.resolve(promise).then(settle, (error) => settle(new Failure(error)));
  return d;
}
