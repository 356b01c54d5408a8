/** Many random cases, each from a seed of its own. */
import { type Random, seeded } from "./random.ts";

/**
 * Run `check` with the random numbers of the seeds 1 to `count`, or only of SKEIN_SEED where that is set.
 * @throws Error that names the seed of the first case that failed
 */
export function forSeeds(count: number, check: (random: Random) => void): void {
  const only = process.env.SKEIN_SEED;
  const [first, last] = only === undefined ? [1, count] : [Number(only), Number(only)];
  for (let seed = first; seed <= last; seed++) {
    try {
      check(seeded(seed));
    } catch (error) {
      throw new Error(`The case of seed ${seed} failed; SKEIN_SEED=${seed} runs it alone. ${String(error)}`, {
        cause: error,
      });
    }
  }
}
