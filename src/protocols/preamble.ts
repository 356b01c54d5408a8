/**
 * A connection that starts with bytes of another protocol: the header of a proxy, or a proxy's reply.
 *
 *     transport ──── PreambleWrapper ──── the reader of the preamble, then the protocol
 */
import { copyOf } from "../internet/bytes.ts";
import type { Failure } from "../internet/failure.ts";
import type { ProtocolLike } from "../internet/interfaces.ts";
import { UNDELIVERED } from "../internet/stream/sendqueue.ts";
import type { ContextFactory, StartTLSOptions } from "../internet/tls/seam.ts";
import { endBy, watch } from "./guard.ts";
import { ProtocolWrapper } from "./policies/wrapper.ts";

export class PreambleWrapper extends ProtocolWrapper {
  /** Bytes received after the preamble, until the protocol resumes reading. */
  #rest: Buffer | null = null;
  /** The same while the protocol is connected: it may begin TLS, to which they belong. */
  #offered: Buffer | null = null;
  #paused = false;

  /**
   * The preamble is complete: connect `next`, and deliver the bytes received after the preamble to it.
   * @returns the result of its dataReceived(), which may be a promise that the reactor watches
   * @throws what `next` throws
   */
  handOver(next: ProtocolLike, rest: Uint8Array): unknown {
    this.#offered = copyOf(rest);
    this.switchProtocol(next);
    const own: Buffer | null = this.#offered;
    this.#offered = null;
    if (own === null || own.length === 0 || this.disconnecting) return undefined;
    if (!this.#paused) return this.dataReceived(own);
    this.#rest = own;
    return undefined;
  }

  override connectionLost(reason: Failure): unknown {
    this.#rest = null;
    return super.connectionLost(reason);
  }

  /** From the first byte behind the preamble, when the protocol calls it as it is connected. */
  override startTLS(contextFactory: ContextFactory, options?: StartTLSOptions): void {
    const received = this.#offered;
    this.#offered = null;
    super.startTLS(contextFactory, received === null ? options : { ...options, received });
  }

  /** @internal */
  override get [UNDELIVERED](): number {
    return super[UNDELIVERED] + (this.#rest?.length ?? 0);
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

  /** The transport does not call this, so what the protocol throws must be handled here. */
  #deliver(rest: Buffer): void {
    try {
      watch(this.dataReceived(rest), this, this);
    } catch (error) {
      endBy(error, this, this);
    }
  }
}
