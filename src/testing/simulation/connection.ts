/** A connection of the simulated network, as whoever makes faults sees it. */
import { errnoNamed } from "../../internet/errno.ts";
import type { End } from "./end.ts";
import type { Medium } from "./medium.ts";

/** A connection of the simulated network, seen from outside: for tests that break it. */
export class SimulatedConnection {
  /** Counts the connects of the network. */
  readonly id: number;
  /** "host:port" of the side that connected, and of the one that listened. */
  readonly client: string;
  readonly server: string;
  /** Its place in the network's list. */
  index = -1;
  private readonly network: Medium;
  private readonly ends: readonly [End, End];

  constructor(network: Medium, client: End, server: End) {
    this.network = network;
    this.id = client.subject >> 1;
    this.client = `${client.localHost}:${client.localPort}`;
    this.server = `${server.localHost}:${server.localPort}`;
    this.ends = [client, server];
  }

  /** Both sides lose it at once, as if something on the way had sent resets. What is on its way is lost. */
  reset(): void {
    this.network.fault(`reset #${this.id}`);
    for (const end of this.ends) end.out!.drop();
    for (const end of this.ends) end.reset();
  }

  /**
   * One side loses it, with ETIMEDOUT, and the other is not told: it is half open. The other side hears of it when it
   * next sends something.
   */
  vanish(side: "client" | "server"): void {
    this.network.fault(`vanish #${this.id} ${side}`);
    this.ends[side === "client" ? 0 : 1].fail(errnoNamed("ETIMEDOUT")!);
  }
}
