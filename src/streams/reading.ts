/** Loops over what is received. */
import type { Framer } from "./framer.ts";

/** Where bytes come from: a connection's intake. */
export interface ByteSource {
  read(signal?: AbortSignal): Promise<Buffer | null>;
  /** End the read that is under way with null. */
  cancelRead(): void;
  unread(data: Buffer): void;
}

/** What `for await` runs over. `return()` or `await using` leaves it before its end. */
export interface Loop<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  next(): Promise<IteratorResult<T, undefined>>;
  return(): Promise<IteratorResult<T, undefined>>;
  [Symbol.asyncIterator](): Loop<T>;
}

/** Reads from a source and cuts by a framer. Leaving it puts back what was read and not used, then calls `leave`. */
export class Reading<T> implements Loop<T> {
  readonly #source: ByteSource;
  readonly #framer: Framer<T>;
  readonly #signal: AbortSignal | undefined;
  readonly #leave: (() => void) | undefined;
  #reading = false;
  #over = false;

  constructor(source: ByteSource, framer: Framer<T>, signal?: AbortSignal, leave?: () => void) {
    this.#source = source;
    this.#framer = framer;
    this.#signal = signal;
    this.#leave = leave;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    try {
      while (!this.#over) {
        const item = this.#framer.next();
        if (item !== undefined) return { done: false, value: item };
        const data = await this.#read();
        if (data !== null) this.#framer.add(data);
        // Left meanwhile: it could not put back what may have been followed by this.
        if (this.#over) this.#putBack();
        else if (data === null) this.#end();
      }
      return END;
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#end();
    return END;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
  }

  async #read(): Promise<Buffer | null> {
    this.#reading = true;
    try {
      return await this.#source.read(this.#signal);
    } finally {
      this.#reading = false;
    }
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#reading) this.#source.cancelRead();
    else this.#putBack();
    this.#leave?.();
  }

  #putBack(): void {
    this.#source.unread(this.#framer.rest());
  }
}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };
