/** Connections that are written to no faster than a bucket allows. */
import { ensureProducer } from "../../internet/arguments/transports.ts";
import { encodedOr, ensureBytes } from "../../internet/arguments/writing.ts";
import type { Failure } from "../../internet/failure.ts";
import type { Address, Bytes, ProtocolLike, PullProducer, PushProducer, Transport } from "../../internet/interfaces.ts";
import { PRODUCER, PRODUCER_PAUSED, STREAMING } from "../../internet/stream/closing.ts";
import type { ReactorTime } from "../../internet/time.ts";
import { HoldingWrapper } from "../policies/holding.ts";
import { type WrappableFactory, WrappingFactory } from "../policies/wrapper.ts";
import type { Bucket } from "./bucket.ts";
import { ShapedConsumer } from "./consumer.ts";
import type { BucketFilter } from "./filter.ts";

/** The transport of a protocol whose writes go through a bucket. An end follows all that was written before it. */
export class ShapedTransport<P extends ProtocolLike = ProtocolLike> extends HoldingWrapper<P> {
  declare factory: ShapedProtocolFactory<P>;
  /** There from connectionMade() on. */
  #shaper!: Shaper;

  override connectionMade(): void {
    const { bucketFilter, clock } = this.factory;
    this.#shaper = new Shaper(this, this.transport, bucketFilter.getBucketFor(this.transport), clock);
  }

  override connectionLost(reason: Failure): unknown {
    // Not there when connectionMade() failed.
    (this.#shaper as Shaper | undefined)?.stopProducing();
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

  /** @internal Nothing waits any more. */
  shaperDrained(): void {
    this.beginDueEnd();
    if (this.ending) this.passEnd();
  }

  /** @internal The producer was resumed, and may have paused again. */
  producerResumed(): void {
    this.beginDueEnd();
  }

  /** @internal Whether a producer is still asked for more. */
  get asksProducer(): boolean {
    return !this.ending;
  }
}

/** Feeds a transport, and remains its producer until that closes. */
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

  protected override producerResumed(): void {
    this.#owner.producerResumed();
  }
}

/** Shapes the traffic of a factory's connections: what each writes goes through the bucket that a filter finds for it. */
export class ShapedProtocolFactory<P extends ProtocolLike = ProtocolLike> extends WrappingFactory<
  P,
  ShapedTransport<P>
> {
  readonly bucketFilter: BucketFilter;
  readonly clock: ReactorTime | null;

  /** @param clock what the writes wait by; default: the installed reactor */
  constructor(wrappedFactory: WrappableFactory<P>, bucketFilter: BucketFilter, clock: ReactorTime | null = null) {
    super(wrappedFactory);
    this.bucketFilter = bucketFilter;
    this.clock = clock;
  }

  override wrapProtocol(wrapped: P, _addr: Address): ShapedTransport<P> {
    return new ShapedTransport(this, wrapped);
  }
}
