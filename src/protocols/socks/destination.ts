/** The connection that a SOCKS server makes for a client. */
import type { Transport } from "../../internet/interfaces.ts";
import { ProxyClient } from "../portforward.ts";

export class Destination extends ProxyClient {
  readonly #admits: (transport: Transport) => boolean;

  /** @param admits whether a connection that was made may be used; if not, it is reset, and the client hears nothing from here */
  constructor(admits: (transport: Transport) => boolean) {
    super();
    this.#admits = admits;
  }

  override connectionMade(): void {
    if (this.#admits(this.transport)) {
      super.connectionMade();
      return;
    }
    this.peer = null;
    this.transport.abortConnection();
  }
}
