/** A simulated port that listens. */
import type { End } from "./end.ts";

export class Listener {
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

  constructor(host: string, port: number, backlog: number, reusePort: boolean) {
    this.host = host;
    this.port = port;
    this.backlog = backlog;
    this.reusePort = reusePort;
  }
}
