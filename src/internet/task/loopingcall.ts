/**
 * A call that is repeated at regular intervals.
 *
 *     start ──► interval ──► interval ──► interval ──►      beats: start + n * interval, whatever the calls take
 *       │call      │call   ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│ │call
 *                          a call, or the Deferred it returned, took longer: the beats meanwhile are skipped
 */

import { check } from "../arguments/check.ts";
import * as kinds from "../arguments/kinds.ts";
import { Deferred } from "../defer/deferred.ts";
import { maybeDeferred } from "../defer/makers.ts";
import { SkeinError } from "../error.ts";
import { defaultClock } from "../reactor/defaultclock.ts";
import type { DelayedCall, ReactorTime } from "../time.ts";

/** start() was called on a running LoopingCall, or stop() or reset() on one that is not running. */
export class LoopingCallStateError extends SkeinError {
  override readonly code: string = "ERR_LOOPING_CALL_STATE";
}

/** Calls a function at regular intervals, until it is stopped or the function fails. */
export class LoopingCall<A extends unknown[] = unknown[]> {
  /** The function and its arguments. */
  readonly f: (...args: A) => unknown;
  readonly args: A;
  /** True from start() to stop(), or to the call that fails. */
  running = false;
  /** Seconds between two calls; null before the first start(). */
  interval: number | null = null;
  /** The clock. Null: the reactor that is installed when start() is called. */
  clock: ReactorTime | null = null;
  private ended: Deferred<this> | null = null;
  private call: DelayedCall | null = null;
  /** The time of the beat 0. */
  private startTime = 0;
  private time: ReactorTime | null = null;
  private runsAtStart = true;

  /** @param f may return a Deferred or a promise: the next call waits for it */
  constructor(f: (...args: A) => unknown, ...args: A) {
    check("new LoopingCall(f, ...args)", "f", f, kinds.callable);
    this.f = f;
    this.args = args;
  }

  /**
   * A LoopingCall whose function gets the number of beats since its last call: usually 1, more when beats were skipped.
   * With an interval of 0 it is always 1.
   */
  static withCount(f: (count: number) => unknown): LoopingCall<[]> {
    check("LoopingCall.withCount(f)", "f", f, kinds.callable);
    let counted = 0;
    let looping: LoopingCall<[]>;
    const count = (): unknown => {
      if (looping.interval === 0) return f(1);
      const beat = looping.beat(looping.now());
      if (looping.fresh) counted = looping.runsAtStart ? -1 : 0;
      looping.fresh = false;
      const beats = beat - counted;
      // beats < 1 when the clock fired slightly early, or after reset().
      if (beats <= 0) return undefined;
      counted = beat;
      return f(beats);
    };
    looping = new LoopingCall(count);
    return looping;
  }
  /** No call was counted since the beats began. */
  private fresh = true;

  /** What start() returned, while it runs. */
  get deferred(): Deferred<this> | null {
    return this.ended;
  }

  /**
   * Start: call now and then every `interval` seconds, or first after one interval when `now` is false. 0 means in
   * every tick of the reactor.
   * @returns fires with this object after stop(), or fails with what the function failed with
   * @throws LoopingCallStateError when it runs already
   * @throws RangeError when `interval` is negative or not a number
   * @throws NoClockError when there is neither a clock nor an installed reactor
   */
  start(interval: number, now = true): Deferred<this> {
    if (this.ended !== null) {
      throw new LoopingCallStateError(
        "This LoopingCall is already running: stop() it, and wait for its Deferred, before start().",
      );
    }
    check("start(interval, now)", "interval", interval, kinds.seconds);
    check("start(interval, now)", "now", now, kinds.flag);
    const ended = new Deferred<this>(() => {
      if (this.running) this.stop();
    });
    this.time = this.clock ?? defaultClock();
    this.ended = ended;
    this.running = true;
    this.interval = interval;
    this.runsAtStart = now;
    this.begin();
    if (now) this.run();
    else this.schedule();
    return ended;
  }

  /**
   * Stop. The Deferred that start() returned fires now, or once the Deferred of the last call has a result.
   * @throws LoopingCallStateError when it does not run
   */
  stop(): void {
    if (!this.running) throw new LoopingCallStateError("This LoopingCall is not running, so it cannot be stopped.");
    this.running = false;
    if (this.call === null) return;
    this.call.cancel();
    this.call = null;
    this.end();
  }

  /**
   * Restart the interval: the next call is one interval from now, and beats are counted from now.
   * @throws LoopingCallStateError when it does not run
   */
  reset(): void {
    if (!this.running) throw new LoopingCallStateError("This LoopingCall is not running, so it cannot be reset.");
    this.runsAtStart = false;
    this.begin();
    if (this.call === null) return;
    this.call.cancel();
    this.schedule();
  }

  private begin(): void {
    this.startTime = this.now();
    this.fresh = true;
  }

  private now(): number {
    return (this.time as ReactorTime).seconds();
  }

  private run(): void {
    this.call = null;
    maybeDeferred(this.f, ...this.args).addCallbacks(
      () => {
        if (this.running) this.schedule();
        else this.end();
      },
      (failure) => {
        this.running = false;
        this.end(failure);
      },
    );
  }

  private end(failure?: unknown): void {
    const ended = this.ended as Deferred<this>;
    this.ended = null;
    if (ended.called) return;
    if (failure === undefined) ended.callback(this);
    else ended.errback(failure);
  }

  private schedule(): void {
    const now = this.now();
    const interval = this.interval as number;
    const next = interval === 0 ? now : this.startTime + (this.beat(now) + 1) * interval;
    // Far from the start, the clock's resolution may be too coarse to tell two beats apart.
    const wait = interval !== 0 && next <= now ? interval : next - now;
    this.call = (this.time as ReactorTime).callLater(wait, () => this.run());
  }

  /**
   * The beat that `now` is in. A clock that counts from 1970 has a resolution of tenths of microseconds, so a call may
   * be that much too early for its beat.
   */
  private beat(now: number): number {
    const precision = 4 * Number.EPSILON * Math.max(Math.abs(now), Math.abs(this.startTime));
    return Math.floor((now - this.startTime + precision) / (this.interval as number) + 4 * Number.EPSILON);
  }
}
