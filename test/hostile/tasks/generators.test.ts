/**
 * inlineCallbacks with hostile generators: whatever they throw, return or yield, and in whatever state they are cancelled,
 * those that wait for the same Deferreds get each result in turn and end once, and a hostile one's Deferred fires once.
 */
import { expect, test } from "vitest";
import { Deferred, inlineCallbacks } from "../../../src/entries/defer.ts";
import { turns } from "../../helpers/gate.ts";
import { HOSTILE_VALUES, trapped } from "../../helpers/hostilevalues.ts";
import { between, type Random, seeded } from "../../helpers/random.ts";
import { seed, volume } from "../../helpers/volume.ts";
import { shown, Watch } from "../application/watch.ts";
import { attempt } from "../application/ways.ts";
import { AWAITED, oneOf, QUIET, shuffled, THROWS, type Way, waysOf } from "./ways.ts";

const NEIGHBOURS = 10;
const HOSTILE = 10;
/** Results that each neighbour waits for. */
const RESULTS = 10;
const MISSTEPS_MAX = 3;
const ROUNDS = volume({ gate: 200, long: 20_000 });

/** A generator that waits for each result, and returns them all. */
class Neighbour {
  waits: Deferred<number> | undefined;
  readonly outcomes: unknown[] = [];

  constructor() {
    const wait = inlineCallbacks(this.#wait);
    wait.call(this).addBoth((outcome) => {
      this.outcomes.push(outcome);
    });
  }

  problems(): string[] {
    const expected = JSON.stringify(Array.from({ length: RESULTS }, (_, i) => i));
    const [first] = this.outcomes;
    return this.outcomes.length === 1 && Array.isArray(first) && JSON.stringify(first) === expected
      ? []
      : [`a neighbour ended ${this.outcomes.length} times, with ${shown(first)}`];
  }

  *#wait(this: Neighbour): Generator<unknown, number[], number> {
    const got: number[] = [];
    while (got.length < RESULTS) {
      this.waits = new Deferred<number>();
      got.push(yield this.waits);
    }
    return got;
  }
}

/** What is called of it when it is resumed misbehaves, one time after another. */
class Hostile {
  readonly name: string;
  readonly outcomes: unknown[] = [];
  /** It waits for what a neighbour waits for, and is not cancelled then: that would cancel what both wait for. */
  readonly shares: boolean;
  shared: Deferred<unknown> | undefined;
  done: Deferred<unknown> | undefined;
  late = "";
  readonly #missteps: Way<Hostile>[][];
  #steps = 0;

  constructor(random: Random) {
    this.shares = random() < 0.5;
    const [reenters, wait] = this.shares ? [REENTERS, WAIT_WITH_OTHERS] : [[...REENTERS, ...CANCELS], WAIT];
    this.#missteps = Array.from({ length: between(random, 1, MISSTEPS_MAX) }, () => [
      ...Array.from({ length: between(random, 0, 2) }, () => oneOf(random, reenters)),
      random() < 0.8 ? oneOf(random, STEPPING) : wait,
    ]);
    this.name = this.#missteps.map((ways) => ways.map(({ name }) => name).join(", then ")).join("; ");
  }

  begin(shared: Deferred<unknown>): void {
    this.shared = shared;
    const generator = { next: () => this.#step(), throw: () => this.#step() } as unknown as Generator;
    this.done = inlineCallbacks(() => generator)() as Deferred<unknown>;
    this.done.addBoth((outcome) => {
      this.outcomes.push(outcome);
    });
  }

  /** Once it was cancelled, it waits for another: a circle of several Deferreds never fires. */
  get own(): Deferred<unknown> | undefined {
    return this.done?.called === true ? undefined : this.done;
  }

  problems(): string[] {
    const found: string[] = [];
    if (this.outcomes.length !== 1) found.push(`its Deferred fired ${this.outcomes.length} times`);
    if (this.late !== "") found.push(this.late);
    return found.map((problem) => `${this.name}: ${problem}`);
  }

  #step(): unknown {
    if (this.#steps > this.#missteps.length) this.late = "it was resumed after its end";
    const ways = this.#missteps[this.#steps++];
    if (ways === undefined) return { done: true, value: undefined };
    let step: unknown;
    for (const way of ways) step = way.run(this);
    return step;
  }
}

/** Steps that are as they should be. */
const WAIT: Way<Hostile> = { name: "yield a Deferred", run: () => ({ done: false, value: new Deferred() }) };
const WAIT_WITH_OTHERS: Way<Hostile> = {
  name: "yield what others wait for",
  run: ({ shared }) => ({ done: false, value: shared }),
};

/** What next() and throw() come to. */
const STEPPING: readonly Way<Hostile>[] = [
  ...THROWS,
  ...AWAITED.map(({ name, run }) => ({ name: `yield ${name}`, run: () => ({ done: false, value: run(undefined) }) })),
  ...QUIET.map(({ name, run }) => ({ name: `return instead of a step ${name}`, run })),
  // Nobody waits for what it ends with once its Deferred was fired.
  ...AWAITED.map(({ name, run }) => ({
    name: `end with ${name}`,
    run: ({ done }: Hostile) => ({ done: true, value: done?.called === true ? undefined : run(undefined) }),
  })),
  ...waysOf<Hostile>({
    "return a step whose done throws": () => trapped({}, ["done"]),
    "return a step whose value throws": () => trapped({ done: false }, ["value"]),
    "yield its own Deferred": (hostile) => ({ done: false, value: hostile.own }),
    "end with its own Deferred": (hostile) => ({ done: true, value: hostile.own }),
  }),
];

/** What it calls while it runs. */
const REENTERS: readonly Way<Hostile>[] = waysOf<Hostile>({
  "callback()": ({ done }) => attempt(() => done?.callback("early")),
  "errback()": ({ done }) => attempt(() => done?.errback(new Error("early"))),
  "throw in a callback": ({ done }) =>
    done
      ?.addBoth(() => {
        throw new Error("of the end");
      })
      .addErrback(() => undefined),
  "another run": () =>
    void inlineCallbacks(function* () {
      yield new Deferred();
    })(),
});

const CANCELS: readonly Way<Hostile>[] = waysOf<Hostile>({
  "cancel()": ({ done }) => done?.cancel(),
  "cancel() twice": ({ done }) => {
    done?.cancel();
    done?.cancel(Symbol("again"));
  },
  "cancel() once it has ended": ({ done }) => done?.addBoth(() => done.cancel()),
});

/** The neighbours get their results, beside hostile generators; all that hangs is cancelled in the end. */
async function play(random: Random): Promise<string[]> {
  const problems: string[] = [];
  const hostile = Array.from({ length: HOSTILE }, () => new Hostile(random));
  const neighbours: Neighbour[] = [];
  for (let i = 0; i < NEIGHBOURS; i++) neighbours.push(new Neighbour());
  let begun = 0;
  for (let result = 0; result < RESULTS; result++) {
    for (const neighbour of shuffled(random, neighbours)) {
      const shared = neighbour.waits!;
      if (begun < HOSTILE && random() < 0.5) hostile[begun++]!.begin(shared);
      const other = oneOf(random, hostile);
      if (!other.shares && random() < 0.1) other.done?.cancel();
      if (random() < 0.02) attempt(() => other.done?.callback("foreign"));
      // Behind whoever waits.
      shared.addBoth((came) => {
        if (came !== result) problems.push(`a Deferred that generators wait for came to ${shown(came)}`);
      });
      try {
        shared.callback(result);
      } catch (error) {
        problems.push(`firing a Deferred threw: ${shown(error)}`);
      }
    }
    await turns(1);
  }
  while (begun < HOSTILE) hostile[begun++]!.begin(new Deferred());
  // Each cancel() ends one wait at most, and what its canceller does not end, the next one's.
  for (let i = 0; i < 2 * MISSTEPS_MAX && hostile.some(({ outcomes }) => outcomes.length === 0); i++) {
    for (const { done, outcomes } of hostile) if (outcomes.length === 0) attempt(() => done!.cancel());
    await turns(2);
  }
  for (const { done, outcomes } of hostile) if (outcomes.length === 0) attempt(() => done!.callback("given up"));
  problems.push(...[...neighbours, ...hostile].flatMap((one) => one.problems()));
  return problems.length === 0 ? [] : [...problems, "of:", ...hostile.map(({ name }) => `  ${name}`)];
}

test("whatever some generators do, the others get every result and end once", async () => {
  const random = seeded(seed());
  const watch = new Watch();
  try {
    for (let i = 0; i < ROUNDS; i++) expect(await play(random)).toEqual([]);
    expect(watch.problems).toEqual([]);
  } finally {
    watch.end();
  }
});

test.each(Object.entries(HOSTILE_VALUES))("%s is refused as a generator with a TypeError", (_name, make) => {
  expect(() => inlineCallbacks(make as () => Generator)()).toThrow(TypeError);
});
