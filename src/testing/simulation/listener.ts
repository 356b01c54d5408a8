/** A simulated port that listens. */
import type { End } from "./end.ts";
import type { SimulatedEngine } from "./engine.ts";

export class Listener {
  readonly engine: SimulatedEngine;
  /** "" for every address of the host. */
  readonly host: string;
  readonly port: number;
  readonly backlog: number;
  readonly reusePort: boolean;
  handle = -1;
  borrows = false;
  closed = false;
  /** Connections that nobody has accepted yet. */
  readonly waiting: End[] = [];

  constructor(engine: SimulatedEngine, host: string, port: number, backlog: number, reusePort: boolean) {
    this.engine = engine;
    this.host = host;
    this.port = port;
    this.backlog = backlog;
    this.reusePort = reusePort;
  }
}
