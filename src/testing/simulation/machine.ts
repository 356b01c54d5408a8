/** The kernel of a simulated host as its programs see it: `SimulatedHost` implements it. */
import type { Ports } from "./ports.ts";

export interface Machine {
  /** Counts the hosts, in the trace. */
  readonly id: number;
  readonly name: string;
  /** IPv4. */
  readonly address: string;
  readonly ports: Ports;
  /** Until this time none of its programs runs. */
  readonly frozenUntil: number;
  /** False between crash() and restart(). */
  readonly up: boolean;
  /** True for an address of this machine. */
  owns(address: string): boolean;
}
