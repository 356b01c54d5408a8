/** A hostile program that keeps a transport, and uses it when its handle has become another connection's. */
import { expect, test } from "vitest";
import type { Transport } from "../../../src/internet/interfaces.ts";
import { turns } from "../../helpers/gate.ts";
import { seeded } from "../../helpers/random.ts";
import { forEachReactor } from "../../helpers/reactors.ts";
import { seed, volume } from "../../helpers/volume.ts";
import { addressesOf } from "./ends.ts";
import { Neighbours, Street } from "./neighbours.ts";
import { Watch } from "./watch.ts";
import { LATE } from "./ways.ts";

/**
 * More connections than it takes until a handle comes round: 2,048 generations of the slots, of which the native engine
 * uses 256 in turn, and the engines in TypeScript those that were ever taken. An addon that is built with
 * SKEIN_GENERATION_BITS=2 comes round within the gate's count, as scripts/asan-node.sh has it.
 */
const REUSES_MAX = 300_000;
const REUSES_IN_GATE = 600;

/** What names a transport's connection to the engine, while it lives. */
function handleOf(transport: Transport): number {
  const handle: unknown = Reflect.get(transport, "handle");
  if (typeof handle !== "number")
    throw new TypeError("A transport has no `handle`: this test looks for handles that come round.");
  return handle;
}

forEachReactor((make, { reactor: name }) => {
  // The engines in TypeScript share a table, so that one of them comes round in the gate.
  const REUSES = volume({ gate: name === "simulated" ? REUSES_MAX : REUSES_IN_GATE, long: REUSES_MAX });

  test("stale transports do not affect the connections that reuse their handles", async () => {
    const reactor = make();
    const random = seeded(seed());
    const watch = new Watch();
    try {
      const street = new Street(reactor);
      const kept = new Neighbours(await street.pair());
      const handles = kept.transports.map(handleOf);
      const addresses = kept.transports.map(addressesOf);
      kept.abort();
      await kept.gone();
      let strangers = new Neighbours(await street.pair());
      const comeRound = () => strangers.transports.some((transport) => handles.includes(handleOf(transport)));
      for (let i = 0; i < REUSES && !comeRound(); i++) {
        strangers.abort();
        await strangers.gone();
        strangers = new Neighbours(await street.pair());
      }
      if (REUSES === REUSES_MAX) expect(comeRound(), "a handle of a kept transport has come round").toBe(true);
      for (const [method, call] of Object.entries(LATE)) {
        for (const transport of kept.transports) expect(() => call(transport), method).not.toThrow();
        strangers.talk(random);
        await turns(1);
      }
      while (!strangers.quiet && strangers.problems().length === 0) await turns(1);
      expect(strangers.problems()).toEqual([]);
      expect(kept.transports.map(addressesOf)).toEqual(addresses);
      expect(kept.losses).toEqual([1, 1]);
      await strangers.moveOut();
      await street.close();
      expect(watch.problems).toEqual([]);
    } finally {
      watch.end();
    }
  });
});
