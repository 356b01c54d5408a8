/** Handshakes that must be done in time: all of one port have the same number of seconds, so one timer is enough for them. */
import type { Loop } from "../reactor/loop.ts";

export interface Awaited {
  /** The time is over. */
  late(): void;
}

export class Deadlines {
  readonly #loop: Loop;
  readonly #seconds: number;
  /** Those that are awaited, with their times: the earliest first. */
  readonly #awaited = new Map<Awaited, number>();
  #timer: object | undefined;

  /** @param seconds Infinity: none is ever late */
  constructor(loop: Loop, seconds: number) {
    this.#loop = loop;
    this.#seconds = seconds;
  }

  add(one: Awaited): void {
    if (this.#seconds === Number.POSITIVE_INFINITY) return;
    this.#awaited.set(one, this.#loop.seconds() + this.#seconds);
    this.#timer ??= this.#loop.later(this.#seconds, this.#look, false);
  }

  delete(one: Awaited): void {
    this.#awaited.delete(one);
    if (this.#awaited.size > 0) return;
    this.#loop.cancelLater(this.#timer);
    this.#timer = undefined;
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const now = this.#loop.seconds();
    for (const [one, due] of this.#awaited) {
      if (due > now) {
        this.#timer = this.#loop.later(due - now, this.#look, false);
        return;
      }
      this.#awaited.delete(one);
      one.late();
    }
  };
}
