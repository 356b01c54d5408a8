/**
 * A wrapper that delays its protocol's writes or pauses its producer. The transport below does not know what is delayed
 * here, and would send FIN or close too early. So the wrapper applies the closing rules (internet/stream/closing.ts) to its
 * own producer, and forwards a half-close or a close only when the rules let it begin and nothing is delayed any more.
 */
import type { Failure } from "../../internet/failure.ts";
import type { ProtocolLike, PullProducer, PushProducer } from "../../internet/interfaces.ts";
import { logRejection } from "../../internet/rejection.ts";
import {
  ABORTED,
  CLOSE_DUE,
  CLOSING,
  DEAF,
  dueEnd,
  FIN_DUE,
  HALF_CLOSING,
  LOST,
  takesProducer,
} from "../../internet/stream/closing.ts";
import { ProtocolWrapper } from "./wrapper.ts";

/** The base of wrappers that delay writes or pause a producer. It closes by the rules of all stream transports. */
export abstract class HoldingWrapper<P extends ProtocolLike = ProtocolLike> extends ProtocolWrapper<P> {
  /** The closing state, in the bits of closing.ts. */
  #flags = 0;

  /** The current state of the producer, in the bits PRODUCER, STREAMING and PRODUCER_PAUSED of closing.ts. */
  protected abstract producerFlags(): number;

  /** Begin the half-close or the close that is due, if any. Call this after the producer was unregistered or resumed. */
  protected beginDueEnd(): void {
    const end = dueEnd(this.#flags | this.producerFlags());
    if (end === 0) return;
    this.#flags |= end;
    this.passEnd();
  }

  /**
   * Forward the half-close or the close that has begun to the transport. An override may wait until the bytes before it are
   * written. May be called twice.
   */
  protected passEnd(): void {
    if ((this.#flags & CLOSE_DUE) !== 0) super.loseConnection();
    else if ((this.#flags & FIN_DUE) !== 0) super.loseWriteConnection();
  }

  /** FIN or the close has begun, or the connection is gone: a paused producer stays paused. */
  protected get ending(): boolean {
    return (this.#flags & (FIN_DUE | CLOSE_DUE | ABORTED | LOST)) !== 0;
  }

  /** FIN has begun, or the connection is gone: what is written is not sent. */
  protected get mute(): boolean {
    return (this.#flags & (FIN_DUE | ABORTED | LOST)) !== 0;
  }

  /** Whether a producer can still be registered. If not, it is stopped here. */
  protected admit(producer: PushProducer | PullProducer, streaming: boolean): boolean {
    if (takesProducer(this.#flags, streaming)) return true;
    logRejection(producer.stopProducing(), "A producer threw in stopProducing()");
    return false;
  }

  override connectionLost(reason: Failure): unknown {
    this.#flags |= LOST;
    return super.connectionLost(reason);
  }

  override dataReceived(data: Buffer): unknown {
    return (this.#flags & DEAF) !== 0 ? undefined : super.dataReceived(data);
  }

  /** Always defined: without it the transport would close at the peer's FIN, whatever is delayed here. */
  override get readConnectionLost(): () => unknown {
    const wrapped = (this.#flags & CLOSING) === 0 ? super.readConnectionLost : undefined;
    return wrapped ?? this.loseConnection;
  }

  override get disconnecting(): boolean {
    return (this.#flags & CLOSING) !== 0 || super.disconnecting;
  }

  override resumeProducing(): void {
    if ((this.#flags & DEAF) === 0) super.resumeProducing();
  }

  override loseConnection(): void {
    if ((this.#flags & DEAF) !== 0) return;
    this.#flags |= CLOSING;
    super.pauseProducing();
    this.beginDueEnd();
  }

  override loseWriteConnection(): void {
    if ((this.#flags & (HALF_CLOSING | DEAF)) !== 0) return;
    this.#flags |= HALF_CLOSING;
    this.beginDueEnd();
  }

  override abortConnection(): void {
    this.#flags |= ABORTED | CLOSING;
    super.abortConnection();
  }
}
