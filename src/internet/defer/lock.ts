/** A lock that is waited for with a Deferred. */
import { Permits } from "./permits.ts";

/** One at a time: the others wait in a line. */
export class DeferredLock extends Permits {
  constructor() {
    super(1);
  }

  /** Whether somebody has it. */
  get locked(): boolean {
    return this.available === 0;
  }
}
