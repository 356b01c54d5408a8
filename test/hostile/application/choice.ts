/** Chooses misbehaviours at random, so that every place gets its turn. */
import { between, type Random } from "../../helpers/random.ts";
import { LINE_PLACES, mayReject } from "./callbacks.ts";
import { mayRejectElsewhere, needsDescriptor, OTHER_PLACES } from "./places.ts";
import { Plan, type Way } from "./plan.ts";
import { BLOCK, DETACHES, REENTERS, REJECTS, RETURNS, THROWS } from "./ways.ts";

/** To block takes its time: so many may. */
const BLOCKS_A_THOUSAND = 2;

export class Choice {
  readonly #random: Random;
  readonly #places: readonly string[];
  #left: string[] = [];
  #blocks: number;

  /** For `count` misbehaviours; `descriptors` when the reactor watches them. */
  constructor(random: Random, count: number, descriptors: boolean) {
    this.#random = random;
    this.#places = [...LINE_PLACES, ...OTHER_PLACES].filter((place) => descriptors || !needsDescriptor(place));
    this.#blocks = Math.ceil((count * BLOCKS_A_THOUSAND) / 1000);
  }

  next(): Plan {
    if (this.#left.length === 0) this.#left = [...this.#places];
    const place = this.#left.splice(between(this.#random, 0, this.#left.length - 1), 1)[0]!;
    return new Plan(place, [...this.#before(place), ...this.#last(place)]);
  }

  /** What is done before the callback throws or returns. */
  #before(place: string): Way[] {
    const ways: Way[] = [];
    if (/dataReceived|after a read/.test(place) && this.#random() < 0.5) ways.push(this.#one(DETACHES));
    for (let i = between(this.#random, 0, 2); i > 0; i--) ways.push(this.#one(REENTERS));
    if (this.#blocks > 0 && this.#random() < 0.01) {
      this.#blocks--;
      ways.push(BLOCK);
    }
    return ways;
  }

  #last(place: string): Way[] {
    const how = this.#random();
    if (how < 0.55) return [this.#one(THROWS)];
    if (how < 0.75) return [this.#one(RETURNS)];
    if (how < 0.9 && (mayReject(place) || mayRejectElsewhere(place))) return [this.#one(REJECTS)];
    return [];
  }

  #one(ways: readonly Way[]): Way {
    return ways[between(this.#random, 0, ways.length - 1)]!;
  }
}
