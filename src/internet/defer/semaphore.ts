/** A counting semaphore that is acquired with a Deferred. */
import { Permits } from "./permits.ts";

/** At most `limit` holders at a time; the others wait in FIFO order. */
export class DeferredSemaphore extends Permits {
  /** The most holders at a time. */
  readonly limit: number;

  /** @throws RangeError unless `tokens` is a whole number, 1 or more */
  constructor(tokens: number) {
    if (!Number.isInteger(tokens) || tokens < 1) {
      throw new RangeError(`A semaphore needs a whole number of tokens, 1 or more, not ${String(tokens)}.`);
    }
    super(tokens);
    this.limit = tokens;
  }

  /** How many can be acquired without waiting. */
  get tokens(): number {
    return this.available;
  }
}
