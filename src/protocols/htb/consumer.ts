/** A consumer that is limited by a token bucket. */

import { check } from "../../internet/arguments/check.ts";
import { clock as clockKind, instance, orNull } from "../../internet/arguments/kinds.ts";
import { ensureConsumer, ensureProducer } from "../../internet/arguments/transports.ts";
import { encodedOr, ensureBytes } from "../../internet/arguments/writing.ts";
import { bufferOf } from "../../internet/engine/view.ts";
import type { Bytes, Consumer, PullProducer, PushProducer } from "../../internet/interfaces.ts";
import { defaultClock } from "../../internet/reactor/defaultclock.ts";
import { callAndLog, logRejection, onRejection } from "../../internet/rejection.ts";
import type { DelayedCall, ReactorTime } from "../../internet/time.ts";
import { nameOf } from "../../logger/describe.ts";
import { err } from "../../logger/log.ts";
import { Bucket } from "./bucket.ts";

const CALL = "new ShapedConsumer(consumer, bucket, clock)";
const BUCKET = instance(Bucket);
const CLOCK = orNull(clockKind);

/** Buffered bytes are written in pieces worth this many seconds of the bucket's rate: tiny writes are inefficient. */
const STEP = 0.05;
/**
 * The bucket is checked again after at least and at most this many seconds. A clock that rounds could make a shorter wait
 * end where it began; a longer one would notice a change of the rate too late.
 */
const SHORTEST_WAIT = 0.001;
const LONGEST_WAIT = 1;

/**
 * Forwards writes to `consumer` as fast as `bucket` allows. Excess bytes are buffered, and a push producer is paused while
 * `bufferSize` bytes or more are. This object is the consumer's producer until its own producer has unregistered and the
 * buffer is empty.
 */
export class ShapedConsumer implements Consumer, PushProducer {
  /** The high-water mark in bytes: a push producer is paused at this many buffered bytes. */
  bufferSize = 64 * 1024;
  /** The registered producer, or null. */
  producer: PushProducer | PullProducer | null = null;
  readonly consumer: Consumer;
  readonly bucket: Bucket;
  readonly #clock: ReactorTime;
  #pieces: Uint8Array[] = [];
  /** Bytes in #pieces. */
  #buffered = 0;
  #streaming = false;
  #producerPaused = false;
  /** The consumer has paused this object. */
  #paused = false;
  /** This object is registered as the consumer's producer. */
  #attached = false;
  /** The producer has unregistered: this object unregisters from the consumer when the buffer is empty. */
  #finishing = false;
  #stopped = false;
  #flushing = false;
  /** The pull producer has written since resumeProducing() was called. */
  #wrote = false;
  #call: DelayedCall | null = null;

  /**
   * @param clock schedules delayed writes; default: the installed reactor
   * @throws TypeError; NoClockError when there is neither a clock nor an installed reactor
   */
  constructor(consumer: Consumer, bucket: Bucket, clock: ReactorTime | null = null) {
    ensureConsumer(CALL, consumer);
    check(CALL, "bucket", bucket, BUCKET);
    check(CALL, "clock", clock, CLOCK);
    this.consumer = consumer;
    this.bucket = bucket;
    this.#clock = clock ?? defaultClock();
    this.#attach();
  }

  /** Buffered bytes. */
  get waiting(): number {
    return this.#buffered;
  }

  /** True while the producer has more to write: a pull producer until it unregisters, a push producer while paused. */
  get producing(): boolean {
    return this.producer !== null && (!this.#streaming || this.#producerPaused);
  }

  /** Forward bytes, in order. Buffered bytes are copied. */
  write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    const given = encodedOr(data, encoding, callback);
    ensureBytes(given);
    if (this.#stopped) return;
    const bytes = typeof given === "string" ? Buffer.from(given) : bufferOf(given);
    this.#attach();
    this.#wrote = true;
    const sent = this.#buffered === 0 && !this.#paused ? this.bucket.add(bytes.length) : 0;
    // Before consumer.write(), which may call write() again.
    if (sent < bytes.length) {
      this.#pieces.push(Buffer.from(bytes.subarray(sent)));
      this.#buffered += bytes.length - sent;
    }
    if (sent > 0) this.consumer.write(sent === bytes.length ? bytes : bytes.subarray(0, sent));
    if (sent < bytes.length && this.#buffered >= this.bufferSize) this.#pauseProducer();
    // Also when nothing is buffered: a pull producer is asked for more.
    this.#flush();
  }

  /** @throws Error when a producer is registered already */
  registerProducer(producer: PushProducer | PullProducer, streaming: boolean): void {
    ensureProducer(producer, streaming);
    if (this.producer !== null) {
      throw new Error("This consumer already has a producer: call unregisterProducer() first.");
    }
    if (this.#stopped) {
      logRejection(producer.stopProducing(), "A producer threw in stopProducing()");
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
    if (this.#buffered === 0) this.drained();
  }

  pauseProducing(): void {
    this.#paused = true;
  }

  resumeProducing(): void {
    this.#paused = false;
    this.#flush();
  }

  /** The consumer is gone: drop the buffered bytes and release the bucket. */
  stopProducing(): void {
    if (this.#stopped) return;
    const { producer } = this;
    this.#stopped = true;
    this.producer = null;
    this.#pieces = [];
    this.#buffered = 0;
    this.#release();
    callAndLog(
      () => producer?.stopProducing(),
      () => "A producer threw in stopProducing()",
    );
  }

  /** Called when the buffer has run empty. */
  protected drained(): void {
    if (this.#finishing) this.detach();
  }

  /** Whether resumeProducing() of the producer may be called. */
  protected get asksProducer(): boolean {
    return true;
  }

  /** Called after the producer was resumed; it may be paused again by then. */
  protected producerResumed(): void {}

  /** The producer threw or rejected. By default it is logged, and unregistered. */
  protected producerFailed(error: unknown): void {
    err(error, `${nameOf(this.producer)} threw; it is asked for nothing more`);
    this.unregisterProducer();
  }

  /** Unregister from the consumer. */
  detach(): void {
    if (!this.#attached) return;
    this.#release();
    this.consumer.unregisterProducer();
  }

  #attach(): void {
    if (this.#attached) return;
    this.#attached = true;
    this.bucket.refcount++;
    this.consumer.registerProducer(this, true);
  }

  #release(): void {
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
    this.#tell((producer) => (producer as PushProducer).pauseProducing());
  }

  /** Call a method of the producer, which may be async. */
  #tell(call: (producer: PushProducer | PullProducer) => unknown): void {
    const producer = this.producer!;
    const failed = (error: unknown): void => {
      if (producer === this.producer) this.producerFailed(error);
    };
    try {
      onRejection(call(producer), failed);
    } catch (error) {
      failed(error);
    }
  }

  /** Write as much as the bucket allows, then ask the producer for more, until it does not write at once. */
  #flush(): void {
    if (this.#flushing || this.#paused || this.#stopped) return;
    const before = this.#buffered;
    this.#flushing = true;
    try {
      do this.#drain();
      while (this.#buffered === 0 && !this.#paused && this.#askProducer());
      if (this.#buffered > 0) {
        this.#flushLater(this.#buffered < before);
        return;
      }
      this.#cancelCall();
    } finally {
      this.#flushing = false;
    }
    // Not before: what is written from inside this call is flushed, too.
    if (before > 0) this.drained();
  }

  #drain(): void {
    while (this.#buffered > 0 && !this.#paused) {
      let allowed = this.bucket.add(this.#buffered);
      if (allowed === 0) return;
      const pieces = this.#pieces;
      let whole = 0;
      try {
        while (allowed > 0 && !this.#stopped) {
          const piece = pieces[whole]!;
          const part = piece.subarray(0, allowed);
          if (part.length < piece.length) pieces[whole] = piece.subarray(allowed);
          else whole++;
          allowed -= part.length;
          // Before consumer.write(), which may call write() again: what is behind `part` is still to be sent.
          this.#buffered -= part.length;
          this.consumer.write(part);
        }
      } finally {
        pieces.splice(0, whole);
      }
    }
  }

  /** True when the producer has written at once. */
  #askProducer(): boolean {
    const { producer } = this;
    if (producer === null || !this.asksProducer || (this.#streaming && !this.#producerPaused)) return false;
    this.#producerPaused = false;
    this.#wrote = false;
    this.#tell((asked) => asked.resumeProducing());
    this.producerResumed();
    return this.#wrote;
  }

  /**
   * @param wrote bytes were written just now: wait a little longer than consumers of the same parent that wrote nothing,
   * so that those come first
   */
  #flushLater(wrote: boolean): void {
    if (this.#call !== null || this.#paused || !this.#attached) return;
    const step = this.bucket.rate === null ? this.#buffered : Math.max(1, Math.ceil(this.bucket.rate * STEP));
    const wait = this.bucket.secondsUntil(Math.min(this.#buffered, step));
    const delay = wrote ? wait + SHORTEST_WAIT : Math.max(wait, SHORTEST_WAIT);
    this.#call = this.#clock.callLater(Math.min(delay, LONGEST_WAIT), () => {
      this.#call = null;
      this.#flush();
    });
  }
}
