/**
 * The part of a reactor that does not depend on the I/O: lifecycle and system events, delayed calls, name resolution,
 * signals. Subclasses add the I/O.
 *
 *            run()            startup: "during"              stop()          end of the turn
 *     idle ─────────► starting ─────────────────► running ─────────► stopping ────────────► shutting down ─► idle
 *                         └──────────────────── stop() ──────────────►┘
 *
 * `crash()` leads from every state to idle, without firing an event. Delayed calls are made from `run()` until the
 * return to idle; the subclass's I/O starts in the "during" phase of startup. An idle reactor can be run again.
 */

import { err, msg } from "../../logger/log.ts";
import { check } from "../arguments/check.ts";
import { ensureRunOptions, ensureTrigger, TRIGGER_ID } from "../arguments/events.ts";
import { callable, text } from "../arguments/kinds.ts";
import type { Deferred } from "../defer/deferred.ts";
import { maybeDeferred } from "../defer/makers.ts";
import { ReactorAlreadyRunning, ReactorNotRunning } from "../error.ts";
import type { ReactorCore, ReactorNames, TriggerId, TriggerPhase } from "../interfaces.ts";
import { logRejection } from "../rejection.ts";
import type { DelayedCall, ReactorTime } from "../time.ts";
import { type Loop, NodeLoop } from "./loop.ts";
import { resolve } from "./resolve.ts";
import { raiseAgain, SignalHandlers } from "./signals.ts";
import { ensureCallLater, TimerWheel } from "./timers.ts";
import { ThreePhaseEvent } from "./triggers.ts";

type Callable = (...args: unknown[]) => unknown;
type State = "idle" | "starting" | "running" | "stopping" | "shutting down";

const CALL_FAILED = "A delayed call failed";
/**
 * When the calls that are due are later than this, the loop has stood still. They wait for some short steps more, in which what
 * has arrived is delivered: it may be what a timeout waits for. Steps, since the loop may stand still again meanwhile: that is
 * one of them then, however long it lasts.
 */
const STANDSTILL_SECONDS = 0.1;
const CATCH_UP_STEPS = 10;
const CATCH_UP_STEP_SECONDS = 0.01;

export abstract class ReactorBase implements ReactorCore, ReactorTime, ReactorNames {
  private state: State = "idle";
  private isRunning = false;
  private ioStarted = false;
  private ended: Promise<void> = Promise.resolve();
  private settle: (error?: unknown) => void = () => undefined;

  private readonly events = new Map<string, ThreePhaseEvent>();
  private readonly signals = new SignalHandlers((signal) => this.signalled(signal));

  private readonly wheel: TimerWheel;
  /** The event loop that wakes this reactor and provides its clock. */
  private readonly loop: Loop;
  private timeout: object | undefined;
  private timeoutTime = Number.POSITIVE_INFINITY;
  /** Steps that calls which are due still wait, after the loop stood still. */
  private stepsToCatchUp = 0;
  private immediate: object | undefined;

  constructor(loop: Loop = new NodeLoop()) {
    this.loop = loop;
    this.wheel = new TimerWheel(
      () => this.seconds(),
      (time) => this.arm(time),
    );
    this.wheel.wakeTime = Number.NEGATIVE_INFINITY; // an idle reactor is not woken
  }

  /**
   * Start the I/O and keep the process alive. Called in "during startup", and in "during shutdown" when that comes first:
   * what was opened before `run()` can only be closed while the I/O runs.
   */
  protected abstract startIO(): void;
  /** Undo `startIO`. Called after the last shutdown trigger, and by `crash()`. */
  protected abstract stopIO(): void;
  /**
   * Disconnect every transport with ConnectionLost, and close every listener. Called in "during shutdown", and awaited.
   */
  protected abstract disconnectAll(): Deferred<unknown> | undefined;

  // --- IReactorCore --------------------------------------------------------------------------------------------------

  /** True between the "during" phase of startup and that of shutdown. */
  get running(): boolean {
    return this.isRunning;
  }

  /**
   * Start the reactor inside Node's event loop. Unless a "before startup" trigger returns a Deferred, the reactor is
   * running when this returns. Unlike in Twisted, it can be run again after it has stopped.
   * @param options.installSignalHandlers SIGINT and SIGTERM (SIGBREAK on Windows) stop the reactor, and a second one
   * ends the process. Default true; in a worker there are no signals.
   * @returns resolves after `stop()` and every shutdown trigger, or after `crash()`; rejects when the I/O cannot start
   * @throws ReactorAlreadyRunning at once, not by the promise
   */
  run(options: { installSignalHandlers?: boolean } = {}): Promise<void> {
    ensureRunOptions(options);
    if (this.state !== "idle") throw new ReactorAlreadyRunning();
    this.state = "starting";
    const ended = new Promise<void>((fulfil, reject) => {
      this.settle = (error) => (error === undefined ? fulfil() : reject(error));
    });
    this.ended = ended;
    this.event("startup")
      .fire(() => this.goLive(options.installSignalHandlers ?? true))
      .addErrback((failure) => this.end(failure.value));
    this.rearm();
    return ended;
  }

  /**
   * Start the shutdown, at the end of this tick. Timers and I/O go on while Deferreds of "before shutdown" triggers are
   * pending.
   * @throws ReactorNotRunning unless between `run()` and the first `stop()`
   */
  stop(): void {
    if (this.state !== "starting" && this.state !== "running") throw new ReactorNotRunning();
    this.state = "stopping";
    this.armImmediate();
  }

  /** Stop at once, without the shutdown event; transports stay as they are. Does nothing when idle. For tests. */
  crash(): void {
    if (this.state === "idle") return;
    this.event("startup").abandon();
    this.event("shutdown").abandon();
    this.end();
  }

  /**
   * Call `f` now when running, else once the reactor runs, after the startup triggers that are registered.
   * @returns an id for `removeSystemEventTrigger`, when `f` was not called yet
   */
  callWhenRunning<A extends unknown[]>(f: (...args: A) => unknown, ...args: A): TriggerId | undefined {
    check("callWhenRunning(f, ...args)", "f", f, callable);
    if (!this.isRunning) return this.addSystemEventTrigger("after", "startup", f, ...args);
    f(...args);
    return undefined;
  }

  /**
   * Call `f` once, the next time that `event` is fired: "startup", "shutdown", or a name of your own.
   * @throws RangeError when there is no such phase; TypeError when `f` is not a function
   */
  addSystemEventTrigger<A extends unknown[]>(
    phase: TriggerPhase,
    event: string,
    f: (...args: A) => unknown,
    ...args: A
  ): TriggerId {
    ensureTrigger(phase, event, f);
    return this.event(event).add(phase, f as Callable, args);
  }

  /** @throws RangeError when there is no such trigger, or it has run */
  removeSystemEventTrigger(id: TriggerId): void {
    check("removeSystemEventTrigger(id)", "id", id, TRIGGER_ID);
    if (this.events.get(id.event)?.remove(id) !== true) {
      throw new RangeError(
        `There is no such "${id.phase} ${id.event}" trigger: it was removed before, or has run (each runs once).`,
      );
    }
  }

  /** Run the triggers of `event`, unless it is being fired already. "shutdown" stops the reactor, unless it is idle. */
  fireSystemEvent(event: string): void {
    check("fireSystemEvent(event)", "event", event, text);
    if (event === "shutdown" && this.state !== "idle") {
      if (this.state !== "shutting down") this.shutDown();
      return;
    }
    const triggers = this.event(event);
    if (!triggers.firing) triggers.fire();
  }

  /** Stop the reactor and wait until it has stopped; a no-op when it is idle. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.state === "starting" || this.state === "running") this.stop();
    if (this.state !== "idle") await this.ended;
  }

  // --- IReactorTime --------------------------------------------------------------------------------------------------

  /** Seconds since the epoch by a monotonic clock: it does not follow adjustments of the system's clock. */
  seconds(): number {
    return this.loop.seconds();
  }

  /**
   * Call `f(...args)` after `seconds`, never early by {@link seconds}, in the order of the due times. 0 means in the
   * next tick. Errors that `f` throws are logged. Calls are made only between `run()` and the end of the shutdown.
   * @throws RangeError when `seconds` is negative or not a number; TypeError when `f` is not a function
   */
  callLater<A extends unknown[]>(seconds: number, f: (...args: A) => unknown, ...args: A): DelayedCall {
    ensureCallLater(seconds, f);
    return this.wheel.add(this.seconds() + seconds, f as Callable, args);
  }

  /** Every pending call, in time order. */
  getDelayedCalls(): DelayedCall[] {
    return this.wheel.calls();
  }

  // --- IReactorPluggableNameResolver ---------------------------------------------------------------------------------

  /** The address of a host, see {@link ReactorNames.resolve}. */
  resolve(name: string): Deferred<string> {
    return resolve(name);
  }

  // --- the run -------------------------------------------------------------------------------------------------------

  private event(name: string): ThreePhaseEvent {
    let event = this.events.get(name);
    if (event === undefined) {
      event = new ThreePhaseEvent(name);
      this.events.set(name, event);
    }
    return event;
  }

  private goLive(installSignalHandlers: boolean): void {
    if (this.state === "starting") this.state = "running"; // else a trigger has called stop() already
    this.isRunning = true;
    this.ensureIO();
    if (installSignalHandlers) this.signals.install();
  }

  private ensureIO(): void {
    if (this.ioStarted) return;
    this.startIO();
    this.ioStarted = true;
  }

  private shutDown(): void {
    this.state = "shutting down";
    this.event("startup").abandon();
    this.event("shutdown")
      .fire(() => {
        this.isRunning = false;
        return maybeDeferred(() => {
          this.ensureIO();
          return this.disconnectAll();
        }).addErrback((failure) => err(failure.value, "Not every connection could be ended"));
      })
      .addCallback(() => this.end());
  }

  /** Like crash(), but the promise of run() rejects with `error`: the I/O cannot continue. A no-op when idle. */
  protected fail(error: unknown): void {
    if (this.state === "idle") return;
    this.event("startup").abandon();
    this.event("shutdown").abandon();
    this.end(error);
  }

  private end(error?: unknown): void {
    this.state = "idle";
    this.isRunning = false;
    this.signals.remove();
    this.forgetTimeout();
    this.loop.cancelSoon(this.immediate);
    this.immediate = undefined;
    this.wheel.wakeTime = Number.NEGATIVE_INFINITY;
    const { ioStarted } = this;
    this.ioStarted = false;
    try {
      if (ioStarted) this.stopIO();
    } catch (stopError) {
      err(stopError, "The I/O of the reactor could not be stopped");
    }
    this.settle(error);
  }

  private signalled(signal: NodeJS.Signals): void {
    if (this.state === "starting" || this.state === "running") {
      msg(`Received ${signal}: shutting down. A second signal ends the process at once.`);
      this.stop();
    } else {
      this.crash();
      raiseAgain(signal);
    }
  }

  // --- the turn ------------------------------------------------------------------------------------------------------

  /** Make the calls that are due. Calls that they schedule wait for the next tick, so that I/O is not starved. */
  private turn(): void {
    if (this.stepsToCatchUp > 0) this.forgetTimeout();
    this.wheel.wakeTime = Number.NEGATIVE_INFINITY; // what is scheduled meanwhile is looked at once, at the end
    this.wheel.takeDue(this.seconds());
    while (this.state !== "idle") {
      const call = this.wheel.shift();
      if (call === undefined) break;
      try {
        logRejection(call.run(), CALL_FAILED);
      } catch (error) {
        err(error, CALL_FAILED);
      }
    }
    if (this.state === "stopping") this.shutDown();
    this.rearm();
  }

  private rearm(): void {
    if (this.state !== "idle") this.arm(this.wheel.nextTime());
  }

  /** Set the loop's timeout to `time`. A timeout that is set for earlier is kept: when it fires, it is set anew. */
  private arm(time: number): void {
    const wait = time - this.seconds();
    if (wait <= 0) {
      this.armImmediate();
    } else if (time < this.timeoutTime) {
      this.loop.cancelLater(this.timeout);
      this.timeout = this.loop.later(wait, this.timeoutFired, true);
      this.timeoutTime = time;
    }
    this.wheel.wakeTime = this.immediate === undefined ? this.timeoutTime : Number.NEGATIVE_INFINITY;
  }

  private armImmediate(): void {
    this.immediate ??= this.loop.soon(this.immediateFired);
  }

  private readonly timeoutFired = (): void => {
    const late = this.seconds() - this.timeoutTime;
    this.timeout = undefined;
    this.timeoutTime = Number.POSITIVE_INFINITY;
    if (this.stepsToCatchUp > 1) this.catchUp(this.stepsToCatchUp - 1);
    else if (late > STANDSTILL_SECONDS && this.stepsToCatchUp === 0) this.catchUp(CATCH_UP_STEPS);
    else this.turn();
  };

  private forgetTimeout(): void {
    this.loop.cancelLater(this.timeout);
    this.timeout = undefined;
    this.timeoutTime = Number.POSITIVE_INFINITY;
    this.stepsToCatchUp = 0;
  }

  /** Wait for one of so many steps. What is scheduled meanwhile waits, too. */
  private catchUp(steps: number): void {
    this.stepsToCatchUp = steps;
    this.timeout = this.loop.later(CATCH_UP_STEP_SECONDS, this.timeoutFired, true);
    this.timeoutTime = Number.NEGATIVE_INFINITY;
    this.wheel.wakeTime = Number.NEGATIVE_INFINITY;
  }

  private readonly immediateFired = (): void => {
    this.immediate = undefined;
    this.turn();
  };
}
