/** Detects a peer that does not read what is sent to it, to bound the memory that it takes. */
import type { PushProducer, Transport } from "../../internet/interfaces.ts";
import type { DelayedCall, ReactorTime } from "../../internet/time.ts";

export interface BacklogLimits {
  /** Bytes that may be written after the transport has exceeded its high-water mark. */
  readonly maxBacklog: number;
  /** Seconds until the transport must have drained. */
  readonly patience: number;
}

/**
 * Registers as the producer of a transport, which pauses it above the high-water mark. From then on the limits apply,
 * until the transport has drained. A limit that is exceeded acts at once.
 */
export class Backlog implements PushProducer {
  readonly #transport: Transport;
  readonly #clock: ReactorTime;
  readonly #limits: BacklogLimits;
  readonly #exceeded: () => void;
  /** Bytes written while the transport is above its high-water mark. */
  #bytes = 0;
  #paused = false;
  #registered = true;
  #over = false;
  #deadline: DelayedCall | null = null;

  /** @param exceeded called once, when a limit is exceeded: inside of admits(), or by the clock */
  constructor(transport: Transport, clock: ReactorTime, limits: BacklogLimits, exceeded: () => void) {
    this.#transport = transport;
    this.#clock = clock;
    this.#limits = limits;
    this.#exceeded = exceeded;
    transport.registerProducer(this, true);
  }

  /** Whether `bytes` more bytes may be written. If not, the limit is exceeded. */
  admits(bytes: number): boolean {
    if (!this.#paused) return !this.#over;
    this.#bytes += bytes;
    if (this.#bytes <= this.#limits.maxBacklog) return true;
    this.#exceed();
    return false;
  }

  /** Nothing more will be written: unregister, so that the transport can close. The time limit applies from now on. */
  finish(): void {
    if (this.#over) return;
    if (this.#registered) this.#transport.unregisterProducer();
    this.#registered = false;
    this.#startTimer();
  }

  /** Cancel the time limit. */
  stop(): void {
    this.#paused = false;
    this.#deadline?.cancel();
    this.#deadline = null;
  }

  pauseProducing(): void {
    this.#paused = true;
    this.#bytes = 0;
    this.#startTimer();
  }

  resumeProducing(): void {
    this.stop();
  }

  stopProducing(): void {
    this.#registered = false;
    this.stop();
  }

  #startTimer(): void {
    this.#deadline ??= this.#clock.callLater(this.#limits.patience, () => {
      this.#deadline = null;
      this.#exceed();
    });
  }

  #exceed(): void {
    this.stop();
    if (this.#over) return;
    this.#over = true;
    this.#exceeded();
  }
}
