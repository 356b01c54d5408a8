/** A counting semaphore that is acquired with a Deferred. */
import { check } from "../arguments/check.ts";
import { integer } from "../arguments/kinds.ts";
import { Permits } from "./permits.ts";

/** At most `limit` holders at a time; the others wait in FIFO order. */
export class DeferredSemaphore extends Permits {
  /** The most holders at a time. */
  readonly limit: number;

  /** @throws RangeError unless `tokens` is a whole number, 1 or more */
  constructor(tokens: number) {
    check("new DeferredSemaphore(tokens)", "tokens", tokens, integer(1));
    super(tokens);
    this.limit = tokens;
  }

  /** How many can be acquired without waiting. */
  get tokens(): number {
    return this.available;
  }
}
