/**
 * When a line is sent. A line goes to every member, so many clients who each keep to their own limits still make a room send
 * more than a process can. So the room as a whole has a budget, in bytes:
 *
 *     a line ── nobody waits, and the budget is not used up ──► sent at once
 *            └─ else its client is paused ──► its turn ──► sent, and the client resumed
 *
 * Turns are shared by networks, in them by peers, and of a peer by its clients (fairqueue.ts): who has many connections, or many
 * addresses of one network, is sent no more than who has one. Nothing is lost, and what waits is one line of each client.
 */
import type { DelayedCall, ReactorTime } from "../../internet/time.ts";
import { FairQueue, type Line } from "./fairqueue.ts";

/** Of how many seconds the budget may be spent at once: that bounds for how long the process does nothing else. */
const BURST_SECONDS = 0.125;
/** Seconds: no timer is shorter. */
const SHORTEST_WAIT = 0.01;

/** One who waits. */
export interface Waiting extends Line {
  /** It is the line's turn. */
  readonly go: () => void;
}

export class Turns {
  readonly #clock: ReactorTime;
  readonly #bytesPerSecond: number;
  /** What may be spent now. Below 0 after a line that cost more than was left. */
  #budget: number;
  #filledAt: number;
  readonly #queue = new FairQueue<Waiting>();
  #timer: DelayedCall | null = null;

  constructor(clock: ReactorTime, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#budget = bytesPerSecond * BURST_SECONDS;
    this.#filledAt = clock.seconds();
  }

  /** Whether a line may be sent at once: nobody waits, and the budget is not used up. */
  get areFree(): boolean {
    return this.#queue.isEmpty && this.#fill() > 0;
  }

  /** A line was sent. */
  spend(bytes: number): void {
    this.#fill();
    this.#budget -= bytes;
  }

  /**
   * Call `go` once it is the turn of a line of `bytes` from the smallest of these networks, which are in one another.
   * @returns for {@link leave}
   */
  wait(networks: readonly string[], bytes: number, go: () => void): Waiting {
    const waiting = { networks, bytes, go };
    this.#queue.add(waiting);
    this.#schedule();
    return waiting;
  }

  /** Who waits no longer gives up the place. A no-op after the turn. */
  leave(waiting: Waiting): void {
    this.#queue.remove(waiting);
    if (this.#queue.isEmpty) this.#stop();
  }

  #fill(): number {
    const now = this.#clock.seconds();
    const most = this.#bytesPerSecond * BURST_SECONDS;
    if (most !== Number.POSITIVE_INFINITY)
      this.#budget = Math.min(most, this.#budget + (now - this.#filledAt) * this.#bytesPerSecond);
    this.#filledAt = now;
    return this.#budget;
  }

  #schedule(): void {
    if (this.#timer !== null || this.#queue.isEmpty) return;
    const seconds = Math.max(SHORTEST_WAIT, -this.#budget / this.#bytesPerSecond);
    this.#timer = this.#clock.callLater(seconds, () => {
      this.#timer = null;
      try {
        this.#next();
      } finally {
        if (this.#queue.isEmpty) this.#stop();
        else this.#schedule(); // also when a turn throws: the others still wait
      }
    });
  }

  #next(): void {
    while (!this.#queue.isEmpty && this.#fill() > 0) this.#queue.take().go();
  }

  #stop(): void {
    if (!this.#timer?.active()) return;
    this.#timer.cancel();
    this.#timer = null;
  }
}
