/**
 * Writes a log to a stream: never throws for what the stream does, never ends the process, and never queues more than
 * {@link QUEUED_MAX}. All of the log that is written to streams, standard error included, goes through here.
 *
 *     state      entered when                               an event is                          left when
 *     works      at first                                   written
 *     full       more than QUEUED_MAX is queued             dropped and counted                  half of that is left
 *     failing    a write fails (EPIPE, EIO, ENOSPC, …)      dropped and counted; one of them     that write succeeds
 *                                                           is tried after RETRY_FIRST ms, then
 *                                                           after twice as long, up to RETRY_MAX
 *     over       the stream is ended or destroyed           dropped and counted                  never
 *
 * The number of the dropped events is logged, in one event, before the next one that is written.
 *
 * Node writes to pipes asynchronously on POSIX systems and to files and terminals synchronously; on Windows it is the other
 * way round for pipes and terminals (https://nodejs.org/api/process.html#a-note-on-process-io). What waits for a pipe that is a
 * standard stream keeps no process alive (standardpipe.ts); other streams are the program's, to be ended by it. A synchronous
 * write to a terminal that was stopped with Ctrl-S blocks the process, as it does any other program; nothing here can prevent it.
 */
import { isPromise } from "node:util/types";
import { messageOf, read } from "./describe.ts";
import { LogEvent } from "./event.ts";
import type { StandardPipe } from "./standardpipe.ts";

/** A destination for text: a Node stream, or any object with such a method. */
export interface TextSink {
  write(text: string): unknown;
}

/** Bytes that may be queued in a stream before events are dropped: 1 MiB. */
export const QUEUED_MAX = 1024 * 1024;

/** Milliseconds after which a stream that failed is tried again, when an event comes; doubled after each failure. */
export const RETRY_FIRST = 1000;
/** What that is doubled up to: a minute. */
export const RETRY_MAX = 60_000;

/** How an observer shows an event. */
export type Format = (event: LogEvent) => string;

/** What Node's streams have, and objects with a write() may lack. */
interface Stream extends TextSink {
  write(text: string, done?: (error?: Error | null) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  once(event: "error" | "drain", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  listenerCount(event: "error"): number;
}

/** The event that tells how many others are missing before it. */
export function eventsLost(lost: number, why: string): LogEvent {
  const format = "{lost} log events before this one were dropped: {why}";
  return new LogEvent("warn", "skein.logger", format, { lost, why });
}

const ignored = (): void => {};

/** What a {@link Sink} is told. */
export interface SinkOptions {
  /** The stream is the program's too, which is not kept from hearing of its own errors, nor from dying of them. */
  readonly shared?: boolean;
  /** Writes in the stream's stead, so that what waits keeps no process alive. */
  readonly pipe?: StandardPipe | undefined;
  /** Called when the stream fails for the first time. */
  readonly onFailure?: (why: string) => void;
  /** A monotonic clock, in milliseconds. */
  readonly now?: () => number;
}

/** One stream, with the number of events that it missed. `sinkOf()` of output.ts has the one of each stream. */
export class Sink {
  readonly #file: TextSink;
  readonly #stream: Stream | undefined;
  readonly #shared: boolean;
  readonly #pipe: StandardPipe | undefined;
  readonly #onFailure: (why: string) => void;
  readonly #now: () => number;
  #lost = 0;
  #why = "";
  #full = false;
  /** A stream that is read slowly may be full again and again before it is empty. */
  #awaitsDrain = false;
  /** Milliseconds between attempts; 0 unless the stream fails. */
  #delay = 0;
  #retryAt = 0;
  #told = false;

  constructor(file: TextSink, options: SinkOptions = {}) {
    this.#file = file;
    this.#shared = options.shared ?? false;
    this.#pipe = options.pipe;
    this.#onFailure = options.onFailure ?? ignored;
    this.#now = options.now ?? (() => performance.now());
    this.#stream = typeof read(file, "listenerCount") === "function" ? (file as Stream) : undefined;
    if (!this.#shared) this.#stream?.on("error", (error) => this.#failed(error, 0));
  }

  /** The events dropped, and not yet reported. */
  get lost(): number {
    return this.#lost;
  }

  /** The bytes that wait to be written to a Node stream. */
  get queued(): number {
    return (this.#pipe?.queued ?? 0) + Number(read(this.#stream, "writableLength") ?? 0);
  }

  /**
   * Write `event`, or drop and count it, in which case it is not formatted. @throws what the write() of an object throws
   * that is not a Node stream
   */
  log(event: LogEvent, format: Format): void {
    if (this.#refuses(format)) this.#lost++;
    else this.#write(this.#report(format) + format(event), 1);
  }

  /** Write `text`, which is no event, or drop it. @throws as {@link log} does */
  say(text: string): void {
    if (!this.#refuses(undefined)) this.#write(text, 0);
  }

  #refuses(format: Format | undefined): boolean {
    const stream = this.#stream;
    if (stream === undefined) return false;
    if (read(stream, "destroyed") === true || read(stream, "writableEnded") === true) {
      if (this.#why === "") this.#why = "the stream was closed";
      return true;
    }
    if (this.#delay > 0) {
      const now = this.#now();
      if (now < this.#retryAt) return true;
      this.#delay = Math.min(2 * this.#delay, RETRY_MAX);
      this.#retryAt = now + this.#delay;
      return false;
    }
    if (this.queued > (this.#full ? QUEUED_MAX / 2 : QUEUED_MAX)) {
      if (!this.#full) this.#why = "they were not read fast enough";
      this.#full = true;
      if (format !== undefined) this.#awaitDrain(stream, format);
      return true;
    }
    this.#full = false;
    return false;
  }

  /** Says what was lost once the stream is empty, without waiting for the next event. */
  #awaitDrain(stream: Stream, format: Format): void {
    if (this.#awaitsDrain) return;
    this.#awaitsDrain = true;
    const drained = (): void => this.#drained(format);
    if (this.#pipe !== undefined && this.#pipe.queued > 0) this.#pipe.onceEmpty(drained);
    else stream.once("drain", drained);
  }

  #drained(format: Format): void {
    this.#awaitsDrain = false;
    if (this.#lost > 0 && !this.#refuses(format)) this.#write(this.#report(format), 0);
  }

  #report(format: Format): string {
    return this.#lost === 0 ? "" : format(eventsLost(this.#lost, this.#why));
  }

  #write(text: string, events: number): void {
    const stream = this.#stream;
    const carried = events + this.#lost;
    this.#lost = 0;
    if (stream === undefined) {
      try {
        const result = this.#file.write(text);
        if (isPromise(result)) Promise.prototype.then.call(result, undefined, (error) => this.#failed(error, carried));
      } catch (error) {
        this.#missed(error, carried);
        throw error;
      }
      return;
    }
    const pipe = this.#pipe?.usable ? this.#pipe : undefined;
    const done = (error?: Error | null): void => {
      if (error === undefined || error === null) {
        this.#delay = 0;
        return;
      }
      this.#failed(error, carried);
      // The stream emits the error after this, which would end the process; later errors are those of other writes.
      if (pipe === undefined && this.#shared && stream.listenerCount("error") === 0) stream.once("error", ignored);
    };
    if (pipe !== undefined) {
      pipe.write(text, done);
      return;
    }
    // Some streams emit it, and some throw it, before write() returns.
    if (this.#shared) stream.once("error", ignored);
    try {
      stream.write(text, done);
    } catch (error) {
      this.#failed(error, carried);
    } finally {
      if (this.#shared) stream.removeListener("error", ignored);
    }
  }

  #missed(error: unknown, events: number): void {
    this.#lost += events;
    this.#why = messageOf(error);
  }

  #failed(error: unknown, events: number): void {
    this.#missed(error, events);
    if (this.#delay === 0) {
      this.#delay = this.#stream === undefined ? 0 : RETRY_FIRST;
      this.#retryAt = this.#now() + this.#delay;
    }
    if (this.#told) return;
    this.#told = true;
    this.#onFailure(this.#why);
  }
}
