/**
 * A connection that begins with bytes which are not its protocol's own: the header of a proxy, the answer of one.
 *
 *     transport ──── PreambleWrapper ──── what reads the preamble, then the protocol
 */
import type { Failure } from "../internet/failure.ts";
import type { ProtocolLike } from "../internet/interfaces.ts";
import { endBy, watch } from "./guard.ts";
import { ProtocolWrapper } from "./policies/wrapper.ts";

export class PreambleWrapper extends ProtocolWrapper {
  /** Received behind the preamble while the protocol is paused. */
  #rest: Buffer | null = null;
  #paused = false;

  /**
   * The preamble is over: connect `next`, and give it what was received behind the preamble. What `next` throws comes
   * out of here, and what its dataReceived() returns is returned: it may be a promise, which the reactor watches.
   */
  handOver(next: ProtocolLike, rest: Uint8Array): unknown {
    this.switchProtocol(next);
    if (rest.length === 0 || this.disconnecting) return undefined;
    const own = Buffer.from(rest);
    if (!this.#paused) return this.dataReceived(own);
    this.#rest = own;
    return undefined;
  }

  override connectionLost(reason: Failure): unknown {
    this.#rest = null;
    return super.connectionLost(reason);
  }

  override pauseProducing(): void {
    this.#paused = true;
    super.pauseProducing();
  }

  override resumeProducing(): void {
    this.#paused = false;
    const rest = this.#rest;
    this.#rest = null;
    if (rest !== null && !this.disconnecting) this.#deliver(rest);
    if (!this.#paused) super.resumeProducing();
  }

  /** Not called by the transport, so nobody but us ends the connection when the protocol throws. */
  #deliver(rest: Buffer): void {
    try {
      watch(this.dataReceived(rest), this, this);
    } catch (error) {
      endBy(error, this, this);
    }
  }
}
