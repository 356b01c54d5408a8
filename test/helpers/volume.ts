/**
 * How often a test repeats what it does, and which random numbers it begins with. Every test that repeats itself for long
 * asks here, so that the gate, the long tier and emulated machines differ in this file alone:
 *
 *   const ROUNDS = volume({ gate: 100, long: 10_000 });
 *   const random = seeded(seed());
 *
 * `npm run test:long` runs each test file that imports this one.
 */
import { isMainThread } from "node:worker_threads";

/** The part of the gate's count that is repeated in a worker thread: there the thread is what is tested. */
const WORKER_SHARE = 0.1;

export interface Volume {
  /** In `npm test`, where all tests together take a few minutes. */
  readonly gate: number;
  /** In `npm run test:long`. */
  readonly long: number;
}

/**
 * `long` when SKEIN_VOLUME is "long"; otherwise `gate` times the fraction that SKEIN_VOLUME names (1 when it is not set,
 * less on emulated machines), rounded up.
 */
export function volume({ gate, long }: Volume): number {
  const { SKEIN_VOLUME = "1" } = process.env;
  if (SKEIN_VOLUME === "long") return long;
  const fraction = Number(SKEIN_VOLUME);
  if (!(fraction > 0))
    throw new RangeError(`SKEIN_VOLUME is ${SKEIN_VOLUME}; a fraction above 0 or "long" is accepted.`);
  return Math.ceil(gate * fraction * (isMainThread ? 1 : WORKER_SHARE));
}

/**
 * The seed of this run, a different one each time; whoever starts the tests prints it. SKEIN_TEST_SEED sets it. A test
 * that takes several seeds counts up from it.
 */
export function seed(): number {
  const given = Number(process.env.SKEIN_TEST_SEED);
  if (!Number.isSafeInteger(given)) {
    throw new RangeError(
      `SKEIN_TEST_SEED is ${process.env.SKEIN_TEST_SEED}; whoever starts the tests sets it to an integer.`,
    );
  }
  return given;
}
