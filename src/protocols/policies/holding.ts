/**
 * A wrapper that holds back its protocol's writes or its producer. The transport below knows nothing of what waits here:
 * it would send FIN or close too early. So the wrapper applies the closing rules (see internet/stream/closing.ts) to its
 * own producer, and passes an end on to the transport only when the rules let it begin and nothing waits any more.
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

/** The base of wrappers that hold writes or a producer back. It ends by the rules of every stream transport. */
export abstract class HoldingWrapper<P extends ProtocolLike = ProtocolLike> extends ProtocolWrapper<P> {
  /** What was asked for and what has begun, in the bits of closing.ts. */
  #flags = 0;

  /** The bits of closing.ts for the producer: PRODUCER, STREAMING and PRODUCER_PAUSED, as they are now. */
  protected abstract producerFlags(): number;

  /** Begin the end that is due, if there is one. Call this when the producer has unregistered or was resumed. */
  protected beginDueEnd(): void {
    const end = dueEnd(this.#flags | this.producerFlags());
    if (end === 0) return;
    this.#flags |= end;
    this.passEnd();
  }

  /** Pass the end that has begun on to the transport. Override this to wait until the bytes before it have passed; it may be called twice. */
  protected passEnd(): void {
    if ((this.#flags & CLOSE_DUE) !== 0) super.loseConnection();
    else if ((this.#flags & FIN_DUE) !== 0) super.loseWriteConnection();
  }

  /** FIN or the close has begun, or the connection is gone: a producer that is paused stays paused. */
  protected get ending(): boolean {
    return (this.#flags & (FIN_DUE | CLOSE_DUE | ABORTED | LOST)) !== 0;
  }

  /** Whether a producer may still be registered. One that may not is stopped here. */
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

  /** Always there: a transport whose peer has ended closes at once without it, whatever waits here. */
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
