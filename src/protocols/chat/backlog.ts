/** Detects peers that do not read what is sent to them, to bound the memory that each and all of them take. */
import type { PushProducer, Transport } from "../../internet/interfaces.ts";
import type { DelayedCall, ReactorTime } from "../../internet/time.ts";

export interface BacklogLimits {
  /** Bytes that may be written after the transport has exceeded its high-water mark. */
  readonly maxBacklog: number;
  /** Seconds until the transport must have drained. */
  readonly patience: number;
}

/** What the backlogs of a room hold together. Above its limit, those of the slowest readers are exceeded. */
export class Backlogs {
  readonly #maxBytes: number;
  /**
   * Those above their marks. The first has been so for the longest: it has missed what all others have, so no other waits for
   * more of what the room sends.
   */
  readonly #slow = new Set<Backlog>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that wait above the marks. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A backlog has grown. */
  grew(backlog: Backlog, bytes: number): void {
    this.#slow.add(backlog);
    this.#bytes += bytes;
    for (const slowest of this.#slow) {
      if (this.#bytes <= this.#maxBytes) return;
      slowest.exceed();
    }
  }

  /** A backlog holds its `bytes` no longer. */
  ended(backlog: Backlog, bytes: number): void {
    if (this.#slow.delete(backlog)) this.#bytes -= bytes;
  }
}

/**
 * Registers as the producer of a transport, which pauses it above the high-water mark. From then on the limits apply,
 * until the transport has drained. A limit that is exceeded acts at once.
 */
export class Backlog implements PushProducer {
  readonly #transport: Transport;
  readonly #clock: ReactorTime;
  readonly #limits: BacklogLimits;
  readonly #all: Backlogs;
  readonly #exceeded: () => void;
  /** Bytes written while the transport is above its high-water mark. */
  #bytes = 0;
  #paused = false;
  #registered = true;
  #over = false;
  #deadline: DelayedCall | null = null;

  /** @param exceeded called once, when a limit is exceeded: inside of admits() of any backlog, or by the clock */
  constructor(transport: Transport, clock: ReactorTime, limits: BacklogLimits, all: Backlogs, exceeded: () => void) {
    this.#transport = transport;
    this.#clock = clock;
    this.#limits = limits;
    this.#all = all;
    this.#exceeded = exceeded;
    transport.registerProducer(this, true);
  }

  /** Whether `bytes` more bytes may be written. If not, the limit is exceeded. */
  admits(bytes: number): boolean {
    if (!this.#paused) return !this.#over;
    this.#bytes += bytes;
    this.#all.grew(this, bytes);
    if (this.#bytes > this.#limits.maxBacklog) this.exceed();
    return !this.#over;
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
    this.#all.ended(this, this.#bytes);
    this.#bytes = 0;
    this.#deadline?.cancel();
    this.#deadline = null;
  }

  pauseProducing(): void {
    this.#paused = true;
    this.#all.grew(this, 0);
    this.#startTimer();
  }

  resumeProducing(): void {
    this.stop();
  }

  stopProducing(): void {
    this.#registered = false;
    this.stop();
  }

  /** Too much waits, or for too long. */
  exceed(): void {
    this.stop();
    if (this.#over) return;
    this.#over = true;
    this.#exceeded();
  }

  #startTimer(): void {
    this.#deadline ??= this.#clock.callLater(this.#limits.patience, () => {
      this.#deadline = null;
      this.exceed();
    });
  }
}
