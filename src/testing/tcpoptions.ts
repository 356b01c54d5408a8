/** The socket options of a transport that has no socket. */
import { check } from "../internet/arguments/check.ts";
import { flag } from "../internet/arguments/kinds.ts";

export abstract class TcpOptions {
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
