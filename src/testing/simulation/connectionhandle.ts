/** The handle by which tests and {@link Faults} break a simulated connection. */
import { check } from "../../internet/arguments/check.ts";
import { type Kind, oneOf } from "../../internet/arguments/kinds.ts";
import { errnoNamed } from "../../internet/errno.ts";
import type { End } from "./end.ts";
import type { Medium } from "./medium.ts";

const SIDE: Kind = oneOf("client", "server");

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

  /** Both sides lose the connection at once, as if a middlebox had sent resets. Bytes in flight are lost. */
  reset(): void {
    this.network.fault(`reset #${this.id}`);
    for (const end of this.ends) end.out!.drop();
    for (const end of this.ends) end.reset();
  }

  /**
   * `side` loses the connection with ETIMEDOUT and sends nothing, so that the other side is half-open: it learns of the
   * loss by the reset that answers its next segment.
   */
  dropSilently(side: "client" | "server"): void {
    check("dropSilently(side)", "side", side, SIDE);
    this.network.fault(`drop silently #${this.id} ${side}`);
    this.ends[side === "client" ? 0 : 1].fail(errnoNamed("ETIMEDOUT")!);
  }
}
