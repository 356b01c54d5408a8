/** Counts what a program does between two ticks of the loop that it lives in. */
import { type Loop, loopOf } from "../../src/internet/reactor/loop.ts";

export class TickCounter {
  /** Ticks since this was made. */
  ticks = 0;
  /** The most in one tick. */
  most = { operations: 0, bytes: 0 };
  readonly #loop: Loop;
  readonly #limit: number;
  #operations = 0;
  #bytes = 0;
  #over = false;

  /** @param limit operations in a tick after which {@link count} throws, so that what never lets go ends all the same */
  constructor(transport: object, limit: number) {
    this.#loop = loopOf(transport);
    this.#limit = limit;
    this.#turn();
  }

  count(bytes: number): void {
    this.#operations++;
    this.#bytes += bytes;
    this.most.operations = Math.max(this.most.operations, this.#operations);
    this.most.bytes = Math.max(this.most.bytes, this.#bytes);
    if (this.#operations > this.#limit) throw new Error(`More than ${this.#limit} operations passed in one tick.`);
  }

  stop(): void {
    this.#over = true;
  }

  #turn(): void {
    this.#loop.nextTick(() => {
      this.ticks++;
      this.#operations = 0;
      this.#bytes = 0;
      if (!this.#over) this.#turn();
    });
  }
}
