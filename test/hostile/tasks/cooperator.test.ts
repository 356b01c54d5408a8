/**
 * A Cooperator with hostile tasks among its tasks: whatever their iterators throw, return, yield, or call in the middle of
 * a step, the others take each of their steps and end once, and stop() ends what is left, once.
 */
import { expect, test } from "vitest";
import { Deferred } from "../../../src/entries/defer.ts";
import { type CooperativeTask, Cooperator, deferLater, SchedulerStopped } from "../../../src/entries/task.ts";
import { Failure } from "../../../src/internet/failure.ts";
import { Clock } from "../../../src/testing/clock.ts";
import { turns } from "../../helpers/gate.ts";
import { trapped } from "../../helpers/hostilevalues.ts";
import { between, type Random, seeded } from "../../helpers/random.ts";
import { seed, volume } from "../../helpers/volume.ts";
import { shown, Watch } from "../application/watch.ts";
import { attempt } from "../application/ways.ts";
import { AWAITED, oneOf, QUIET, shuffled, THROWS, type Way, waysOf } from "./ways.ts";

const NEIGHBOURS = 10;
const HOSTILE = 10;
/** Of each neighbour. */
const STEPS = 12;
/** Misbehaving steps of each hostile task. */
const MISSTEPS_MAX = 3;
/** Ticks in which the neighbours have to end: they take a tenth of it. */
const TICKS_MAX = 2000;
/** In seconds. A Clock makes what is due at once in the same advance(). */
const TICK = 0.001;
const ROUNDS = volume({ gate: 200, long: 20_000 });

/** What hears of a task's end. */
class Ends {
  readonly heard: unknown[] = [];

  constructor(done: Deferred<unknown>) {
    done.addBoth((outcome) => {
      this.heard.push(outcome);
    });
  }
}

/** A task that behaves: some of its steps wait. */
class Neighbour {
  taken = 0;
  closed = 0;
  readonly work: Generator<unknown, void, unknown>;
  ends: Ends | undefined;

  constructor(clock: Clock) {
    this.work = this.#steps(clock);
  }

  begin(cooperator: Cooperator): void {
    this.ends = new Ends(cooperator.coiterate(this.work));
  }

  get ended(): boolean {
    return this.ends!.heard.length > 0;
  }

  problems(): string[] {
    const { heard } = this.ends!;
    if (this.taken !== STEPS) return [`a neighbour took ${this.taken} steps of ${STEPS}`];
    return heard.length === 1 && heard[0] === this.work
      ? []
      : [`a neighbour heard ${heard.length} ends, or a wrong one`];
  }

  *#steps(clock: Clock): Generator<unknown, void, unknown> {
    try {
      while (this.taken < STEPS) {
        this.taken++;
        yield [undefined, Promise.resolve(), deferLater(clock, TICK)][this.taken % 3];
      }
    } finally {
      this.closed++;
    }
  }
}

const KINDS = ["iterator", "iterable", "async iterable", "generator"] as const;

function* generatorOf(iterator: { next(): unknown; return(): unknown }): Generator<unknown> {
  try {
    for (;;) {
      const step = iterator.next() as IteratorResult<unknown>;
      if (step.done) return;
      yield step.value;
    }
  } finally {
    iterator.return();
  }
}

/** An iterator each of whose steps misbehaves. */
class Hostile {
  readonly cooperator: Cooperator;
  readonly name: string;
  task: CooperativeTask<unknown> | undefined;
  readonly ends: Ends[] = [];
  readonly #kind: (typeof KINDS)[number];
  readonly #missteps: Way<Hostile>[][];
  readonly #closing: Way<Hostile>[];
  #steps = 0;
  #closes = 0;
  #over = "";
  late = "";

  constructor(cooperator: Cooperator, random: Random) {
    this.cooperator = cooperator;
    this.#kind = oneOf(random, KINDS);
    const [stepping, closing] = this.#kind === "async iterable" ? [ASYNC_STEPPING, AWAITED] : [STEPPING, QUIET];
    const before = (ways: readonly Way<Hostile>[]) =>
      Array.from({ length: between(random, 0, 2) }, () => oneOf(random, ways));
    this.#missteps = Array.from({ length: between(random, 1, MISSTEPS_MAX) }, () => [
      ...before([...REENTERS, START]),
      random() < 0.7 ? oneOf(random, stepping) : STEP,
    ]);
    this.#closing = [...before(REENTERS), oneOf(random, random() < 0.3 ? THROWS : closing)];
    const names = (ways: readonly Way<Hostile>[]) => ways.map(({ name }) => name).join(", then ");
    this.name = `${this.#kind}: ${this.#missteps.map(names).join("; ")}; return(): ${names(this.#closing)}`;
  }

  begin(): void {
    const iterator = { next: () => this.#next(), return: () => this.#return() };
    const works = {
      iterator: () => iterator as Iterator<unknown>,
      iterable: () => ({ [Symbol.iterator]: () => iterator as Iterator<unknown> }),
      "async iterable": () => ({ [Symbol.asyncIterator]: () => iterator as unknown as AsyncIterator<unknown> }),
      generator: () => generatorOf(iterator),
    };
    this.task = this.cooperator.cooperate(works[this.#kind]());
    this.listen();
  }

  /** Hear of its end once more. */
  listen(): void {
    this.ends.push(new Ends(this.task!.whenDone()));
  }

  /** End it, however it was left. */
  windUp(): void {
    for (let i = 0; i < MISSTEPS_MAX; i++) attempt(() => this.task!.resume());
    attempt(() => this.task!.stop());
    this.listen();
  }

  problems(): string[] {
    const outcomes = this.ends.map(({ heard }) => heard.at(0));
    const found: string[] = [];
    if (this.ends.some(({ heard }) => heard.length !== 1)) found.push("it was not told once of its end");
    if (outcomes.some((outcome) => !alike(outcome, outcomes[0]))) found.push("it was told of different ends");
    if (this.#closes > 1) found.push(`return() was called ${this.#closes} times`);
    if (this.late !== "") found.push(this.late);
    return found.map((problem) => `${this.name}: ${problem}`);
  }

  #next(): unknown {
    if (this.#over !== "") this.late = `it was asked for a step after ${this.#over}`;
    const ways = this.#missteps[this.#steps++];
    if (ways === undefined) return { done: true, value: undefined };
    let step: unknown;
    for (const way of ways) step = way.run(this);
    return step;
  }

  #return(): unknown {
    this.#closes++;
    this.#over = "return()";
    let step: unknown;
    for (const way of this.#closing) step = way.run(this);
    return step;
  }
}

function alike(one: unknown, other: unknown): boolean {
  return one instanceof Failure && other instanceof Failure ? Object.is(one.value, other.value) : Object.is(one, other);
}

/** A step that is as it should be. */
const STEP: Way<Hostile> = { name: "step", run: () => ({ done: false, value: undefined }) };

/** What next() comes to. */
const STEPPING: readonly Way<Hostile>[] = [
  ...THROWS,
  ...AWAITED.map(({ name, run }) => ({
    name: `yield ${name}`,
    run: () => ({ done: false, value: run(undefined) }),
  })),
  ...QUIET.map(({ name, run }) => ({ name: `return instead of a step ${name}`, run })),
  ...QUIET.map(({ name, run }) => ({ name: `end with ${name}`, run: () => ({ done: true, value: run(undefined) }) })),
  ...waysOf<Hostile>({
    "return a step whose done throws": () => trapped({}, ["done"]),
    "return a step whose value throws": () => trapped({ done: false }, ["value"]),
    "yield its own end": ({ task }) => ({ done: false, value: task?.whenDone() }),
    "yield the end of another task": ({ cooperator }) => ({ done: false, value: cooperator.coiterate([1, 2]) }),
  }),
];

/** What next() of an async iterator comes to: it is what is waited for. */
const ASYNC_STEPPING: readonly Way<Hostile>[] = [
  ...THROWS,
  ...AWAITED,
  ...QUIET.map(({ name, run }) => ({ name: `a promise of ${name}`, run: async () => run(undefined) })),
];

/** What it calls in the middle of a step. What is refused is its own affair. */
const REENTERS: readonly Way<Hostile>[] = waysOf<Hostile>({
  "pause()": ({ task }) => task?.pause(),
  "resume()": ({ task }) => attempt(() => task?.resume()),
  "pause() and resume()": ({ task }) => {
    task?.pause();
    task?.resume();
  },
  "resume() and pause()": ({ task }) => {
    attempt(() => task?.resume());
    task?.pause();
  },
  "stop()": ({ task }) => attempt(() => task?.stop()),
  "whenDone()": (hostile) => hostile.task && hostile.listen(),
  "cancel() of whenDone()": ({ task }) =>
    task
      ?.whenDone()
      .addErrback(() => undefined)
      .cancel(),
  "callback() of whenDone()": ({ task }) => task?.whenDone().callback(undefined),
  "throw in whenDone()": ({ task }) => {
    const done = task?.whenDone().addBoth(() => {
      throw new Error("of the end");
    });
    done?.addErrback(() => undefined);
  },
  "stop() in whenDone()": ({ task }) => task?.whenDone().addBoth(() => attempt(() => task.stop())),
  "cooperate() in whenDone()": ({ task, cooperator }) =>
    task?.whenDone().addBoth(() => void cooperator.cooperate([new Deferred(), 1])),
  "cooperate()": ({ cooperator }) => cooperator.cooperate([1, 2, 3]),
  "cooperate() of nothing": ({ cooperator }) => attempt(() => cooperator.cooperate(undefined as never)),
});

/** In a step only: after stop() it would have the others go on. */
const START: Way<Hostile> = { name: "start()", run: ({ cooperator }) => cooperator.start() };

/** A round of hostile tasks and neighbours on a Cooperator of their own, whose ticks the test makes. */
class Round {
  readonly clock = new Clock();
  readonly cooperator: Cooperator;
  readonly neighbours: readonly Neighbour[];
  readonly hostile: readonly Hostile[];
  readonly problems: string[] = [];

  constructor(random: Random) {
    this.cooperator = new Cooperator({
      terminationPredicateFactory: () => {
        let left = between(random, 1, 20);
        return () => --left <= 0;
      },
      scheduler: (tick) =>
        this.clock.callLater(TICK, () => {
          try {
            tick();
          } catch (error) {
            this.problems.push(`a tick threw: ${shown(error)}`);
          }
        }),
    });
    this.neighbours = Array.from({ length: NEIGHBOURS }, () => new Neighbour(this.clock));
    this.hostile = Array.from({ length: HOSTILE }, () => new Hostile(this.cooperator, random));
    for (const one of shuffled<Neighbour | Hostile>(random, [...this.neighbours, ...this.hostile])) {
      if (one instanceof Neighbour) one.begin(this.cooperator);
      else one.begin();
    }
  }

  async tick(times: number, until = () => false): Promise<void> {
    for (let i = 0; i < times && !until(); i++) {
      this.clock.advance(TICK);
      await turns(1);
    }
  }

  report(): string[] {
    if (this.problems.length === 0) return [];
    return [...this.problems, "of:", ...this.hostile.map(({ name }) => `  ${name}`)];
  }
}

test("whatever the iterators of some tasks do, the others take every step and end once", async () => {
  const random = seeded(seed());
  const watch = new Watch();
  try {
    for (let i = 0; i < ROUNDS; i++) {
      const round = new Round(random);
      await round.tick(TICKS_MAX, () => round.neighbours.every(({ ended }) => ended));
      for (const hostile of round.hostile) hostile.windUp();
      await round.tick(3);
      for (const one of [...round.neighbours, ...round.hostile]) round.problems.push(...one.problems());
      expect(round.report()).toEqual([]);
    }
    expect(watch.problems).toEqual([]);
  } finally {
    watch.end();
  }
});

test("whatever the iterators of some tasks do when they are closed, stop() of the Cooperator ends each task once", async () => {
  const random = seeded(seed());
  const watch = new Watch();
  try {
    for (let i = 0; i < ROUNDS; i++) {
      const round = new Round(random);
      await round.tick(between(random, 0, 6));
      const running = round.neighbours.filter(({ ended }) => !ended);
      round.cooperator.stop();
      // Whoever waited ends as soon as it is to go on.
      await round.tick(3);
      for (const hostile of round.hostile) hostile.windUp();
      for (const { ends, closed, taken } of running) {
        const { heard } = ends!;
        const reason = heard[0] instanceof Failure ? heard[0].value : heard[0];
        if (heard.length !== 1 || !(reason instanceof SchedulerStopped) || closed !== Math.min(taken, 1)) {
          round.problems.push(
            `a neighbour ended ${heard.length} times, by ${shown(reason)}, and was closed ${closed} times`,
          );
        }
      }
      for (const hostile of round.hostile) round.problems.push(...hostile.problems());
      expect(round.report()).toEqual([]);
    }
    expect(watch.problems).toEqual([]);
  } finally {
    watch.end();
  }
});
