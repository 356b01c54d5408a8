/** A simulated listening port. */
import type { FilteringListener } from "../../internet/engine/filtering.ts";
import type { NativeAddress, NativeTlsFilter } from "../../native.ts";
import type { End } from "./end.ts";
import type { EndEngine } from "./endengine.ts";

/** The part of its engine that a listener uses. */
export interface ListenerEngine extends EndEngine<End> {
  acceptLater(listener: Listener): void;
  unlisten(listener: Listener): void;
}

export class Listener implements FilteringListener<End> {
  readonly engine: ListenerEngine;
  /** "" for every address of the host. */
  readonly host: string;
  readonly port: number;
  readonly backlog: number;
  readonly reusePort: boolean;
  handle = -1;
  closed = false;
  readonly waiting: End[] = [];
  makeFilter: (() => NativeTlsFilter) | undefined = undefined;

  constructor(engine: ListenerEngine, host: string, port: number, backlog: number, reusePort: boolean) {
    this.engine = engine;
    this.host = host;
    this.port = port;
    this.backlog = backlog;
    this.reusePort = reusePort;
  }
  get localAddress(): NativeAddress {
    return [4, this.host === "" ? "0.0.0.0" : this.host, this.port, 0];
  }

  unlisten(): void {
    this.engine.unlisten(this);
  }
}
