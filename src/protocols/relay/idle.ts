/**
 * Ends the two connections of a relay when nothing has arrived from either side for too long, or one of them is lost.
 *
 * Once a side has sent FIN, both have less time: a FIN does not tell whether the peer still waits for the answer or is gone.
 *
 * They are closed, not reset: the kernel may still hold megabytes for a peer that reads slowly, and a reset loses them. The
 * reset comes later, for a peer that does not read at all. A target has less time than a client: nobody waits for it.
 *
 *     idle time; 30 s after a FIN ──► both are closed, what is queued is sent ── 300 s ──► reset
 *     the target is lost ───────────► the client is closed ───────────────────── 300 s ──► reset
 *     the client is closed ─────────► the target is closed ────────────────────── 30 s ──► reset
 *     the client is lost by a reset or an error ─────────────────────────────────────────► the target is reset
 */
import type { DelayedCall, ReactorTime } from "../../internet/time.ts";

/** Seconds: how long nothing may arrive once one side of a relay has sent FIN. */
export const HALF_OPEN_SECONDS = 30;
/** Seconds in which what is queued must be sent once both sides were closed, or the target is lost. */
export const CLOSING_SECONDS = 300;
/** Seconds in which what is queued for the target must be sent once the client is lost. */
export const FLUSH_SECONDS = 30;

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

  /** One side has sent FIN. */
  halfOpen(): void {
    if (this.#closing || this.#seconds <= HALF_OPEN_SECONDS) return;
    this.#seconds = HALF_OPEN_SECONDS;
    this.#arm();
  }

  /** What is still open is closing: it is reset in `seconds`, or when an earlier call of this says. */
  flush(seconds: number): void {
    if (this.#closing) return;
    this.end();
    this.#call = this.#clock.callLater(seconds, () => this.#end("reset"));
  }

  /** Both sides are lost. */
  end(): void {
    this.#closing = true;
    if (this.#call?.active()) this.#call.cancel();
    this.#call = null;
  }

  #arm(): void {
    if (this.#call?.active()) this.#call.reset(this.#seconds);
    else if (this.#seconds !== Number.POSITIVE_INFINITY)
      this.#call = this.#clock.callLater(this.#seconds, () => this.#expired());
  }

  #expired(): void {
    this.flush(CLOSING_SECONDS);
    this.#end("close");
  }
}
