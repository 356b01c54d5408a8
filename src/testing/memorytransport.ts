/** What transports in memory have in common: the closing rules, and the options of a socket that is not there. */
import { ClosingTransport } from "../internet/stream/closing.ts";

export abstract class MemoryTransport extends ClosingTransport {
  private noDelay = true;
  private keepAlive = false;

  setTcpNoDelay(on: boolean): void {
    this.noDelay = on;
  }
  getTcpNoDelay(): boolean {
    return this.noDelay;
  }
  setTcpKeepAlive(on: boolean): void {
    this.keepAlive = on;
  }
  getTcpKeepAlive(): boolean {
    return this.keepAlive;
  }
}
