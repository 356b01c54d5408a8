/** Notices a peer that does not read what it is sent, before that fills the memory. */
import type { PushProducer, Transport } from "../../internet/interfaces.ts";
import type { DelayedCall, ReactorTime } from "../../internet/time.ts";

export interface BacklogLimits {
  /** Bytes that may be written to a peer while it does not take what it was sent before. */
  readonly maxBacklog: number;
  /** Seconds that a peer may take to catch up. */
  readonly patience: number;
}

/**
 * Registers with a transport as its producer, which is how one hears that a transport is congested. A transport says
 * so at its own mark; the limits count from there on.
 */
export class Backlog implements PushProducer {
  readonly #transport: Transport;
  readonly #clock: ReactorTime;
  readonly #limits: BacklogLimits;
  readonly #exceeded: () => void;
  /** Bytes written since the transport became congested. */
  #bytes = 0;
  #congested = false;
  #registered = true;
  #deadline: DelayedCall | null = null;

  /** `exceeded` is called by the clock when a limit is passed. */
  constructor(transport: Transport, clock: ReactorTime, limits: BacklogLimits, exceeded: () => void) {
    this.#transport = transport;
    this.#clock = clock;
    this.#limits = limits;
    this.#exceeded = exceeded;
    transport.registerProducer(this, true);
  }

  /** This many bytes were written to the transport. */
  wrote(bytes: number): void {
    if (!this.#congested) return;
    this.#bytes += bytes;
    if (this.#bytes > this.#limits.maxBacklog) this.#deadline?.reset(0);
  }

  /** Nothing more will be written: the transport may close without waiting for its producer, in the time that is left. */
  finish(): void {
    if (this.#registered) this.#transport.unregisterProducer();
    this.#registered = false;
    this.#limit();
  }

  /** Watch no more. */
  stop(): void {
    this.#congested = false;
    this.#deadline?.cancel();
    this.#deadline = null;
  }

  pauseProducing(): void {
    this.#congested = true;
    this.#bytes = 0;
    this.#limit();
  }

  resumeProducing(): void {
    this.stop();
  }

  stopProducing(): void {
    this.#registered = false;
    this.stop();
  }

  #limit(): void {
    this.#deadline ??= this.#clock.callLater(this.#limits.patience, () => {
      this.#deadline = null;
      this.#exceeded();
    });
  }
}
