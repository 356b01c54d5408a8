/**
 * Limits how much awaited work passes between two ticks of the event loop.
 *
 * An await of a resolved promise continues in a microtask, and the event loop waits for the last microtask. A program
 * that awaits in a loop would starve timers and sockets while its awaits resolve at once. So every read, every write
 * and every item of a loop spends from the budget of its reactor:
 *
 * ```
 *   spend() ── budget left ──▶ resolved at once, as a rule
 *      └────── used up ──────▶ wait() ── next tick, in the order of the calls ──▶ resolved
 * ```
 * The budget is refilled only by a tick that somebody waits for: nothing is scheduled before it is used up. So it is an
 * upper bound per tick, and a program that never exhausts a tick waits for one after every OPERATIONS_A_REFILL
 * operations. What is rejected spends too, since a loop may try again whatever the error is.
 */
import type { Transport } from "../internet/interfaces.ts";
import { type Loop, loopOf } from "../internet/reactor/loop.ts";

/** Reads, writes and items of loops that pass in one tick, of all connections of a reactor together. */
export const OPERATIONS_A_TICK = 256;
/** Bytes read and written in one tick; the operation that crosses the bound still passes. */
export const BYTES_A_TICK = 1024 * 1024;

// A refill may come in the middle of a tick: the callbacks of I/O spend before it, and what it resumes spends after it.
// So each refill gives half.
const OPERATIONS_A_REFILL = OPERATIONS_A_TICK / 2;
const BYTES_A_REFILL = BYTES_A_TICK / 2;

/** A batch of operations that wait for the same tick. */
export interface Waiting {
  operations: number;
  bytes: number;
  readonly resume: () => void;
}

export class TickBudget {
  readonly #loop: Loop;
  #operations = OPERATIONS_A_REFILL;
  #bytes = BYTES_A_REFILL;
  /** In the order of the calls; those before #next have passed. Nobody waits unless the budget is used up. */
  #waiting: Waiting[] = [];
  #next = 0;
  readonly #tick = (): void => this.#refill();

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  /** Spend operations and bytes. False when the budget of this tick is used up: {@link wait}, then. */
  spend(bytes: number, operations = 1): boolean {
    if (this.#operations <= 0 || this.#bytes <= 0) return false;
    this.#operations -= operations;
    this.#bytes -= bytes;
    return true;
  }

  /** Spend `bytes` more for an operation that has passed. */
  charge(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Call `resume` in a later tick, after the operations that wait already. */
  wait(bytes: number, resume: () => void, operations = 1): Waiting {
    const waiting = { operations, bytes, resume };
    if (this.#waiting.push(waiting) === 1) this.#loop.nextTick(this.#tick);
    return waiting;
  }

  /** Resolves in a later tick, after the operations that wait already. */
  nextTick(): Promise<void> {
    return new Promise((resolve) => {
      this.wait(0, resolve);
    });
  }

  /** A promise that rejects with `error`: at once, or in a later tick when the budget is used up. */
  async reject(error: unknown): Promise<never> {
    if (!this.spend(0)) await this.nextTick();
    throw error;
  }

  #refill(): void {
    this.#operations = OPERATIONS_A_REFILL;
    this.#bytes = BYTES_A_REFILL;
    const waiting = this.#waiting;
    try {
      while (this.#next < waiting.length && this.#operations > 0 && this.#bytes > 0) {
        const { operations, bytes, resume } = waiting[this.#next++]!;
        this.#operations -= operations;
        this.#bytes -= bytes;
        resume();
      }
    } finally {
      this.#drop();
    }
  }

  /** Remove those that have passed: in bulk, since each removal moves all others. */
  #drop(): void {
    const left = this.#waiting.length - this.#next;
    if (left === 0 || this.#next > left) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
    if (left > 0) this.#loop.nextTick(this.#tick);
  }
}

const budgets = new WeakMap<Loop, TickBudget>();

/** The budget that a transport shares with all others of its reactor. */
export function budgetOf(transport: Transport): TickBudget {
  const loop = loopOf(transport);
  let budget = budgets.get(loop);
  if (budget === undefined) {
    budget = new TickBudget(loop);
    budgets.set(loop, budget);
  }
  return budget;
}
