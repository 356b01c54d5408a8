/** Async iteration over received data. */
import type { Framer } from "./framer.ts";
import type { TickBudget } from "./tickbudget.ts";

/** The source of the bytes: a connection's intake. */
export interface ByteSource {
  /** The tick budget of its reads. */
  readonly budget: TickBudget;
  read(signal?: AbortSignal): Promise<Buffer | null>;
  /** End the pending read with null. */
  cancelRead(): void;
  unread(data: Buffer): void;
}

/** The async iterator of `for await`. `return()` or `await using` leaves it early, and ends pending calls of next(). */
export interface Loop<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  /** The next item. Concurrent calls get the items in the order of the calls. */
  next(): Promise<IteratorResult<T, undefined>>;
  return(): Promise<IteratorResult<T, undefined>>;
  [Symbol.asyncIterator](): Loop<T>;
}

/** Reads from a source and splits by a framer. Leaving it puts back the bytes that were read but not used, then calls `leave`. */
export class Reading<T> implements Loop<T> {
  readonly #source: ByteSource;
  readonly #framer: Framer<T>;
  readonly #signal: AbortSignal | undefined;
  readonly #leave: (() => void) | undefined;
  /** The last pending call of next(), and the number of pending calls. */
  #last: Promise<unknown> | null = null;
  #underway = 0;
  #reading = false;
  #over = false;

  constructor(source: ByteSource, framer: Framer<T>, signal?: AbortSignal, leave?: () => void) {
    this.#source = source;
    this.#framer = framer;
    this.#signal = signal;
    this.#leave = leave;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    this.#underway++;
    const last = this.#last;
    const answer = last === null ? this.#answer() : last.then(this.#next, this.#next);
    // An item that is available is answered synchronously: then no call is pending.
    if (this.#underway > 0) this.#last = answer;
    return answer;
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#end();
    // A pending call of next() puts its bytes back when its read has ended: the next reader must find them.
    await this.#last?.catch(ignore);
    return END;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  readonly #next = (): Promise<IteratorResult<T, undefined>> => this.#answer();

  async #answer(): Promise<IteratorResult<T, undefined>> {
    try {
      let item = this.#over ? undefined : this.#framer.next();
      if (item !== undefined) {
        if (!this.#source.budget.spend(0)) await this.#source.budget.nextTick();
        return { done: false, value: item };
      }
      // After the end nothing is read, so nothing else would spend.
      if (this.#over && !this.#source.budget.spend(0)) await this.#source.budget.nextTick();
      // The read has spent for the first item of its bytes. No variable holds the bytes: a call that waits would keep
      // them alive.
      while (!this.#over) {
        this.#take(await this.#read());
        item = this.#over ? undefined : this.#framer.next();
        if (item !== undefined) return { done: false, value: item };
      }
      return END;
    } catch (error) {
      this.#end();
      throw error;
    } finally {
      if (--this.#underway === 0) this.#last = null;
    }
  }

  async #read(): Promise<Buffer | null> {
    this.#reading = true;
    try {
      return await this.#source.read(this.#signal);
    } finally {
      this.#reading = false;
    }
  }

  #take(data: Buffer | null): void {
    if (data !== null) this.#framer.add(data);
    // The loop was left during the read. #end() has put nothing back, since `data` comes after the framer's bytes.
    if (this.#over) this.#putBack();
    else if (data === null) this.#end();
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

function ignore(): void {}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };
