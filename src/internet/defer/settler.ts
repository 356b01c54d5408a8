/** Settles a promise with the outcome of a Deferred. */
import type { Failure } from "../failure.ts";
import type { Watcher } from "./link.ts";

export class Settler implements Watcher {
  readonly succeeded: (result: unknown) => void;
  private readonly reject: (error: unknown) => void;

  constructor(resolve: (result: unknown) => void, reject: (error: unknown) => void) {
    this.succeeded = resolve;
    this.reject = reject;
  }

  failed(failure: Failure): void {
    this.reject(failure.value);
  }
}
