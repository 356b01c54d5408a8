/** What transports in memory have in common: the closing rules, and the options of a socket that is not there. */
import { check } from "../internet/arguments/check.ts";
import { flag } from "../internet/arguments/kinds.ts";
import { ClosingTransport } from "../internet/stream/closing.ts";

export abstract class MemoryTransport extends ClosingTransport {
  private noDelay = true;
  private keepAlive = false;

  setTcpNoDelay(on: boolean): void {
    check("setTcpNoDelay(on)", "on", on, flag);
    this.noDelay = on;
  }
  getTcpNoDelay(): boolean {
    return this.noDelay;
  }
  setTcpKeepAlive(on: boolean): void {
    check("setTcpKeepAlive(on)", "on", on, flag);
    this.keepAlive = on;
  }
  getTcpKeepAlive(): boolean {
    return this.keepAlive;
  }
}
