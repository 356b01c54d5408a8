/** Connections that are written to no faster than a bucket allows. */
import { ensureProducer } from "../../internet/arguments/transports.ts";
import { encodedOr, ensureBytes } from "../../internet/arguments/writing.ts";
import type { Failure } from "../../internet/failure.ts";
import type { Address, Bytes, ProtocolLike, PullProducer, PushProducer, Transport } from "../../internet/interfaces.ts";
import type { ReactorTime } from "../../internet/time.ts";
import { ProtocolWrapper, type WrappableFactory, WrappingFactory } from "../policies/wrapper.ts";
import type { Bucket } from "./bucket.ts";
import { ShapedConsumer } from "./consumer.ts";
import type { BucketFilter } from "./filter.ts";

/** The transport of a protocol whose writes go through a bucket. It closes after all that was written has passed. */
export class ShapedTransport<P extends ProtocolLike = ProtocolLike> extends ProtocolWrapper<P> {
  declare factory: ShapedProtocolFactory<P>;
  /** There from connectionMade() on. */
  #shaper!: Shaper;
  /** loseConnection() was called, and perhaps waits. */
  #closing = false;
  /** loseWriteConnection() was called, and perhaps waits. */
  #ending = false;
  /** The producer had more to say when loseConnection() was called. */
  #waitsForProducer = false;

  override connectionMade(): void {
    const { bucketFilter, clock } = this.factory;
    this.#shaper = new Shaper(this, this.transport, bucketFilter.getBucketFor(this.transport), clock);
  }

  override connectionLost(reason: Failure): unknown {
    // Not there when connectionMade() failed.
    (this.#shaper as Shaper | undefined)?.stopProducing();
    return super.connectionLost(reason);
  }

  override dataReceived(data: Buffer): unknown {
    return this.#closing ? undefined : super.dataReceived(data);
  }

  /** Always there: when its peer has ended, a connection may close only after all that waits here. */
  override get readConnectionLost(): () => unknown {
    return super.readConnectionLost ?? this.loseConnection;
  }

  override get disconnecting(): boolean {
    return this.#closing || super.disconnecting;
  }

  override write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    const bytes = encodedOr(data, encoding, callback);
    ensureBytes(bytes);
    if (this.#ending || (this.#closing && !this.#waitsForProducer)) return;
    this.#shaper.write(bytes);
  }

  override registerProducer(producer: PushProducer | PullProducer, streaming: boolean): void {
    ensureProducer(producer, streaming);
    this.#shaper.registerProducer(producer, streaming);
  }

  override unregisterProducer(): void {
    this.#shaper.unregisterProducer();
  }

  override resumeProducing(): void {
    if (!this.#closing) super.resumeProducing();
  }

  override loseConnection(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#waitsForProducer = this.#shaper.producing;
    super.pauseProducing();
    this.endWhenPassed();
  }

  override loseWriteConnection(): void {
    this.#ending = true;
    this.endWhenPassed();
  }

  /** End what is to end, as soon as nothing waits. */
  endWhenPassed(): void {
    const shaper = this.#shaper;
    if (shaper.waiting > 0 || (this.#waitsForProducer && shaper.producer !== null)) return;
    if (this.#closing) {
      shaper.detach();
      super.loseConnection();
    } else if (this.#ending) {
      super.loseWriteConnection();
    }
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
    this.#owner.endWhenPassed();
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
