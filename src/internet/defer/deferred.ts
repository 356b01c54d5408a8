/**
 * A Deferred is a result that is not there yet, with a chain of callbacks that want it.
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
 * Callbacks run synchronously, as soon as there is a result. A callback that returns a Deferred or any other thenable
 * holds up the chain until that has a result; the one that fires then hands its result over and forgets it. Handing
 * over goes by a list, never by recursion, so that neither long chains nor deep nesting can overflow the stack. A
 * Deferred that is returned to itself fails; several that wait for each other in a circle are not noticed, and wait on.
 */
import { err } from "../../logger/log.ts";
import { SkeinError, TimeoutError } from "../error.ts";
import { Failure } from "../failure.ts";
import type { ReactorTime } from "../interfaces.ts";
import { bound, HEIR, Link, STEP, type Step, WATCH } from "./link.ts";
import { callerStack, DebugInfo } from "./unhandled.ts";

/** What a callback may return: a result, something that will have one, or a Failure. */
export type Outcome<T> = T | PromiseLike<T> | Failure;

const ALREADY_CALLED =
  "This Deferred was fired already, and fires only once. With setDebugging(true) it tells where it was first fired.";

/** A Deferred was fired a second time. */
export class AlreadyCalledError extends SkeinError {
  override readonly code: string = "ERR_DEFERRED_ALREADY_CALLED";
  constructor(message = ALREADY_CALLED) {
    super(message);
  }
}
/** The Deferred was cancelled. `cause` is the reason, where one was given. */
export class CancelledError extends SkeinError {
  override readonly code: string = "ERR_CANCELLED";
  constructor(message = "The Deferred was cancelled before it had a result.", options?: ErrorOptions) {
    super(message, options);
  }
}
/** errback() or fail() was called without a reason. */
export class NoCurrentExceptionError extends SkeinError {
  override readonly code: string = "ERR_NO_CURRENT_EXCEPTION";
  constructor(
    message = "There is no error to fail with: JavaScript keeps no current exception, so pass what was caught.",
  ) {
    super(message);
  }
}
/** A callback returned the very Deferred that it runs for, which would wait for itself for ever. */
export class CircularChainError extends SkeinError {
  override readonly code: string = "ERR_CIRCULAR_CHAIN";
  constructor(message = "A callback returned its own Deferred, which can never fire: return the result, or nothing.") {
    super(message);
  }
}

let debugging = false;

/** Whether Deferreds made from now on keep the stacks of their creation and of their first fire. It costs: off at first. */
export function setDebugging(on: boolean): void {
  debugging = on;
}
export function getDebugging(): boolean {
  return debugging;
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function isThenable(value: object): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown }).then === "function";
}

function cancelledToTimedOut<T>(result: T | Failure, seconds: number): T {
  if (!(result instanceof Failure)) return result;
  result.trap(CancelledError);
  throw new TimeoutError(`There was no result after ${seconds} seconds: allow more, or find out what holds it up.`);
}

/**
 * A result that will be there later. `await` works on it; a failure that nobody handles is logged once the Deferred
 * has been collected.
 */
export class Deferred<T> implements PromiseLike<T> {
  // Not #private: with those, bench/deferred-chain.ts takes 0.8 of a promise's time instead of 0.45 (Node 20).
  private fired = false;
  private running = false;
  private failed = false;
  private swallows = false;
  private pauses = 0;
  private result: unknown = undefined;
  private waitingOn: Deferred<unknown> | undefined = undefined;
  private head: Link | undefined = undefined;
  private tail: Link | undefined = undefined;
  private canceller: ((d: Deferred<never>) => void) | undefined;
  private info: DebugInfo | undefined = undefined;

  /**
   * @param canceller called by {@link cancel} to stop the work. It may fire the Deferred; else CancelledError does.
   */
  constructor(canceller?: (d: Deferred<T>) => void) {
    this.canceller = canceller;
    if (debugging) {
      this.info = new DebugInfo();
      this.info.creator = callerStack(Deferred);
    }
  }

  /**
   * A Deferred that follows `promise`. Cancelling it fires it with CancelledError; the promise itself goes on, and how
   * it ends is ignored.
   */
  static fromPromise<T>(promise: PromiseLike<T>): Deferred<T> {
    const d = new Deferred<T>();
    // Through Promise.resolve: a foreign thenable may call back twice, at once, or throw.
    Promise.resolve(promise).then(
      (value) => d.callback(value),
      (error) => d.errback(new Failure(error)),
    );
    return d;
  }

  /** The same for what an async function returned, under Twisted's name. */
  static fromCoroutine<T>(coroutine: PromiseLike<T>): Deferred<T> {
    return Deferred.fromPromise(coroutine);
  }

  /** True once the Deferred was fired (or cancelled); its callbacks may still have to wait. */
  get called(): boolean {
    return this.fired;
  }

  /** Add a link: `cb` gets a result, `eb` a Failure, each followed by its arguments. Returns this Deferred. */
  addCallbacks<U = never, V = never, A extends unknown[] = [], B extends unknown[] = []>(
    cb: (result: T, ...args: A) => Outcome<U>,
    eb?: (failure: Failure, ...args: B) => Outcome<V>,
    cbArgs?: A,
    ebArgs?: B,
  ): Deferred<Exclude<U | V, Failure>> {
    return this.add(STEP, bound(cb, cbArgs ?? []), eb && bound(eb, ebArgs ?? []));
  }

  /** Add a link that a Failure passes by. Returns this Deferred. */
  addCallback<U = never, A extends unknown[] = []>(
    cb: (result: T, ...args: A) => Outcome<U>,
    ...args: A
  ): Deferred<Exclude<U, Failure>> {
    return this.add(STEP, bound(cb, args), undefined);
  }

  /** Add a link that a result passes by. Returns this Deferred. */
  addErrback<U = never, A extends unknown[] = []>(
    eb: (failure: Failure, ...args: A) => Outcome<U>,
    ...args: A
  ): Deferred<T | Exclude<U, Failure>> {
    return this.add(STEP, undefined, bound(eb, args));
  }

  /** Add a link that gets whatever comes. Returns this Deferred. */
  addBoth<U = never, A extends unknown[] = []>(
    f: (result: T | Failure, ...args: A) => Outcome<U>,
    ...args: A
  ): Deferred<Exclude<U, Failure>> {
    const step = bound(f, args);
    return this.add(STEP, step, step);
  }

  /** Fire `d` with what comes to this link; the chain here goes on with undefined. Returns this Deferred. */
  chainDeferred(d: Deferred<T>): Deferred<void> {
    const heir = (): Deferred<T> | undefined => (d.claim() ? d : undefined);
    return this.add(HEIR, heir, heir);
  }

  /**
   * Fire with a result. As everywhere, a Failure goes to the errbacks, and a thenable is waited for.
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
   * Ask for an early end. Before the fire, the canceller is called, and the Deferred fires with CancelledError unless
   * the canceller fired it; without a canceller, the one fire that may still come is ignored. While the Deferred waits
   * for another, that one is cancelled instead. Once there is a result, nothing happens.
   * @param cause becomes the `cause` of the CancelledError
   */
  cancel(cause?: unknown): void {
    let target: Deferred<unknown> = this;
    const passed = new Set<Deferred<unknown>>();
    while (target.waitingOn !== undefined) {
      // Deferreds that wait for each other in a circle have nobody who could fire.
      if (passed.has(target)) return;
      passed.add(target);
      target = target.waitingOn;
    }
    if (target.fired) return;
    const canceller = target.canceller;
    target.canceller = undefined;
    if (canceller === undefined) {
      target.swallows = true;
    } else {
      try {
        canceller(target as Deferred<never>);
      } catch (error) {
        err(error, "The canceller of a Deferred threw");
      }
    }
    if (!target.fired) target.errback(new CancelledError(undefined, cause === undefined ? {} : { cause }));
  }

  /** Hold the chain until as many calls of {@link unpause} have come. */
  pause(): void {
    this.pauses++;
  }

  /** Undo one {@link pause}. Without one it does nothing: what a callback returned is waited for in any case. */
  unpause(): void {
    if (this.pauses === 0) return;
    this.pauses--;
    if (this.fired) this.run();
  }

  /**
   * Cancel after `seconds` unless a result has come to this link by then. What the cancellation brings goes to
   * `onTimeoutCancel`, whose outcome goes on from here; by default a CancelledError becomes a TimeoutError, and
   * anything else passes. Links added before are part of what is timed, those added after are not.
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
   * A promise of what comes to this link, which passes on. A failure rejects it with the error itself and counts as
   * handled here: it is the promise's to report.
   * @param options.signal cancels the Deferred when it aborts before that; its reason is the CancelledError's `cause`
   */
  asPromise(options?: { readonly signal?: AbortSignal }): Promise<T> {
    const promise = new Promise<T>((resolve, reject) => {
      this.add(WATCH, resolve as Step, reject);
    });
    const signal = options?.signal;
    if (signal?.aborted) {
      this.cancel(signal.reason);
    } else if (signal !== undefined) {
      const abort = (): void => this.cancel(signal.reason);
      const release = (): void => signal.removeEventListener("abort", abort);
      signal.addEventListener("abort", abort);
      this.add(WATCH, release, release);
    }
    return promise;
  }

  /** For `await`: the `then` of {@link asPromise}. The handlers are called in a microtask, as a promise's are. */
  then<R1 = T, R2 = never>(
    onfulfilled?: ((value: T) => R1 | PromiseLike<R1>) | null | undefined,
    onrejected?: ((reason: unknown) => R2 | PromiseLike<R2>) | null | undefined,
  ): Promise<R1 | R2> {
    return this.asPromise().then(onfulfilled, onrejected);
  }

  private add(kind: number, cb: Step | undefined, eb: Step | undefined): Deferred<never> {
    const link = new Link(kind, cb, eb);
    if (this.tail === undefined) this.head = link;
    else this.tail.next = link;
    this.tail = link;
    if (this.fired) this.run();
    return this as Deferred<unknown> as Deferred<never>;
  }

  /** Take the right to fire. False when the fire is one to ignore. @throws AlreadyCalledError */
  private claim(): boolean {
    if (this.fired) return this.refuse();
    this.fired = true;
    this.canceller = undefined;
    if (this.info !== undefined) this.info.invoker = callerStack(this.claim);
    return true;
  }

  private refuse(): false {
    if (!this.swallows) throw new AlreadyCalledError(this.info?.explain(ALREADY_CALLED));
    this.swallows = false;
    return false;
  }

  /** Take what was fired with, or what a callback returned. */
  private receive(value: unknown): void {
    if (isObject(value)) {
      this.adopt(value);
    } else {
      this.result = value;
      this.failed = false;
    }
  }

  /** Take a result or Failure, or wait for what will have one. */
  private adopt(value: object): void {
    this.result = value;
    this.failed = value instanceof Failure;
    if (this.failed) return;
    try {
      if (isThenable(value)) this.waitFor(value instanceof Deferred ? value : Deferred.fromPromise(value));
    } catch (error) {
      this.failWith(error);
    }
  }

  private failWith(error: unknown): void {
    this.result = new Failure(error);
    this.failed = true;
  }

  private waitFor(inner: Deferred<unknown>): void {
    if (inner === this) throw new CircularChainError();
    if (inner.fired && !inner.isHeldUp() && inner.head === undefined) {
      inner.bequeath(this);
      return;
    }
    this.result = undefined;
    this.waitingOn = inner;
    const heir = (): Deferred<unknown> => {
      this.waitingOn = undefined;
      return this;
    };
    inner.add(HEIR, heir, heir);
  }

  /** Hand the result over: the heir answers for it from here on. */
  private bequeath(heir: Deferred<unknown>): void {
    heir.result = this.result;
    heir.failed = this.failed;
    this.result = undefined;
    this.failed = false;
    this.info?.clear();
  }

  private isHeldUp(): boolean {
    return this.running || this.waitingOn !== undefined || this.pauses !== 0;
  }

  /** Run this chain, and those of the Deferreds that its result is handed to. */
  private run(): void {
    const heir = this.advance();
    if (heir !== undefined) this.runHeirs(heir);
  }

  private runHeirs(first: Deferred<unknown>): void {
    const unfinished: Deferred<unknown>[] = [this];
    let current: Deferred<unknown> | undefined = first;
    while (current !== undefined) {
      const heir: Deferred<unknown> | undefined = current.advance();
      if (heir !== undefined && current.head !== undefined) unfinished.push(current);
      current = heir ?? unfinished.pop();
    }
  }

  /** Run links until none is left, something must be waited for, or an heir took the result: then that is returned. */
  private advance(): Deferred<unknown> | undefined {
    if (this.running || this.waitingOn !== undefined) return undefined;
    this.running = true;
    let link = this.head;
    let heir: Deferred<unknown> | undefined;
    while (link !== undefined && this.pauses === 0 && this.waitingOn === undefined && heir === undefined) {
      const step: Step | undefined = this.failed ? link.eb : link.cb;
      if (step !== undefined) {
        try {
          if (link.kind === STEP) this.receive(step(this.result));
          else heir = this.inform(link.kind, step);
        } catch (error) {
          this.failWith(error);
        }
      }
      link = link.next;
    }
    this.head = link;
    if (link === undefined) this.tail = undefined;
    this.running = false;
    if (this.failed || this.info !== undefined) this.note();
    return heir;
  }

  private inform(kind: number, step: Step): Deferred<unknown> | undefined {
    if (kind === WATCH) {
      step(this.failed ? this.tell(this.result as Failure) : this.result);
      return undefined;
    }
    const heir = step(undefined) as Deferred<unknown> | undefined;
    if (heir === undefined) {
      this.result = undefined;
      this.failed = false;
    } else {
      this.bequeath(heir);
    }
    return heir;
  }

  /** The error for a promise, which reports it from here on. */
  private tell(failure: Failure): unknown {
    this.info ??= new DebugInfo();
    this.info.told = failure;
    return failure.value;
  }

  /** See to it that a failure which nobody handles will be reported, and one that was handled will not. */
  private note(): void {
    this.info ??= new DebugInfo();
    const { info, result } = this;
    if (this.failed && result !== info.told) info.keep(this, result as Failure);
    else info.clear();
  }
}
