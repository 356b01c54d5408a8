/** A consumer that is limited by a token bucket. */

import { ensureProducer } from "../../internet/arguments/transports.ts";
import { encodedOr, ensureBytes } from "../../internet/arguments/writing.ts";
import type { Bytes, Consumer, PullProducer, PushProducer } from "../../internet/interfaces.ts";
import { defaultClock } from "../../internet/reactor/defaultclock.ts";
import type { DelayedCall, ReactorTime } from "../../internet/time.ts";
import type { Bucket } from "./bucket.ts";

/** Seconds: what waits is passed on in pieces worth this much time, since many tiny ones do no good. */
const STEP = 0.05;
/** Seconds between two looks at the bucket, at least and at most: its clock may round, and its rate may change. */
const SHORTEST_WAIT = 0.001;
const LONGEST_WAIT = 1;

/**
 * Forwards writes to `consumer` as fast as `bucket` allows. Excess bytes are buffered, and a push producer is paused
 * while many are. It is registered as the consumer's producer until its own producer has unregistered and the buffer is
 * empty.
 */
export class ShapedConsumer implements Consumer, PushProducer {
  /** Bytes that may wait before a push producer is paused. */
  bufferSize = 64 * 1024;
  /** What writes to this, or null. */
  producer: PushProducer | PullProducer | null = null;
  readonly consumer: Consumer;
  readonly bucket: Bucket;
  readonly #clock: ReactorTime;
  #pieces: Uint8Array[] = [];
  #waiting = 0;
  #streaming = false;
  #producerPaused = false;
  /** The consumer wants nothing now. */
  #paused = false;
  /** It is the consumer's producer. */
  #attached = false;
  /** Its own producer has unregistered: it does so too when nothing waits. */
  #finishing = false;
  #stopped = false;
  #flushing = false;
  /** The pull producer has written since it was asked. */
  #answered = false;
  #call: DelayedCall | null = null;

  /**
   * @param clock what it waits by; default: the installed reactor
   * @throws NoClockError when there is neither
   */
  constructor(consumer: Consumer, bucket: Bucket, clock: ReactorTime | null = null) {
    this.consumer = consumer;
    this.bucket = bucket;
    this.#clock = clock ?? defaultClock();
    this.#attach();
  }

  /** Bytes that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** True while the producer is expected to write more. */
  get producing(): boolean {
    return this.producer !== null && (!this.#streaming || this.#producerPaused);
  }

  /** Pass these bytes on, in their turn. What waits is a copy. */
  write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    const given = encodedOr(data, encoding, callback);
    ensureBytes(given);
    if (this.#stopped) return;
    const bytes = typeof given === "string" ? Buffer.from(given) : given;
    this.#attach();
    this.#answered = true;
    let passed = 0;
    if (this.#waiting === 0 && !this.#paused) {
      passed = this.bucket.add(bytes.length);
      if (passed > 0) this.consumer.write(passed === bytes.length ? bytes : bytes.subarray(0, passed));
    }
    if (passed < bytes.length && !this.#stopped) {
      this.#pieces.push(Buffer.from(bytes.subarray(passed)));
      this.#waiting += bytes.length - passed;
      if (this.#waiting >= this.bufferSize) this.#pauseProducer();
    }
    // Also when nothing waits: a pull producer is asked for more.
    this.#flush();
  }

  /** @throws Error when a producer is registered already */
  registerProducer(producer: PushProducer | PullProducer, streaming: boolean): void {
    ensureProducer(producer, streaming);
    if (this.producer !== null) {
      throw new Error("A producer is registered with this consumer already: unregisterProducer() it first.");
    }
    if (this.#stopped) {
      producer.stopProducing();
      return;
    }
    this.producer = producer;
    this.#streaming = streaming;
    this.#producerPaused = false;
    this.#finishing = false;
    this.#attach();
    this.#flush();
  }

  unregisterProducer(): void {
    if (this.producer === null) return;
    this.producer = null;
    this.#finishing = true;
    if (this.#waiting === 0) this.drained();
  }

  pauseProducing(): void {
    this.#paused = true;
  }

  resumeProducing(): void {
    this.#paused = false;
    this.#flush();
  }

  /** The consumer is gone: what waits is dropped, and the bucket let go of. */
  stopProducing(): void {
    if (this.#stopped) return;
    const { producer } = this;
    this.#stopped = true;
    this.producer = null;
    this.#pieces = [];
    this.#waiting = 0;
    this.#letGo();
    producer?.stopProducing();
  }

  /** Called when nothing waits any more. */
  protected drained(): void {
    if (this.#finishing) this.detach();
  }

  /** Whether the producer may be asked for more. */
  protected get asksProducer(): boolean {
    return true;
  }

  /** Called when the producer was resumed; it may have paused again meanwhile. */
  protected producerResumed(): void {}

  /** Cease to be the consumer's producer. */
  detach(): void {
    if (!this.#attached) return;
    this.#letGo();
    this.consumer.unregisterProducer();
  }

  #attach(): void {
    if (this.#attached) return;
    this.#attached = true;
    this.bucket.refcount++;
    this.consumer.registerProducer(this, true);
  }

  #letGo(): void {
    if (!this.#attached) return;
    this.#attached = false;
    this.bucket.refcount--;
    this.#cancelCall();
  }

  #cancelCall(): void {
    this.#call?.cancel();
    this.#call = null;
  }

  #pauseProducer(): void {
    if (this.producer === null || !this.#streaming || this.#producerPaused) return;
    this.#producerPaused = true;
    (this.producer as PushProducer).pauseProducing();
  }

  /** Pass on what may pass, and ask for more when nothing waits. A producer that writes at once is heard here too. */
  #flush(): void {
    if (this.#flushing || this.#paused || this.#stopped) return;
    this.#flushing = true;
    try {
      const before = this.#waiting;
      do this.#passOn();
      while (this.#waiting === 0 && !this.#paused && this.#askForMore());
      if (this.#waiting > 0) {
        this.#flushLater(this.#waiting < before);
        return;
      }
      this.#cancelCall();
      if (before > 0) this.drained();
    } finally {
      this.#flushing = false;
    }
  }

  #passOn(): void {
    while (this.#waiting > 0 && !this.#paused) {
      let passing = this.bucket.add(this.#waiting);
      if (passing === 0) return;
      this.#waiting -= passing;
      const pieces = this.#pieces;
      let whole = 0;
      while (passing > 0 && !this.#stopped) {
        const piece = pieces[whole]!;
        if (piece.length > passing) {
          pieces[whole] = piece.subarray(passing);
          this.consumer.write(piece.subarray(0, passing));
          break;
        }
        whole++;
        passing -= piece.length;
        this.consumer.write(piece);
      }
      pieces.splice(0, whole);
    }
  }

  /** True when the producer has answered at once. */
  #askForMore(): boolean {
    const { producer } = this;
    if (producer === null || !this.asksProducer || (this.#streaming && !this.#producerPaused)) return false;
    this.#producerPaused = false;
    this.#answered = false;
    producer.resumeProducing();
    this.producerResumed();
    return this.#answered;
  }

  /** `served`: something has passed. Those of a common parent who got nothing come first the next time. */
  #flushLater(served: boolean): void {
    if (this.#call !== null || this.#paused || !this.#attached) return;
    const step = this.bucket.rate === null ? this.#waiting : Math.max(1, Math.ceil(this.bucket.rate * STEP));
    const wait = this.bucket.secondsUntil(Math.min(this.#waiting, step));
    const soonest = served ? wait + SHORTEST_WAIT : Math.max(wait, SHORTEST_WAIT);
    this.#call = this.#clock.callLater(Math.min(soonest, LONGEST_WAIT), () => {
      this.#call = null;
      this.#flush();
    });
  }
}
