import { configDefaults, defineConfig } from "vitest/config";
import { testSeed } from "./scripts/seed.mjs";
import { LongestFirst } from "./test/helpers/sequencer.ts";

const { seed, fresh } = testSeed();
if (fresh) console.log(`seed ${seed}: SKEIN_TEST_SEED=${seed} repeats this run`);

/** Ends a test that hangs. A machine four times slower than the one that the tests were written on needs a third of it. */
const PATIENCE_MS = process.env.SKEIN_VOLUME === "long" ? 3_600_000 : 180_000;
const common = { testTimeout: PATIENCE_MS, hookTimeout: PATIENCE_MS };

export default defineConfig({
  test: {
    // Two cores are what a small machine has. The files of real sockets wait for a clock or a peer half of their time: with
    // one more of them than there are cores, the cores wait less.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: { ...common, name: "main", pool: "forks", execArgv: ["--expose-gc"], include: ["test/**/*.test.ts"] },
      },
      {
        // The same behaviour inside worker threads: there, test/helpers/reactors.ts has the default backend only, or those
        // that SKEIN_REACTORS names.
        test: {
          ...common,
          name: "worker",
          pool: "threads",
          include: ["test/conformance/**/*.test.ts", "test/hostile/**/*.test.ts"],
          // The services run in processes of their own.
          exclude: [...configDefaults.exclude, "test/hostile/services/**"],
        },
      },
    ],
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reportsDirectory: "build/coverage",
      reporter: [["text", { skipFull: true }], "json-summary", "html"],
      thresholds: {
        "src/internet/defer/**": { lines: 95 },
        "src/internet/task/**": { lines: 95 },
        "src/protocols/**": { lines: 95 },
      },
    },
  },
});
