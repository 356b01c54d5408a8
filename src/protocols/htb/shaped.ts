/** Connections whose writes are limited by a token bucket. */
import { check } from "../../internet/arguments/check.ts";
import { clock as clockKind, orNull } from "../../internet/arguments/kinds.ts";
import { ensureProducer } from "../../internet/arguments/transports.ts";
import { encodedOr, ensureBytes } from "../../internet/arguments/writing.ts";
import type { Failure } from "../../internet/failure.ts";
import type { Address, Bytes, ProtocolLike, PullProducer, PushProducer, Transport } from "../../internet/interfaces.ts";
import { PRODUCER, PRODUCER_PAUSED, STREAMING } from "../../internet/stream/closing.ts";
import { AWAIT_DRAIN, DRAINED, type DrainWaiter, OVER_MARK, TAKEN_OVER } from "../../internet/stream/sendqueue.ts";
import type { ReactorTime } from "../../internet/time.ts";
import { endBy } from "../guard.ts";
import { HoldingWrapper } from "../policies/holding.ts";
import { type WrappableFactory, WrappingFactory } from "../policies/wrapper.ts";
import type { Bucket } from "./bucket.ts";
import { ShapedConsumer } from "./consumer.ts";
import { BUCKET_FILTER, type BucketFilter } from "./filter.ts";

const CALL = "new ShapedProtocolFactory(wrappedFactory, bucketFilter, clock)";
const CLOCK = orNull(clockKind);

/** A transport whose writes pass through a bucket. FIN and the close follow everything that was written before them. */
export class ShapedTransport<P extends ProtocolLike = ProtocolLike> extends HoldingWrapper<P> {
  declare factory: ShapedProtocolFactory<P>;
  /** Set by connectionMade(). */
  #shaper!: Shaper;
  /** The wrapped protocol has paused reading. */
  #paused = false;
  /** Who waits until the buffer has run empty; reading is paused meanwhile. */
  #waiters: DrainWaiter[] | null = null;

  override connectionMade(): void {
    const { bucketFilter, clock } = this.factory;
    this.#shaper = new Shaper(this, this.transport, bucketFilter.getBucketFor(this.transport), clock);
  }

  override connectionLost(reason: Failure): unknown {
    // Undefined when connectionMade() threw.
    (this.#shaper as Shaper | undefined)?.stopProducing();
    this.#waiters = null;
    return super.connectionLost(reason);
  }

  override write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    const bytes = encodedOr(data, encoding, callback);
    ensureBytes(bytes);
    if (!this.ending) this.#shaper.write(bytes);
  }

  override registerProducer(producer: PushProducer | PullProducer, streaming: boolean): void {
    ensureProducer(producer, streaming);
    if (this.#shaper.producer === null && !this.admit(producer, streaming)) return;
    this.#shaper.registerProducer(producer, streaming);
  }

  override unregisterProducer(): void {
    this.#shaper.unregisterProducer();
    this.beginDueEnd();
  }

  override pauseProducing(): void {
    this.#paused = true;
    super.pauseProducing();
  }

  override resumeProducing(): void {
    this.#paused = false;
    if (this.#waiters === null) super.resumeProducing();
  }

  /** @internal */
  override get [OVER_MARK](): boolean {
    return this.#waiters !== null || this.#full;
  }

  /** @internal */
  override [AWAIT_DRAIN](waiter: DrainWaiter): boolean {
    const waiters = this.#waiters ?? [];
    if (waiters.length === 0) {
      if (this.disconnecting || !this.#full) return false;
      super.pauseProducing();
    }
    if (!waiters.includes(waiter)) waiters.push(waiter);
    this.#waiters = waiters;
    return true;
  }

  /** @internal */
  override [TAKEN_OVER](): void {
    super[TAKEN_OVER]();
    this.#waitNoLonger();
  }

  /** Nobody waits any more: read on, unless the wrapped protocol has paused. */
  #waitNoLonger(): void {
    if (this.#waiters === null) return;
    this.#waiters = null;
    if (!this.#paused) super.resumeProducing();
  }

  get #full(): boolean {
    return this.#shaper.waiting >= this.#shaper.bufferSize;
  }

  protected override producerFlags(): number {
    const shaper = this.#shaper;
    if (shaper.producer === null) return 0;
    return shaper.producing ? PRODUCER | STREAMING | PRODUCER_PAUSED : PRODUCER | STREAMING;
  }

  protected override passEnd(): void {
    const shaper = this.#shaper;
    if (shaper.waiting > 0) return;
    if (this.disconnecting) shaper.detach();
    super.passEnd();
  }

  /** @internal The buffer has run empty. */
  shaperDrained(): void {
    this.beginDueEnd();
    if (this.ending) this.passEnd();
    this.#tellWaiters();
  }

  /** @internal The producer was resumed; it may be paused again by now. */
  producerResumed(): void {
    this.beginDueEnd();
  }

  /** @internal Whether resumeProducing() of the producer may be called. */
  get asksProducer(): boolean {
    return !this.ending;
  }

  #tellWaiters(): void {
    const told = this.#waiters;
    if (told === null) return;
    this.#waiters = [];
    for (const waiter of told) waiter[DRAINED]();
    // One may wait again, or have lost the connection or given it away.
    if ((this.#waiters as DrainWaiter[] | null)?.length === 0) this.#waitNoLonger();
  }
}

/** Writes to a transport, and remains its producer until the transport closes. */
class Shaper extends ShapedConsumer {
  readonly #owner: ShapedTransport;

  constructor(owner: ShapedTransport, transport: Transport, bucket: Bucket, clock: ReactorTime | null) {
    super(transport, bucket, clock);
    this.#owner = owner;
  }

  protected override drained(): void {
    this.#owner.shaperDrained();
  }

  protected override get asksProducer(): boolean {
    return this.#owner.asksProducer;
  }

  protected override producerFailed(error: unknown): void {
    endBy(error, this.#owner, this.#owner);
  }

  protected override producerResumed(): void {
    this.#owner.producerResumed();
  }
}

/** Limits the writes of a factory's connections: those of each connection pass through the bucket that a filter chooses. */
export class ShapedProtocolFactory<P extends ProtocolLike = ProtocolLike> extends WrappingFactory<
  P,
  ShapedTransport<P>
> {
  readonly bucketFilter: BucketFilter;
  readonly clock: ReactorTime | null;

  /**
   * @param clock schedules delayed writes; default: the installed reactor
   * @throws TypeError
   */
  constructor(wrappedFactory: WrappableFactory<P>, bucketFilter: BucketFilter, clock: ReactorTime | null = null) {
    super(wrappedFactory);
    check(CALL, "bucketFilter", bucketFilter, BUCKET_FILTER);
    check(CALL, "clock", clock, CLOCK);
    this.bucketFilter = bucketFilter;
    this.clock = clock;
  }

  override wrapProtocol(wrapped: P, _addr: Address): ShapedTransport<P> {
    return new ShapedTransport(this, wrapped);
  }
}
