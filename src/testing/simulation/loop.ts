/** The event loop of one simulated host: the simulation's queue wakes its reactor at virtual times. */
import type { Loop } from "../../internet/reactor/loop.ts";
import type { Machine } from "./machine.ts";
import type { Medium } from "./medium.ts";
import { Occurrence } from "./queue.ts";
import { Kind } from "./trace.ts";

/** The virtual duration of one tick, in seconds. */
const TICK_SECONDS = 1e-6;

export class SimulatedLoop implements Loop {
  readonly network: Medium;
  readonly host: Machine;
  /** The host has crashed: pending wake-ups are ignored. */
  dead = false;

  constructor(network: Medium, host: Machine) {
    this.network = network;
    this.host = host;
  }

  seconds(): number {
    return this.network.queue.now;
  }

  later(seconds: number, f: () => void): object {
    const wake = new Wake(this, f);
    this.network.queue.plan(wake, this.seconds() + seconds);
    return wake;
  }

  cancelLater(timer: object | undefined): void {
    if (timer instanceof Wake) this.network.queue.cancel(timer);
  }

  soon(f: () => void): object {
    return this.later(0, f);
  }

  cancelSoon(call: object | undefined): void {
    this.cancelLater(call);
  }

  /** A tick takes some virtual time, so that a program that loops over ticks does not stop the clock. */
  nextTick(f: () => void): void {
    this.later(TICK_SECONDS, f);
  }
}

class Wake extends Occurrence {
  private readonly loop: SimulatedLoop;
  private readonly f: () => void;

  constructor(loop: SimulatedLoop, f: () => void) {
    super();
    this.loop = loop;
    this.f = f;
  }

  override run(): void {
    const { dead, network, host } = this.loop;
    if (dead) return;
    const { frozenUntil } = host;
    if (frozenUntil > network.queue.now) {
      network.queue.plan(this, frozenUntil);
      return;
    }
    network.record(Kind.TIMER, host.id, 0, 0);
    this.f();
  }
}
