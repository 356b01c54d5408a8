/**
 * A hostile program as the enemy: whatever its callbacks throw, return, call, take away, or keep, its neighbours on the
 * same reactor get every byte that was said to them and no other, each loss is told once, and stop() ends.
 */
import { expect, test } from "vitest";
import { freePort } from "../../helpers/freeport.ts";
import { seeded } from "../../helpers/random.ts";
import { forEachReactor } from "../../helpers/reactors.ts";
import { seed, volume } from "../../helpers/volume.ts";
import { Neighbours } from "./neighbours.ts";
import { Rounds } from "./rounds.ts";
import { Watch } from "./watch.ts";

const NEIGHBOURS = 100;

forEachReactor((make, { reactor: name, driver, thorough }) => {
  const MISBEHAVIOURS = volume({ gate: thorough ? 1000 : 100, long: 100_000 });
  /** Engines in TypeScript, and Windows, have no descriptors to watch. */
  const descriptors = name !== "node" && name !== "simulated" && process.platform !== "win32";

  test("whatever a program does in its callbacks, other connections get every byte, and every loss is reported", async () => {
    const reactor = make();
    const random = seeded(seed());
    const closedPort = await freePort();
    const neighbours = await Neighbours.moveIn(reactor, NEIGHBOURS);
    const watch = new Watch();
    const rounds = new Rounds({ reactor, random, neighbours, watch, closedPort, descriptors });
    try {
      expect(await rounds.play(MISBEHAVIOURS)).toEqual([]);
      await neighbours.moveOut();
      expect(neighbours.losses).toEqual(Array(NEIGHBOURS).fill(1));
      expect(watch.problems).toEqual([]);
    } finally {
      rounds.end();
      watch.end();
    }
    console.log(
      `${name} ${driver}: ${rounds.done} misbehaviours, ${rounds.late} late calls, ${watch.lines} lines logged`,
    );
  });
});
