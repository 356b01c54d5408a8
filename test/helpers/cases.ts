/** Many random cases, each from a seed of its own. */
import { type Random, seeded } from "./random.ts";
import { seed as seedOfRun } from "./volume.ts";

/**
 * Run `check` with the random numbers of `count` seeds, counted up from the run's, or only of SKEIN_SEED where that is set.
 * @throws Error that names the seed of the first case that failed
 */
export function forSeeds(count: number, check: (random: Random) => void): void {
  const only = process.env.SKEIN_SEED;
  const first = only === undefined ? seedOfRun() : Number(only);
  const end = only === undefined ? first + count : first + 1;
  for (let seed = first; seed < end; seed++) {
    try {
      check(seeded(seed));
    } catch (error) {
      throw new Error(`The case of seed ${seed} failed; SKEIN_SEED=${seed} runs it alone. ${String(error)}`, {
        cause: error,
      });
    }
  }
}
