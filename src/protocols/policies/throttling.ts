/** Limits the bytes per second that all connections of a factory read and write. */

import { checkOptions, type OptionKinds } from "../../internet/arguments/check.ts";
import { clock, count, orNull, positive } from "../../internet/arguments/kinds.ts";
import { ensureProducer } from "../../internet/arguments/transports.ts";
import { encodedOr } from "../../internet/arguments/writing.ts";
import { sentLength } from "../../internet/bytes.ts";
import type { Address, Bytes, ProtocolLike, PullProducer, PushProducer } from "../../internet/interfaces.ts";
import { defaultClock } from "../../internet/reactor/defaultclock.ts";
import { PRODUCER, PRODUCER_PAUSED, STREAMING } from "../../internet/stream/closing.ts";
import { type DelayedCall, monotonicClock, type ReactorTime, type TimeSource } from "../../internet/time.ts";
import { Refusals } from "../../logger/refusals.ts";
import { endBy, watch } from "../guard.ts";
import { Bucket } from "../htb/bucket.ts";
import { HoldingWrapper } from "./holding.ts";
import { type WrappableFactory, WrappingFactory } from "./wrapper.ts";

/** Reports the bytes it reads and writes to the factory, which pauses and resumes it. */
export class ThrottlingProtocol<P extends ProtocolLike = ProtocolLike> extends HoldingWrapper<P> {
  declare factory: ThrottlingFactory<P>;
  /** The wrapped protocol has paused reading. */
  #paused = false;
  #readsThrottled = false;
  #writesThrottled = false;
  #valve: Valve | null = null;

  override write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    const bytes = encodedOr(data, encoding, callback);
    super.write(bytes);
    // What is written to a connection that sends nothing more must not use up the share of the others.
    if (!this.mute) this.factory.registerWritten(sentLength(bytes));
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
    // Set before: the transport calls resumeProducing() of a pull producer at once, and that may unregister it.
    this.#valve = valve;
    try {
      super.registerProducer(valve, streaming);
    } catch (error) {
      this.#valve = before;
      throw error;
    }
    if (this.#writesThrottled && this.#valve === valve) watch(valve.throttle(), this, this);
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

  /** A producer that throws or rejects ends this connection only: the factory continues with the others. */
  #turn(how: (valve: Valve) => unknown): void {
    // Once FIN or the close has begun, a producer that is paused stays paused.
    if (this.#valve === null || this.ending) return;
    try {
      watch(how(this.#valve), this, this);
    } catch (error) {
      endBy(error, this, this);
    }
  }
}

/** Sits between a transport and its producer, which runs only when both the transport and the factory allow it. */
class Valve implements PushProducer {
  readonly #producer: PushProducer | PullProducer;
  readonly #streaming: boolean;
  /** The transport has paused the producer, or has not yet called resumeProducing() of a pull producer again. */
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

  // Each returns the result of the producer's method, which may be a promise that the caller watches.

  pauseProducing(): unknown {
    this.#congested = true;
    return this.#throttled ? undefined : (this.#producer as PushProducer).pauseProducing();
  }

  resumeProducing(): unknown {
    this.#congested = false;
    return this.#throttled ? undefined : this.#resume();
  }

  stopProducing(): unknown {
    return this.#producer.stopProducing();
  }

  throttle(): unknown {
    if (this.#throttled) return undefined;
    this.#throttled = true;
    return this.#streaming && !this.#congested ? (this.#producer as PushProducer).pauseProducing() : undefined;
  }

  unthrottle(): unknown {
    if (!this.#throttled) return undefined;
    this.#throttled = false;
    return this.#congested ? undefined : this.#resume();
  }

  #resume(): unknown {
    if (!this.#streaming) this.#congested = true;
    const result: unknown = this.#producer.resumeProducing();
    this.#resumed();
    return result;
  }
}

/**
 * Counts the bytes of one direction. When more than one second's worth has passed, it pauses all connections until the
 * average is back at the limit.
 */
class Meter {
  readonly #bucket: Bucket;
  readonly #clock: ReactorTime;
  readonly #limit: number;
  readonly #pauseAll: () => void;
  readonly #resume: () => void;
  #pause: DelayedCall | null = null;

  constructor(limit: number, clock: ReactorTime, pauseAll: () => void, resume: () => void) {
    this.#bucket = new Bucket(null, clock);
    this.#bucket.rate = limit;
    this.#clock = clock;
    this.#limit = limit;
    this.#pauseAll = pauseAll;
    this.#resume = resume;
  }

  get paused(): boolean {
    return this.#pause !== null;
  }

  count(bytes: number): void {
    this.#bucket.add(bytes);
    if (this.#pause !== null || this.#bucket.content <= this.#limit) return;
    this.#wait();
    this.#pauseAll();
  }

  /** The last connection is gone: cancel the pause. The excess still counts against the next connections. */
  cancelPause(): void {
    this.#pause?.cancel();
    this.#pause = null;
  }

  #wait(): void {
    this.#pause = this.#clock.callLater(Math.max(this.#bucket.content / this.#limit, SHORTEST_PAUSE), () => {
      this.#pause = null;
      // Bytes that were in flight when the pause began have arrived since.
      if (this.#bucket.drip()) this.#resume();
      else this.#wait();
    });
  }
}

/** Seconds. With a clock that rounds, a shorter pause could end where it began. */
const SHORTEST_PAUSE = 0.001;

/** The limits of a {@link ThrottlingFactory}. */
export interface ThrottlingOptions {
  /** Concurrent connections; excess ones are closed. Default: unlimited. */
  readonly maxConnectionCount?: number;
  /** Bytes per second that all connections together read; null, the default: unlimited. */
  readonly readLimit?: number | null;
  /** Bytes per second that all connections together write; null, the default: unlimited. */
  readonly writeLimit?: number | null;
  /** Measures the time. Default: the installed reactor. */
  readonly clock?: ReactorTime;
}

const OPTIONS: OptionKinds<ThrottlingOptions> = {
  maxConnectionCount: count(0),
  readLimit: orNull(positive),
  writeLimit: orNull(positive),
  clock,
};

/**
 * Limits the number of connections, and the bytes per second that all of them together read and write. A burst may exceed
 * the limit; then all connections pause until the average is back at the limit. Nothing is dropped or buffered: reading and
 * the registered producers are paused. Bytes that are written without a producer are counted but cannot be delayed.
 */
export class ThrottlingFactory<P extends ProtocolLike = ProtocolLike> extends WrappingFactory<
  P,
  ThrottlingProtocol<P>
> {
  /** Current connections. */
  connectionCount = 0;
  readonly maxConnectionCount: number;
  readonly #reads: Meter | null;
  readonly #writes: Meter | null;
  readonly #time: TimeSource;
  /** By what they say. */
  readonly #refusals = new Map<string, Refusals>();

  /**
   * @throws TypeError | RangeError when a limit is not a number above 0
   * @throws NoClockError when there is a limit of bytes, but neither a clock nor an installed reactor
   */
  constructor(wrappedFactory: WrappableFactory<P>, options: ThrottlingOptions = {}) {
    super(wrappedFactory);
    const call = `new ${new.target.name}(wrappedFactory, options)`;
    const checked = checkOptions<ThrottlingOptions>(call, options, OPTIONS);
    const { maxConnectionCount = Number.POSITIVE_INFINITY, readLimit = null, writeLimit = null } = checked;
    this.maxConnectionCount = maxConnectionCount;
    this.#time = checked.clock ?? monotonicClock;
    const meter = (limit: number | null, pauseAll: () => void, resume: () => void) =>
      limit === null ? null : new Meter(limit, checked.clock ?? defaultClock(), pauseAll, resume);
    this.#reads = meter(
      readLimit,
      () => this.throttleReads(),
      () => this.unthrottleReads(),
    );
    this.#writes = meter(
      writeLimit,
      () => this.throttleWrites(),
      () => this.unthrottleWrites(),
    );
  }

  override buildProtocol(addr: Address): ThrottlingProtocol<P> | null {
    if (this.connectionCount >= this.maxConnectionCount) {
      this.#tell(`has its ${this.maxConnectionCount} connections, and closes a new one`);
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
    if (this.#reads?.paused) wrapper.throttleReads();
    if (this.#writes?.paused) wrapper.throttleWrites();
  }

  override unregisterProtocol(wrapper: ThrottlingProtocol<P>): void {
    super.unregisterProtocol(wrapper);
    this.connectionCount--;
    if (this.connectionCount > 0) return;
    this.#reads?.cancelPause();
    this.#writes?.cancelPause();
  }

  /** A connection has read `length` bytes. */
  registerRead(length: number): void {
    this.#reads?.count(length);
  }

  /** A connection has written `length` bytes. */
  registerWritten(length: number): void {
    this.#writes?.count(length);
  }

  /** Pause the reading of all connections. */
  throttleReads(): void {
    this.#tell("throttles reading");
    for (const wrapper of this.protocols) wrapper.throttleReads();
  }

  /** Resume the reading of all connections. */
  unthrottleReads(): void {
    this.#tell("resumes reading");
    for (const wrapper of this.protocols) wrapper.unthrottleReads();
  }

  /** Pause all producers. */
  throttleWrites(): void {
    this.#tell("throttles writing");
    for (const wrapper of this.protocols) wrapper.throttleWrites();
  }

  /** Resume all producers. */
  unthrottleWrites(): void {
    this.#tell("resumes writing");
    for (const wrapper of this.protocols) wrapper.unthrottleWrites();
  }

  /** Log it, if the factory is noisy: each once a minute at most, since peers decide how often it is. */
  #tell(what: string): void {
    if (!this.noisy) return;
    const refusals = this.#refusals.get(what) ?? new Refusals();
    this.#refusals.set(what, refusals);
    refusals.note(this.#time.seconds(), () => `${this.logPrefix()} ${what}`);
  }
}
