/** The TCP ports of a simulated host, which all its programs share. */
import type { Listener } from "./listener.ts";
import type { Random } from "./random.ts";

const FIRST_LOCAL_PORT = 32768;
const LAST_PORT = 65535;

export class Ports {
  private readonly listeners = new Map<number, Listener[]>();
  private next = FIRST_LOCAL_PORT;

  /** A free port, a different one for each call. */
  free(): number {
    do this.next = this.next === LAST_PORT ? FIRST_LOCAL_PORT : this.next + 1;
    while (this.listeners.has(this.next));
    return this.next;
  }

  /** Register a listener. False when the port is in use: several listeners share a port only if all set `reusePort`. */
  open(listener: Listener): boolean {
    const others = this.listeners.get(listener.port) ?? [];
    if (others.some((other) => !(listener.reusePort && other.reusePort))) return false;
    this.listeners.set(listener.port, [...others, listener]);
    return true;
  }

  close(listener: Listener): void {
    const rest = this.listeners.get(listener.port)!.filter((other) => other !== listener);
    if (rest.length === 0) this.listeners.delete(listener.port);
    else this.listeners.set(listener.port, rest);
  }

  /** The listener for a connect to `address` and `port`; a random one when several share the port. */
  find(address: string, port: number, random: Random): Listener | undefined {
    const fitting = this.listeners.get(port)?.filter(({ host }) => host === "" || host === address);
    if (fitting === undefined || fitting.length === 0) return undefined;
    return fitting.length === 1 ? fitting[0] : fitting[random.below(fitting.length)];
  }
}
