/** A machine of the simulated network. */
import { check } from "../../internet/arguments/check.ts";
import { seconds as secondsKind, text } from "../../internet/arguments/kinds.ts";
import { SkeinError } from "../../internet/error.ts";
import type { SimulatedEngine } from "./engine.ts";
import { SimulatedLoop } from "./loop.ts";
import type { Machine } from "./machine.ts";
import type { Network } from "./network.ts";
import { Ports } from "./ports.ts";
import { SimulatedReactor } from "./reactor.ts";

/** One machine of a simulation, with a reactor of its own, or several. */
export class SimulatedHost implements Machine {
  readonly network: Network<SimulatedHost>;
  readonly name: string;
  /** IPv4. */
  readonly address: string;
  /** Counts the hosts, in the trace. */
  readonly id: number;
  /** Until this time no program of the host runs; its kernel still receives. */
  frozenUntil = 0;
  /** For its engines. */
  readonly ports = new Ports();
  private readonly programs: { readonly loop: SimulatedLoop; readonly reactor: SimulatedReactor }[] = [];
  private running!: SimulatedReactor;
  private currentEngine!: SimulatedEngine;
  private isUp = true;

  constructor(network: Network<SimulatedHost>, id: number, name: string, address: string) {
    this.network = network;
    this.id = id;
    this.name = name;
    this.address = address;
    this.boot();
  }

  /** The host's running reactor. restart() replaces it. */
  get reactor(): SimulatedReactor {
    return this.running;
  }

  get engine(): SimulatedEngine {
    return this.currentEngine;
  }

  /** False between crash() and restart(). */
  get up(): boolean {
    return this.isUp;
  }

  /** True for an address of this host. */
  owns(address: string): boolean {
    check("owns(address)", "address", address, text);
    return address === this.address || address.startsWith("127.");
  }

  /** Run no program for `seconds`, like a machine that swaps or a process that collects garbage. */
  freeze(seconds: number): void {
    check("freeze(seconds)", "seconds", seconds, secondsKind);
    this.network.fault(`freeze ${this.name} ${seconds}`);
    this.frozenUntil = Math.max(this.frozenUntil, this.network.queue.now + seconds);
  }

  /** Power off: its programs stop, and peers are not notified. Their connections are half-open. */
  crash(): void {
    if (!this.isUp) return;
    this.network.fault(`crash ${this.name}`);
    this.isUp = false;
    for (const { loop, reactor } of this.programs.splice(0)) {
      loop.dead = true;
      reactor.destroy();
    }
    this.network.hostChanged(this);
  }

  /** Power on after a crash(), with a new reactor, on which the program must be started again. */
  restart(): void {
    if (this.isUp) throw new SkeinError(`The host ${this.name} is up: restart() is for one that has crashed.`);
    this.network.fault(`restart ${this.name}`);
    this.isUp = true;
    this.boot();
    this.network.hostChanged(this);
  }

  /** Start another program, as in a process of its own, with a reactor that is not running yet. A crash() ends it. */
  spawn(): SimulatedReactor {
    return this.start(() => {});
  }

  toString(): string {
    return this.name;
  }

  private boot(): void {
    this.frozenUntil = 0;
    this.running = this.start((engine) => {
      this.currentEngine = engine;
    });
    void this.running.run();
  }

  private start(found: (engine: SimulatedEngine) => void): SimulatedReactor {
    const loop = new SimulatedLoop(this.network, this);
    const reactor = new SimulatedReactor(this.network, this, loop, found);
    this.programs.push({ loop, reactor });
    return reactor;
  }
}
