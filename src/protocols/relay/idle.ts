/**
 * Ends the two connections of a relay when nothing has moved in either direction for too long.
 *
 * Once a side has ended, by a FIN or altogether, the other one has less time: a FIN does not tell whether the peer still
 * waits for the answer or is gone, and what is queued for a peer that does not read would wait for ever.
 */
import type { DelayedCall, ReactorTime } from "../../internet/time.ts";

/** Seconds: how long nothing may move once one side of a relay has ended. */
export const HALF_OPEN_SECONDS = 30;

export class IdleWatch {
  readonly #clock: ReactorTime;
  readonly #expired: () => void;
  #seconds: number;
  #call: DelayedCall | null = null;

  /** `expired` is called once nothing has moved for `seconds`; Infinity: only once a side has ended. */
  constructor(clock: ReactorTime, seconds: number, expired: () => void) {
    this.#clock = clock;
    this.#expired = expired;
    this.#seconds = seconds;
    this.#arm();
  }

  /** Something has moved. */
  touch(): void {
    if (this.#call?.active()) this.#call.reset(this.#seconds);
  }

  /** One side has ended. */
  halfOpen(): void {
    if (this.#seconds <= HALF_OPEN_SECONDS) return;
    this.#seconds = HALF_OPEN_SECONDS;
    this.#arm();
  }

  /** Both sides have ended. */
  end(): void {
    this.#seconds = 0;
    if (this.#call?.active()) this.#call.cancel();
    this.#call = null;
  }

  #arm(): void {
    if (this.#call?.active()) this.#call.reset(this.#seconds);
    else if (this.#seconds !== Number.POSITIVE_INFINITY)
      this.#call = this.#clock.callLater(this.#seconds, this.#expired);
  }
}
