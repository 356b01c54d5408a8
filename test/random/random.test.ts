/**
 * Random sequences of operations bring about the same on every reactor as on the in-memory one.
 *
 * SKEIN_SEED=n plays that seed alone. A sequence must not last for seconds: what closed while its peer still
 * sends is cut then (see EngineLink). With fewer SKEIN_RANDOM_LANES than 100 it is shorter, where all is slow.
 */
import { expect, test } from "vitest";
import { forEachReactor, takeLog } from "../helpers/reactors.ts";
import { seed as seedOfRun, volume } from "../helpers/volume.ts";
import { makeUp, type Script } from "./model.ts";
import { weight } from "./operations.ts";
import { replay, shrink, tell } from "./replay.ts";

const LANES = Number(process.env.SKEIN_RANDOM_LANES ?? 100);
const STEPS = 30;
const only = process.env.SKEIN_SEED;
/** What a reactor logs of protocols that were told to throw. */
const THREW = /End threw; its connection to \S+ is closed/;

/** So many are kept; the long tier plays more than memory should hold. */
const KEPT = 100;

/** The scripts by their seeds: the reactors play the same ones, but for node's, which has limits. */
const madeUp = new Map<string, Promise<Script[]>>();

function scriptsOf(seed: number, name: string): Promise<Script[]> {
  const resetsAfterTheEnd = name !== "node" && process.platform !== "win32";
  const key = `${seed} ${resetsAfterTheEnd}`;
  let scripts = madeUp.get(key);
  if (scripts === undefined) {
    scripts = makeUp(seed, LANES, STEPS, { resetsAfterTheEnd });
    if (madeUp.size < KEPT) madeUp.set(key, scripts);
  }
  return scripts;
}

forEachReactor((make, { reactor: name, driver, thorough }) => {
  const OPERATIONS = volume({ gate: thorough ? 100_000 : 25_000, long: 1_000_000 });

  test("random sequences of operations have the same effect as on a transport in memory", async () => {
    const reactor = make();
    let done = 0;
    for (let seed = Number(only ?? seedOfRun()); done < OPERATIONS; seed++) {
      const scripts = await scriptsOf(seed, name);
      for (const { operations } of scripts) for (const operation of operations) done += weight(operation);
      const mismatch = await replay(reactor, scripts);
      if (mismatch !== undefined) {
        const script = scripts[mismatch.lane]!;
        const alone = await shrink(reactor, script, mismatch.step);
        takeLog();
        expect.fail(
          [
            `On ${name} with driver ${driver}, seed ${seed} goes wrong in lane ${mismatch.lane}:`,
            tell(script, mismatch),
            alone === undefined
              ? "It does not when it is alone."
              : `The shortest that does:\n${tell(alone.script, alone.mismatch)}`,
            `Play it again with: SKEIN_SEED=${seed} npx vitest run --project main test/random`,
          ].join("\n"),
        );
      }
      expect(takeLog().filter((line) => !THREW.test(line))).toEqual([]);
      if (only !== undefined) break;
    }
    console.log(`${name} ${driver}: ${done} operations`);
  });
});
