/** The socket options of a transport that has no socket. */
export abstract class TcpOptions {
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
