/** A mutex that is acquired with a Deferred. */
import { Permits } from "./permits.ts";

/** At most one holder at a time; the others wait in FIFO order. */
export class DeferredLock extends Permits {
  constructor() {
    super(1);
  }

  /** Whether the lock is held. */
  get locked(): boolean {
    return this.available === 0;
  }
}
