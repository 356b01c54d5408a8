/**
 * Writes to standard output or standard error where that is a pipe or a socket, without keeping the process alive.
 *
 * Node queues what such a stream does not take at once as a write request, and a request keeps the process alive until
 * the stream's reader takes it; unref() concerns the handle alone. A process whose log nobody reads would never end. So
 * texts wait here, and only what the pipe has room for is written, with write(2): Node has made the descriptor
 * non-blocking.
 *
 *     write() ──► queue ──► write(2) ──► EAGAIN: again after RETRY_FIRST ms, then twice as long, up to RETRY_MAX (unref'd)
 *                                        another error: all that waits has failed
 *     nothing else keeps the process alive ("beforeExit"): it is kept while somebody reads, STALLED_MAX ms without a byte
 *     and ENDING_MAX ms in all; then all that waits has failed
 *     process.exit(): one more attempt
 *
 * On Windows Node writes to pipes synchronously, in workers through the main thread: neither is for this class.
 */
import { fstatSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { read } from "./describe.ts";

/** Milliseconds after which a full pipe is tried again, doubled after each attempt that wrote nothing. */
const RETRY_FIRST = 5;
const RETRY_MAX = 1000;
/** Milliseconds between attempts once nothing else keeps the process alive. */
const RETRY_ENDING = 5;
/** Milliseconds for which a process that has ended otherwise waits for a reader that takes nothing. */
export const STALLED_MAX = 1000;
/** And in all, for one that reads. */
export const ENDING_MAX = 10_000;

/** Told once a text is written, or that it will not be. */
export type Written = (error?: Error | null) => void;

interface Waiting {
  readonly bytes: Buffer;
  readonly done: Written;
}

/** A standard stream with the descriptor that Node gives it. */
type Standard = Socket & { readonly fd: number };

export class StandardPipe {
  readonly #stream: Standard;
  readonly #queue: Waiting[] = [];
  /** Bytes of the first text that are written. */
  #written = 0;
  #queued = 0;
  /** Whether the timer runs, and the process's end is watched: while anything waits. */
  #waiting = false;
  #timer: NodeJS.Timeout | undefined;
  #emptied: (() => void)[] = [];
  #delay = RETRY_FIRST;
  /** When the process no longer waits for the reader; null while something else keeps it alive. */
  #ending: { stalled: number; readonly over: number } | null = null;

  /** The pipe or socket behind a standard stream; undefined for a file, a terminal, or another kind of stream. */
  static behind(stream: object): StandardPipe | undefined {
    if (process.platform === "win32" || !(stream instanceof Socket)) return undefined;
    const fd = read(stream, "fd");
    if (typeof fd !== "number") return undefined;
    const found = fstatSync(fd);
    return found.isFIFO() || found.isSocket() ? new StandardPipe(stream as Standard) : undefined;
  }

  private constructor(stream: Standard) {
    this.#stream = stream;
  }

  /** False when the program has replaced the stream's write(), to see what is written. */
  get usable(): boolean {
    return !Object.hasOwn(this.#stream, "write");
  }

  /** Bytes that wait. */
  get queued(): number {
    return this.#queued;
  }

  /** Write `text` when it is its turn. `done` may be called before this returns. */
  write(text: string, done: Written): void {
    const bytes = Buffer.from(text);
    this.#queue.push({ bytes, done });
    this.#queued += bytes.length;
    if (this.#waiting) return;
    this.#flush();
    if (this.#queue.length > 0) this.#wait();
  }

  /** Call `callback` once nothing waits. */
  onceEmpty(callback: () => void): void {
    this.#emptied.push(callback);
  }

  #wait(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    process.on("beforeExit", this.#beforeExit).on("exit", this.#exit);
    this.#delay = RETRY_FIRST;
    this.#later();
  }

  #later(): void {
    this.#timer = setTimeout(this.#again, this.#ending === null ? this.#delay : RETRY_ENDING);
    if (this.#ending === null) this.#timer.unref();
  }

  readonly #again = (): void => {
    const moved = this.#flush();
    this.#delay = moved ? RETRY_FIRST : Math.min(2 * this.#delay, RETRY_MAX);
    if (this.#ending !== null && this.#queue.length > 0) this.#endAt(performance.now(), moved);
    if (this.#queue.length > 0) this.#later();
    else this.#rest();
  };

  #endAt(now: number, moved: boolean): void {
    const ending = this.#ending!;
    if (moved) ending.stalled = now + STALLED_MAX;
    if (now >= ending.stalled || now >= ending.over) this.#fail(new Error("nobody read them before the process ended"));
  }

  readonly #beforeExit = (): void => {
    if (this.#ending !== null) return;
    const now = performance.now();
    this.#ending = { stalled: now + STALLED_MAX, over: now + ENDING_MAX };
    clearTimeout(this.#timer);
    this.#later();
  };

  readonly #exit = (): void => {
    this.#flush();
  };

  /** Nothing waits any more. */
  #rest(): void {
    this.#waiting = false;
    this.#ending = null;
    process.off("beforeExit", this.#beforeExit).off("exit", this.#exit);
    for (const callback of this.#emptied.splice(0)) callback();
  }

  /** Write what there is room for. Bytes of the program's own that the stream has queued come first. Never throws. */
  #flush(): boolean {
    let moved = false;
    const written: Written[] = [];
    let failure: Error | undefined;
    try {
      for (let at = 0; at < this.#queue.length && this.#stream.writableLength === 0; moved = true) {
        const { bytes, done } = this.#queue[at]!;
        const count = writeSync(this.#stream.fd, bytes, this.#written);
        this.#written += count;
        this.#queued -= count;
        if (this.#written < bytes.length) continue;
        this.#written = 0;
        written.push(done);
        at++;
      }
    } catch (error) {
      if (read(error, "code") !== "EAGAIN") failure = error as Error;
    }
    this.#queue.splice(0, written.length);
    for (const done of written) done();
    if (failure !== undefined) this.#fail(failure);
    return moved;
  }

  /** Nothing of what waits will be written. */
  #fail(error: Error): void {
    const failed = this.#queue.splice(0);
    this.#written = 0;
    this.#queued = 0;
    for (const { done } of failed) done(error);
  }
}
