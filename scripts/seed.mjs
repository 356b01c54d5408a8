// The seed of a run of the tests: what SKEIN_TEST_SEED says, or a fresh one, which is left there for the processes that
// this one starts. Tests read it through test/helpers/volume.ts.
import { randomInt } from "node:crypto";

/** The run's seed, and whether it was chosen here: then nobody has printed it yet. */
export function testSeed() {
  const given = process.env.SKEIN_TEST_SEED;
  const fresh = given === undefined || given === "";
  // Below 2 ** 31, so that a test may count up from it and seed a generator of 32 bits.
  if (fresh) process.env.SKEIN_TEST_SEED = String(randomInt(1, 2 ** 31));
  return { seed: Number(process.env.SKEIN_TEST_SEED), fresh };
}
