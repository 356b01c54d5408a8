/** A semaphore that is waited for with a Deferred. */
import { Permits } from "./permits.ts";

/** So many at a time: the others wait in a line. */
export class DeferredSemaphore extends Permits {
  /** How many may have acquired it at once. */
  readonly limit: number;

  /** @throws RangeError unless `tokens` is a whole number, 1 or more */
  constructor(tokens: number) {
    if (!Number.isInteger(tokens) || tokens < 1) {
      throw new RangeError(`A semaphore needs a whole number of tokens, 1 or more, not ${String(tokens)}.`);
    }
    super(tokens);
    this.limit = tokens;
  }

  /** How many are left. */
  get tokens(): number {
    return this.available;
  }
}
