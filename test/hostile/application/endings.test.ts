/**
 * A hostile program that ends its reactor in the middle of a callback, or whose triggers misbehave while it starts and
 * stops: whatever is told then is told once, a reactor that crashed can be run again, and stop() ends.
 */
import { expect, test } from "vitest";
import type { TriggerPhase } from "../../../src/internet/interfaces.ts";
import { freePort } from "../../helpers/freeport.ts";
import { turns, until } from "../../helpers/gate.ts";
import { between, seeded } from "../../helpers/random.ts";
import { forEachReactor } from "../../helpers/reactors.ts";
import { seed, volume } from "../../helpers/volume.ts";
import { LINE_PLACES } from "./callbacks.ts";
import { Line } from "./lines.ts";
import { Neighbours } from "./neighbours.ts";
import { Plan, type Way } from "./plan.ts";
import { patiently } from "./rounds.ts";
import { Watch } from "./watch.ts";
import { attempt, type ENDS, ending, LATE, REJECTS, RETURNS, THROWS } from "./ways.ts";

const NEIGHBOURS = 10;
const STEPS = 4;
const PHASES: readonly TriggerPhase[] = ["before", "during", "after"];

forEachReactor((make, { thorough }) => {
  const TRIES = volume({ gate: thorough ? 30 : 8, long: 3000 });

  /** A line beside neighbours, of which one callback ends the reactor by `how`. */
  async function begin(how: keyof typeof ENDS, place: string, last: Way, random = seeded(seed())) {
    const reactor = make();
    const plan = new Plan(place, [ending(how), last]);
    const closedPort = await freePort();
    const neighbours = await Neighbours.moveIn(reactor, NEIGHBOURS);
    const line = new Line(reactor, random, plan, closedPort);
    for (let step = 0; step < STEPS && plan.done === 0; step++) {
      line.step(step);
      neighbours.talk(random);
      await turns(2);
    }
    return { reactor, plan, neighbours, line, random };
  }

  /** What is wrong after `play` with each of some places. */
  async function each(
    how: keyof typeof ENDS,
    play: (place: string, last: Way) => Promise<unknown[]>,
  ): Promise<unknown[]> {
    const random = seeded(seed());
    const watch = new Watch();
    const problems: unknown[] = [];
    try {
      for (let i = 0; i < TRIES && problems.length === 0; i++) {
        const place = LINE_PLACES[between(random, 0, LINE_PLACES.length - 1)]!;
        const last = THROWS[between(random, 0, THROWS.length - 1)]!;
        const found = [...(await play(place, last)), ...watch.problems];
        problems.push(...found.map((problem) => `${place}: ${how}, then ${last.name}: ${problem}`));
      }
    } finally {
      watch.end();
    }
    return problems;
  }

  test("when a callback stops the reactor and throws, every protocol is notified once and the reactor ends", async () => {
    const problems = await each("stop()", async (place, last) => {
      const { reactor, neighbours, line } = await begin("stop()", place, last);
      await reactor[Symbol.asyncDispose]();
      const wrong = neighbours.losses.filter((losses) => losses !== 1);
      const told = line.told.filter(({ losses, deaf }) => losses !== 1 && !deaf);
      return [
        ...(wrong.length === 0 ? [] : [`neighbours were told ${wrong} times of their loss`]),
        ...told.map(({ side, losses }) => `the ${side} was told ${losses} times of its loss`),
        ...(line.begun === line.ended ? [] : [`${line.ended} of ${line.begun} attempts were told of their end`]),
      ];
    });
    expect(problems).toEqual([]);
  });

  test("when a callback crashes the reactor and throws, it can be run again, and no byte is lost", async () => {
    const problems = await each("crash()", async (place, last) => {
      const { reactor, neighbours, line, random } = await begin("crash()", place, last);
      const ended: Promise<void>[] = [];
      const runAgain = () => {
        if (!reactor.running) ended.push(reactor.run({ installSignalHandlers: false }));
      };
      runAgain();
      for (let i = 0; i < 3; i++) {
        neighbours.talk(random);
        await turns(1);
      }
      // Some of its callbacks come only now, and crash the reactor once more.
      const runUntil = (done: () => boolean) =>
        patiently(() => {
          runAgain();
          return done();
        });
      await runUntil(() => neighbours.quiet);
      await runUntil(() => line.windUp());
      await runUntil(() => neighbours.quiet);
      const problems = [...neighbours.problems(), ...line.problems()];
      if (!neighbours.quiet) problems.push("the neighbours have not heard all that was said");
      runAgain();
      await reactor[Symbol.asyncDispose]();
      await Promise.all(ended);
      return problems;
    });
    expect(problems).toEqual([]);
  });

  test("when a callback destroys the reactor and throws, later calls have no effect", async () => {
    const problems = await each("destroy()", async (place, last) => {
      const { reactor, neighbours, line } = await begin("destroy()", place, last);
      const transports = [...neighbours.transports, ...line.told.flatMap(({ transport }) => transport ?? [])];
      reactor.destroy();
      for (const call of Object.values(LATE)) {
        for (const transport of transports) attempt(() => call(transport));
      }
      await turns(3);
      return neighbours.losses.some((losses) => losses > 1) ? ["a neighbour was told more than once of its loss"] : [];
    });
    expect(problems).toEqual([]);
  });

  test("the reactor starts and stops whatever its startup and shutdown triggers throw or return", async () => {
    const watch = new Watch();
    const reactor = make({ run: false });
    const called: string[] = [];
    for (const event of ["startup", "shutdown"]) {
      for (const phase of PHASES) {
        // What is before an event is waited for: a promise that never settles would hold it up, as it is meant to.
        const ways = phase === "before" ? [...THROWS, ...REJECTS] : [...THROWS, ...RETURNS, ...REJECTS];
        for (const way of ways) reactor.addSystemEventTrigger(phase, event, () => way.run({ reactor }, undefined));
        reactor.addSystemEventTrigger(phase, event, () => called.push(`${phase} ${event}`));
      }
    }
    try {
      const ended = reactor.run({ installSignalHandlers: false });
      await until(() => called.length === PHASES.length);
      reactor.stop();
      await ended;
      // What is rejected later, too.
      await turns(3);
      expect(called).toEqual(["startup", "shutdown"].flatMap((event) => PHASES.map((phase) => `${phase} ${event}`)));
      expect(watch.problems).toEqual([]);
    } finally {
      watch.end();
    }
  });
});
