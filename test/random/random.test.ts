/**
 * Random sequences of operations bring about the same on every reactor as on the in-memory one.
 *
 * SKEIN_SEED=n plays that seed alone. A sequence must not last for seconds: what closed while its peer still
 * sends is cut then (see EngineLink). With fewer SKEIN_RANDOM_LANES than 100 it is shorter, where all is slow.
 */
import { expect, test } from "vitest";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { forEachReactor, type Subject, takeLog } from "../helpers/reactors.ts";
import { forEachTLSReactor } from "../helpers/secure.ts";
import { seed as seedOfRun, volume } from "../helpers/volume.ts";
import { makeUp, type Script } from "./model.ts";
import { weight } from "./operations.ts";
import { replay, shrink, tell } from "./replay.ts";
import { SECURINGS } from "./securings.ts";

const LANES = Number(process.env.SKEIN_RANDOM_LANES ?? 100);
const STEPS = 30;
const only = process.env.SKEIN_SEED;
/** A step of TLS takes longer. */
const OVER = {
  TCP: { lanes: LANES, steps: STEPS, securings: [undefined] },
  TLS: { lanes: Math.ceil(LANES / 3), steps: STEPS, securings: SECURINGS },
} as const;
type Over = keyof typeof OVER;
/** What a reactor logs of protocols that were told to throw. */
const THREW = /End threw; its connection to \S+ is closed/;

/** So many are kept; the long tier plays more than memory should hold. */
const KEPT = 100;

/** The scripts by their seeds: the reactors play the same ones, but for node's, which has limits. */
const madeUp = new Map<string, Promise<Script[]>>();

function scriptsOf(seed: number, name: string, over: Over): Promise<Script[]> {
  const resetsAfterTheEnd = name !== "node" && process.platform !== "win32";
  const key = `${seed} ${over} ${resetsAfterTheEnd}`;
  let scripts = madeUp.get(key);
  if (scripts === undefined) {
    scripts = makeUp(seed, OVER[over], { resetsAfterTheEnd });
    if (madeUp.size < KEPT) madeUp.set(key, scripts);
  }
  return scripts;
}

/** Play sequences of at least so many operations. Fails with the shortest one that goes another way than the model. */
async function play(reactor: EngineReactor, { reactor: name, driver }: Subject, over: Over, operations: number) {
  let done = 0;
  for (let seed = Number(only ?? seedOfRun()); done < operations; seed++) {
    const scripts = await scriptsOf(seed, name, over);
    for (const { operations } of scripts) for (const operation of operations) done += weight(operation);
    const mismatch = await replay(reactor, scripts);
    if (mismatch !== undefined) {
      const script = scripts[mismatch.lane]!;
      const alone = await shrink(reactor, script, mismatch.step);
      takeLog();
      expect.fail(
        [
          `Over ${over} on ${name} with driver ${driver}, seed ${seed} goes wrong in lane ${mismatch.lane}:`,
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
  console.log(`${name} ${driver} over ${over}: ${done} operations`);
}

forEachReactor((make, subject) => {
  const { thorough } = subject;

  test("random sequences of operations have the same effect as on a transport in memory", () =>
    play(make(), subject, "TCP", volume({ gate: thorough ? 100_000 : 25_000, long: 1_000_000 })));
});

forEachTLSReactor((make, subject) => {
  const { thorough } = subject;

  test("random sequences of operations over TLS have the same effect as on a transport in memory", () =>
    play(make(), subject, "TLS", volume({ gate: thorough ? 20_000 : 5_000, long: 500_000 })));
});
