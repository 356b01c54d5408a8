/**
 * Generators that wait for Deferreds. Unlike an async function, the generator continues synchronously when the Deferred
 * fires, not in a later microtask.
 *
 *     inlineCallbacks ──► generator ──yield d──► watch(d) ──result──► next(result) ──► …
 *                             │                     └────failure────► throw(error) ──► …
 *                             └──return──► the Deferred that the caller got
 */
import { AsyncResource } from "node:async_hooks";
import { err } from "../../logger/log.ts";
import { described } from "../arguments/described.ts";
import { Failure } from "../failure.ts";
import { isThenable } from "../thenable.ts";
import { Deferred, deferredOf, watch } from "./deferred.ts";
import { AlreadyCalledError, CircularChainError } from "./error.ts";
import type { Watcher } from "./link.ts";

// biome-ignore lint/suspicious/noExplicitAny: what a plain `yield` evaluates to is the caller's to say, and only `any` lets it.
type Inline<R> = Generator<unknown, R, any>;

/**
 * Make `f`, a generator function, one that returns a Deferred. It runs up to its first `yield` of a Deferred (or
 * promise) that has no result yet; `yield` then evaluates to the result, or throws the error. Anything else that is
 * yielded comes straight back. `yield*` does the same with the type of the result.
 *
 * Cancelling the Deferred cancels the one that the generator waits for: the generator then gets a CancelledError
 * (unless that one's canceller fires it with something else), which it may catch and continue.
 *
 * The whole generator runs in the AsyncLocalStorage context of the call that started it.
 * @throws TypeError when `f` does not return a generator
 */
export function inlineCallbacks<This, A extends unknown[], R>(
  f: (this: This, ...args: A) => Inline<R>,
): (this: This, ...args: A) => Deferred<Exclude<Awaited<R>, Failure>> {
  return function (this: This, ...args: A) {
    return runGenerator(f.apply(this, args));
  };
}

/** Run `generator` as {@link inlineCallbacks} does; the Deferred of its result. */
export function runGenerator<R>(generator: Inline<R>): Deferred<Exclude<Awaited<R>, Failure>> {
  if (!isGenerator(generator)) {
    throw new TypeError(
      `inlineCallbacks() needs a generator: write "function*", and yield what is to be waited for. It got ${described(generator)}.`,
    );
  }
  return new Run(generator).start() as Deferred<Exclude<Awaited<R>, Failure>>;
}

function isGenerator(value: Partial<Inline<unknown>> | null | undefined): boolean {
  try {
    return typeof value?.next === "function" && typeof value.throw === "function";
  } catch {
    return false;
  }
}

/** The execution of one generator. */
class Run implements Watcher {
  private readonly generator: Inline<unknown>;
  private result: Deferred<unknown>;
  /** What the generator waits for; undefined while it runs. */
  private waitingOn: Deferred<unknown> | undefined = undefined;
  /** What the generator is resumed with next. */
  private value: unknown = undefined;
  private throws = false;
  private arrived = false;
  private suspended = false;
  private cancelDue = false;
  private cause: unknown = undefined;
  private scope: AsyncResource | undefined = undefined;

  constructor(generator: Inline<unknown>) {
    this.generator = generator;
    this.result = this.newResult();
  }

  start(): Deferred<unknown> {
    const { result } = this;
    this.goOn();
    return result;
  }

  succeeded(result: unknown): void {
    this.value = result;
    this.throws = false;
    this.resume();
  }

  failed(failure: Failure): void {
    this.value = failure.value;
    this.throws = true;
    this.resume();
  }

  private resume(): void {
    this.arrived = true;
    if (!this.suspended) return;
    this.suspended = false;
    (this.scope as AsyncResource).runInAsyncScope(this.goOn, this);
  }

  /**
   * Run the generator until it ends or has to wait. Results that are available already are passed in by the loop, not
   * by recursion.
   */
  private goOn(): void {
    do {
      this.waitingOn = undefined;
      let done: boolean | undefined;
      let value: unknown;
      try {
        const step = this.throws ? this.generator.throw(this.value) : this.generator.next(this.value);
        ({ done, value } = step); // of what only looks like a generator, these may be getters that throw
      } catch (error) {
        this.end(new Failure(error));
        return;
      }
      if (done) {
        this.end(value);
        return;
      }
      this.take(value);
    } while (this.arrived);
    this.suspended = true;
    this.scope ??= new AsyncResource("SkeinInlineCallbacks");
    if (this.cancelDue) this.cancelWait();
  }

  private take(value: unknown): void {
    this.arrived = false;
    try {
      if (isThenable(value)) {
        if (value === this.result) throw new CircularChainError();
        this.waitingOn = value instanceof Deferred ? value : deferredOf(value);
        watch(this.waitingOn, this);
        return;
      }
      this.value = value;
      this.throws = false;
    } catch (error) {
      this.value = error;
      this.throws = true;
    }
    this.arrived = true;
  }

  /** `outcome`: a result, or a Failure. */
  private end(outcome: unknown): void {
    if (!this.result.called) this.result.callback(outcome);
    // To throw would fail the Deferred that the generator waited for, and others may wait for that one, too.
    else err(new AlreadyCalledError(), "A generator has ended, but the program had fired its Deferred itself");
  }

  private newResult(): Deferred<unknown> {
    return new Deferred<unknown>((cancelled, cause) => {
      // The generator may catch the error and be cancelled again: whoever holds the result waits for a new Deferred
      // then.
      this.result = this.newResult();
      cancelled.callback(this.result);
      this.cancelDue = true;
      this.cause = cause;
      if (this.suspended) this.cancelWait();
    });
  }

  private cancelWait(): void {
    this.cancelDue = false;
    this.waitingOn?.cancel(this.cause);
  }
}
