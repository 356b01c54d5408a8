/**
 * Ends the two connections of a relay when nothing has arrived from either side for too long.
 *
 * Once a side has ended, by a FIN or altogether, the other one has less time: a FIN does not tell whether the peer still
 * waits for the answer or is gone.
 *
 * Both are closed, not reset: the kernel may still hold megabytes for a peer that reads slowly, and a reset loses them. The
 * reset comes later, for a peer that does not read at all.
 *
 *     idle time, or 30 s ──► closed, what is queued is sent ── 300 s ──► reset
 */
import type { DelayedCall, ReactorTime } from "../../internet/time.ts";

/** Seconds: how long nothing may arrive once one side of a relay has ended. */
export const HALF_OPEN_SECONDS = 30;
/** Seconds in which what is queued must be sent once both sides were closed. */
export const CLOSING_SECONDS = 300;

export class IdleWatch {
  readonly #clock: ReactorTime;
  readonly #end: (how: "close" | "reset") => void;
  #seconds: number;
  #closing = false;
  #call: DelayedCall | null = null;

  /** `end` is called once nothing has arrived for `seconds` (Infinity: only once a side has ended), and again later. */
  constructor(clock: ReactorTime, seconds: number, end: (how: "close" | "reset") => void) {
    this.#clock = clock;
    this.#end = end;
    this.#seconds = seconds;
    this.#arm();
  }

  /** Something has arrived. */
  touch(): void {
    if (this.#call?.active()) this.#call.reset(this.#seconds);
  }

  /** One side has ended. */
  halfOpen(): void {
    if (this.#closing || this.#seconds <= HALF_OPEN_SECONDS) return;
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
      this.#call = this.#clock.callLater(this.#seconds, () => this.#expired());
  }

  #expired(): void {
    this.#closing = true;
    this.#call = this.#clock.callLater(CLOSING_SECONDS, () => this.#end("reset"));
    this.#end("close");
  }
}
