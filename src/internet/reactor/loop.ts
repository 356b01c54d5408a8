/**
 * The loop that a reactor lives in, as far as it tells the time and wakes: Node's own, or that of a simulation, whose
 * time is virtual. I/O is not its business: that wakes the reactor by the engine.
 */
import { AsyncResource } from "node:async_hooks";
import { performance } from "node:perf_hooks";

export interface Loop {
  /** Seconds by a clock that never goes back. */
  seconds(): number;
  /** Call `f` once, not before `seconds` have passed. Unless it `holds`, the process does not stay alive for it. */
  later(seconds: number, f: () => void, holds: boolean): object;
  cancelLater(timer: object | undefined): void;
  /** Call `f` once, after everything that runs now. */
  soon(f: () => void): object;
  cancelSoon(call: object | undefined): void;
  /** Call `f` in the next tick, after the timers and the I/O that are due by then. */
  nextTick(f: () => void): void;
}

/** The loop that a transport lives in. Transports that wrap another one pass on what that one has. */
export const LOOP: unique symbol = Symbol("loop");

/** The loop of a transport, or Node's when the transport does not say. */
export function loopOf(transport: object): Loop {
  const loop = (transport as { readonly [LOOP]?: Loop })[LOOP];
  if (loop !== undefined) return loop;
  nodeLoop ??= new NodeLoop();
  return nodeLoop;
}

let nodeLoop: Loop | undefined;

/** performance.timeOrigin is a getter that costs a third of the clock itself. */
const ORIGIN_SECONDS = performance.timeOrigin / 1000;
/** setTimeout() takes no more; a wait that is longer ends early. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** Node's loop. */
export class NodeLoop implements Loop {
  /** Node's timers belong to the reactor, not to whoever happened to make the next call: no AsyncLocalStorage leaks. */
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
