/**
 * The event loop that a reactor runs in, reduced to its clock and wake-ups: Node's, or a simulation's with virtual
 * time. I/O does not go through it: the engine wakes the reactor itself.
 */
import { AsyncResource } from "node:async_hooks";
import { performance } from "node:perf_hooks";

export interface Loop {
  /** Monotonic time in seconds. */
  seconds(): number;
  /** Call `f` once, after at least `seconds`. Without `holds`, the timer is unref'ed. */
  later(seconds: number, f: () => void, holds: boolean): object;
  cancelLater(timer: object | undefined): void;
  /** Call `f` once, after everything that runs now. */
  soon(f: () => void): object;
  cancelSoon(call: object | undefined): void;
  /** Call `f` in the next tick of the event loop, after the timers and the I/O that are due by then. */
  nextTick(f: () => void): void;
}

/** The key of a transport's event loop. A wrapping transport returns that of the wrapped one. */
export const LOOP: unique symbol = Symbol("loop");

/** The event loop of a transport; Node's when it has no {@link LOOP}. */
export function loopOf(transport: object): Loop {
  const loop = (transport as { readonly [LOOP]?: Loop })[LOOP];
  if (loop !== undefined) return loop;
  nodeLoop ??= new NodeLoop();
  return nodeLoop;
}

let nodeLoop: Loop | undefined;

/** Read once: the getter performance.timeOrigin costs a third of reading the clock. */
const ORIGIN_SECONDS = performance.timeOrigin / 1000;
/** The maximum of setTimeout(); a longer wait wakes early and is set again. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** Node's loop. */
export class NodeLoop implements Loop {
  /**
   * A context of its own, so that timers do not capture the AsyncLocalStorage context of whoever made the next call.
   */
  private readonly scope = new AsyncResource("SkeinReactor");

  seconds(): number {
    return ORIGIN_SECONDS + performance.now() * 0.001; // a division here made callLater() a tenth slower
  }

  later(seconds: number, f: () => void, holds: boolean): object {
    const ms = Math.min(Math.ceil(seconds * 1000), TIMEOUT_MS_MAX);
    const timer = this.scope.runInAsyncScope(setTimeout, undefined, f, ms);
    if (!holds) timer.unref();
    return timer;
  }

  cancelLater(timer: object | undefined): void {
    clearTimeout(timer as NodeJS.Timeout | undefined);
  }

  soon(f: () => void): object {
    return this.scope.runInAsyncScope(setImmediate, undefined, f);
  }

  cancelSoon(call: object | undefined): void {
    clearImmediate(call as NodeJS.Immediate | undefined);
  }

  nextTick(f: () => void): void {
    this.soon(f);
  }
}
