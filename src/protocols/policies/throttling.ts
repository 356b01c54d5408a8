/** Limits the bytes per second that all connections of a factory read and write. */

import { ensureProducer } from "../../internet/arguments/transports.ts";
import { encodedOr } from "../../internet/arguments/writing.ts";
import type { Address, Bytes, ProtocolLike, PullProducer, PushProducer } from "../../internet/interfaces.ts";
import { defaultClock } from "../../internet/reactor/defaultclock.ts";
import { PRODUCER, PRODUCER_PAUSED, STREAMING } from "../../internet/stream/closing.ts";
import type { DelayedCall, ReactorTime } from "../../internet/time.ts";
import { msg } from "../../logger/log.ts";
import { endBy } from "../guard.ts";
import { Bucket } from "../htb/bucket.ts";
import { HoldingWrapper } from "./holding.ts";
import { type WrappableFactory, WrappingFactory } from "./wrapper.ts";

/** Reports its bytes to the factory, which pauses and resumes it. */
export class ThrottlingProtocol<P extends ProtocolLike = ProtocolLike> extends HoldingWrapper<P> {
  declare factory: ThrottlingFactory<P>;
  /** The wrapped protocol reads no further of its own accord. */
  #paused = false;
  #readsThrottled = false;
  #writesThrottled = false;
  #valve: Valve | null = null;

  override write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    const bytes = encodedOr(data, encoding, callback);
    super.write(bytes);
    this.factory.registerWritten(typeof bytes === "string" ? Buffer.byteLength(bytes) : bytes.length);
  }

  override dataReceived(data: Buffer): unknown {
    this.factory.registerRead(data.length);
    return super.dataReceived(data);
  }

  override pauseProducing(): void {
    this.#paused = true;
    super.pauseProducing();
  }

  override resumeProducing(): void {
    this.#paused = false;
    if (!this.#readsThrottled) super.resumeProducing();
  }

  override registerProducer(producer: PushProducer | PullProducer, streaming: boolean): void {
    ensureProducer(producer, streaming);
    if (this.#valve === null && !this.admit(producer, streaming)) return;
    const before = this.#valve;
    const valve = new Valve(producer, streaming, () => this.beginDueEnd());
    // The transport asks a pull producer at once, and that may unregister.
    this.#valve = valve;
    try {
      super.registerProducer(valve, streaming);
    } catch (error) {
      this.#valve = before;
      throw error;
    }
    if (this.#writesThrottled && this.#valve === valve) valve.throttle();
  }

  override unregisterProducer(): void {
    this.#valve = null;
    super.unregisterProducer();
    this.beginDueEnd();
  }

  protected override producerFlags(): number {
    if (this.#valve === null) return 0;
    return this.#valve.holds ? PRODUCER | STREAMING | PRODUCER_PAUSED : PRODUCER | STREAMING;
  }

  /** Pause reading. */
  throttleReads(): void {
    this.#readsThrottled = true;
    super.pauseProducing();
  }

  /** Resume reading, unless the wrapped protocol has paused. */
  unthrottleReads(): void {
    this.#readsThrottled = false;
    if (!this.#paused) super.resumeProducing();
  }

  /** Pause the producer, if there is one. */
  throttleWrites(): void {
    this.#writesThrottled = true;
    this.#turn((valve) => valve.throttle());
  }

  /** Resume the producer, unless the transport has paused it too. */
  unthrottleWrites(): void {
    this.#writesThrottled = false;
    this.#turn((valve) => valve.unthrottle());
  }

  /** An error of this connection's producer ends this connection only, so that the loop over the others goes on. */
  #turn(how: (valve: Valve) => void): void {
    // Once FIN or the close has begun, a producer that is paused stays paused.
    if (this.#valve === null || this.ending) return;
    try {
      how(this.#valve);
    } catch (error) {
      endBy(error, this, this);
    }
  }
}

/** Sits between a transport and its producer, which runs only when both the transport and the factory allow it. */
class Valve implements PushProducer {
  readonly #producer: PushProducer | PullProducer;
  readonly #streaming: boolean;
  /** The transport wants nothing now. It asks a pull producer each time. */
  #congested: boolean;
  #throttled = false;
  readonly #resumed: () => void;

  /** @param resumed called when the producer was resumed; it may be paused again by then */
  constructor(producer: PushProducer | PullProducer, streaming: boolean, resumed: () => void) {
    this.#producer = producer;
    this.#resumed = resumed;
    this.#streaming = streaming;
    this.#congested = !streaming;
  }

  /** True while the producer has more to write: a pull producer until it unregisters, a push producer while paused. */
  get holds(): boolean {
    return !this.#streaming || this.#congested || this.#throttled;
  }

  pauseProducing(): void {
    this.#congested = true;
    if (!this.#throttled) (this.#producer as PushProducer).pauseProducing();
  }

  resumeProducing(): void {
    this.#congested = false;
    if (!this.#throttled) this.#goOn();
  }

  stopProducing(): void {
    this.#producer.stopProducing();
  }

  throttle(): void {
    if (this.#throttled) return;
    this.#throttled = true;
    if (this.#streaming && !this.#congested) (this.#producer as PushProducer).pauseProducing();
  }

  unthrottle(): void {
    if (!this.#throttled) return;
    this.#throttled = false;
    if (!this.#congested) this.#goOn();
  }

  #goOn(): void {
    if (!this.#streaming) this.#congested = true;
    this.#producer.resumeProducing();
    this.#resumed();
  }
}

/**
 * Counts the bytes of one direction. After more than one second's worth it pauses everybody, until the average is back
 * at the limit.
 */
class Meter {
  readonly #bucket: Bucket;
  readonly #clock: ReactorTime;
  readonly #limit: number;
  readonly #stop: () => void;
  readonly #goOn: () => void;
  #pause: DelayedCall | null = null;

  constructor(limit: number, clock: ReactorTime, stop: () => void, goOn: () => void) {
    this.#bucket = new Bucket(null, clock);
    this.#bucket.rate = limit;
    this.#clock = clock;
    this.#limit = limit;
    this.#stop = stop;
    this.#goOn = goOn;
  }

  get stopped(): boolean {
    return this.#pause !== null;
  }

  count(bytes: number): void {
    this.#bucket.add(bytes);
    if (this.#pause !== null || this.#bucket.content <= this.#limit) return;
    this.#wait();
    this.#stop();
  }

  /** No connection is left to pause. The excess still counts against the next connections. */
  rest(): void {
    this.#pause?.cancel();
    this.#pause = null;
  }

  #wait(): void {
    this.#pause = this.#clock.callLater(Math.max(this.#bucket.content / this.#limit, SHORTEST_PAUSE), () => {
      this.#pause = null;
      // Bytes in flight at the time of the pause have arrived meanwhile.
      if (this.#bucket.drip()) this.#goOn();
      else this.#wait();
    });
  }
}

/** Seconds. A clock's own rounding could make a shorter one end where it began. */
const SHORTEST_PAUSE = 0.001;

/** What is limited, and how far. */
export interface ThrottlingOptions {
  /** Connections at a time; those beyond are closed. Default: any number. */
  readonly maxConnectionCount?: number;
  /** Bytes that all connections together read in a second; null, the default: any number. */
  readonly readLimit?: number | null;
  /** Bytes that all connections together write in a second; null, the default: any number. */
  readonly writeLimit?: number | null;
  /** What measures the time. Default: the installed reactor. */
  readonly clock?: ReactorTime;
}

/**
 * Limits how many connect, and how much they all together read and write in a second. More than a second's worth may
 * pass at once; then everything pauses until the average is right again. Nothing is lost or held in memory: reading
 * pauses, and so do registered producers. What is written without a producer counts, but nothing can hold it back.
 */
export class ThrottlingFactory<P extends ProtocolLike = ProtocolLike> extends WrappingFactory<
  P,
  ThrottlingProtocol<P>
> {
  /** Connections now. */
  connectionCount = 0;
  readonly maxConnectionCount: number;
  readonly #reads: Meter | null;
  readonly #writes: Meter | null;

  /**
   * @throws RangeError when a limit is not above 0
   * @throws NoClockError when there is a limit of bytes, but neither a clock nor an installed reactor
   */
  constructor(wrappedFactory: WrappableFactory<P>, options: ThrottlingOptions = {}) {
    super(wrappedFactory);
    const { maxConnectionCount = Number.POSITIVE_INFINITY, readLimit = null, writeLimit = null, clock } = options;
    this.maxConnectionCount = maxConnectionCount;
    const meter = (name: string, limit: number | null, stop: () => void, goOn: () => void) => {
      if (limit === null) return null;
      if (!(limit > 0)) {
        throw new RangeError(`${name} is a number of bytes a second above 0, or null for any number; it was ${limit}.`);
      }
      return new Meter(limit, clock ?? defaultClock(), stop, goOn);
    };
    this.#reads = meter(
      "readLimit",
      readLimit,
      () => this.throttleReads(),
      () => this.unthrottleReads(),
    );
    this.#writes = meter(
      "writeLimit",
      writeLimit,
      () => this.throttleWrites(),
      () => this.unthrottleWrites(),
    );
  }

  override buildProtocol(addr: Address): ThrottlingProtocol<P> | null {
    if (this.connectionCount >= this.maxConnectionCount) {
      if (this.noisy) msg(`${this.logPrefix()} has its ${this.maxConnectionCount} connections, and closes a new one`);
      return null;
    }
    const wrapper = super.buildProtocol(addr);
    if (wrapper !== null) this.connectionCount++;
    return wrapper;
  }

  override wrapProtocol(wrapped: P, _addr: Address): ThrottlingProtocol<P> {
    return new ThrottlingProtocol(this, wrapped);
  }

  override registerProtocol(wrapper: ThrottlingProtocol<P>): void {
    super.registerProtocol(wrapper);
    if (this.#reads?.stopped) wrapper.throttleReads();
    if (this.#writes?.stopped) wrapper.throttleWrites();
  }

  override unregisterProtocol(wrapper: ThrottlingProtocol<P>): void {
    super.unregisterProtocol(wrapper);
    this.connectionCount--;
    if (this.connectionCount > 0) return;
    this.#reads?.rest();
    this.#writes?.rest();
  }

  /** A connection has read so many bytes. */
  registerRead(length: number): void {
    this.#reads?.count(length);
  }

  /** A connection has written so many bytes. */
  registerWritten(length: number): void {
    this.#writes?.count(length);
  }

  /** Let no connection read. */
  throttleReads(): void {
    if (this.noisy) msg(`${this.logPrefix()} throttles reading`);
    for (const wrapper of this.protocols) wrapper.throttleReads();
  }

  /** Let all connections read on. */
  unthrottleReads(): void {
    if (this.noisy) msg(`${this.logPrefix()} reads on`);
    for (const wrapper of this.protocols) wrapper.unthrottleReads();
  }

  /** Pause every producer. */
  throttleWrites(): void {
    if (this.noisy) msg(`${this.logPrefix()} throttles writing`);
    for (const wrapper of this.protocols) wrapper.throttleWrites();
  }

  /** Resume every producer. */
  unthrottleWrites(): void {
    if (this.noisy) msg(`${this.logPrefix()} writes on`);
    for (const wrapper of this.protocols) wrapper.unthrottleWrites();
  }
}
