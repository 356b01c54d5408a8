/**
 * Whose line is sent next. A line goes to every member, so many clients who each keep to their own limits still make a
 * room send more than a process can. So the room as a whole has a budget, in bytes:
 *
 *     a line ── nobody waits, and the budget is not used up ──► sent at once
 *            └─ else its client is paused ──► its peer's turn ──► sent, and the client resumed
 *
 * Peers take turns, and so do the clients of a peer: who has many connections has no more turns than who has one. Nothing is
 * lost, and what waits is one line of each client.
 */
import type { DelayedCall, ReactorTime } from "../../internet/time.ts";

/** Of how many seconds the budget may be spent at once: that bounds for how long the process does nothing else. */
const BURST_SECONDS = 0.125;
/** Seconds: no timer is shorter. */
const SHORTEST_WAIT = 0.01;

/** One who waits. */
export interface Waiting {
  /** The key of the peer. */
  readonly peer: string;
  /** It is the peer's turn. */
  readonly go: () => void;
}

export class Turns {
  readonly #clock: ReactorTime;
  readonly #bytesPerSecond: number;
  /** What may be spent now. Below 0 after a line that cost more than was left. */
  #budget: number;
  #filledAt: number;
  /** By peers, in the order of their turns. */
  readonly #queues = new Map<string, Set<Waiting>>();
  #timer: DelayedCall | null = null;

  constructor(clock: ReactorTime, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#budget = bytesPerSecond * BURST_SECONDS;
    this.#filledAt = clock.seconds();
  }

  /** Whether a line may be sent at once: nobody waits, and the budget is not used up. */
  get areFree(): boolean {
    return this.#queues.size === 0 && this.#fill() > 0;
  }

  /** A line was sent. */
  spend(bytes: number): void {
    this.#fill();
    this.#budget -= bytes;
  }

  /** Call `go` once it is the turn of `peer`. @returns for {@link leave} */
  wait(peer: string, go: () => void): Waiting {
    const waiting = { peer, go };
    const queue = this.#queues.get(peer);
    if (queue === undefined) this.#queues.set(peer, new Set([waiting]));
    else queue.add(waiting);
    this.#schedule();
    return waiting;
  }

  /** Who waits no longer gives up the place. A no-op after the turn. */
  leave(waiting: Waiting): void {
    const queue = this.#queues.get(waiting.peer);
    if (queue?.delete(waiting) && queue.size === 0) this.#queues.delete(waiting.peer);
    if (this.#queues.size === 0) this.#stop();
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
    if (this.#timer !== null || this.#queues.size === 0) return;
    const seconds = Math.max(SHORTEST_WAIT, -this.#budget / this.#bytesPerSecond);
    this.#timer = this.#clock.callLater(seconds, () => {
      this.#timer = null;
      try {
        this.#next();
      } finally {
        this.#schedule(); // also when a turn throws: the others still wait
      }
    });
  }

  #next(): void {
    while (this.#queues.size > 0 && this.#fill() > 0) {
      const [first] = this.#queues;
      const [peer, queue] = first!;
      const [waiting] = queue;
      queue.delete(waiting!);
      this.#queues.delete(peer); // the peer's next turn comes after the others'
      if (queue.size > 0) this.#queues.set(peer, queue);
      waiting!.go();
    }
  }

  #stop(): void {
    if (!this.#timer?.active()) return;
    this.#timer.cancel();
    this.#timer = null;
  }
}
