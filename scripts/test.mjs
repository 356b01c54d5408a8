// `npm test`: the C++ unit tests under sanitizers, then every TypeScript test, and what of src/ those that need no socket
// cover; ends with one line, "N passed, N failed".
// Arguments go to vitest: `npm test -- test/unit` runs no C++ test and only those files.
// Tests that repeat themselves take their counts and their seed from test/helpers/volume.ts: here those of the gate, and a
// fresh seed each time, which is printed. `npm run test:long` repeats them in full.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { testSeed } from "./seed.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const results = `${root}build/test`;
mkdirSync(results, { recursive: true });

const selection = process.argv.slice(2);
/** Those that count for the coverage: it would disturb the ones that measure time or memory. */
const UNCONNECTED = ["test/unit", "test/sim"];
/** All but this one, which is long: it goes with the others, as counting slows it down. */
const HOUR = "chat-hour";
const totals = { passed: 0, failed: 0 };
const { seed } = testSeed();
const seedLine = `seed ${seed}: SKEIN_TEST_SEED=${seed} npm test repeats this run`;
console.log(seedLine);

if (selection.length === 0) {
  nativeTests();
  prebuilt();
  typescriptTests("--project", "main", "--coverage.enabled", ...UNCONNECTED, "--exclude", `test/sim/${HOUR}.test.ts`);
  // The results of the conformance suite are kept: scripts/platforms.mjs makes docs/platforms.md of them.
  const kept = "--reporter=./test/portable/reporter.ts";
  typescriptTests(kept, ...UNCONNECTED.flatMap((folder) => ["--exclude", `${folder}/!(${HOUR})*`]));
} else {
  typescriptTests(...selection);
}
console.log(seedLine);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;

function run(command, args) {
  console.log(`\n> ${command} ${args.join(" ")}`);
  return spawnSync(command, args, { cwd: root, stdio: "inherit" }).status === 0;
}

function nativeTests() {
  const report = `${results}/native.xml`;
  rmSync(report, { force: true });
  const built = run("cmake", ["--preset", "asan"]) && run("cmake", ["--build", "--preset", "asan", "-j2"]);
  if (!built) {
    totals.failed++;
    return;
  }
  run("ctest", ["--preset", "asan", "--output-junit", report]);
  const [, tests = "0"] = /<testsuite[^>]*\stests="(\d+)"/.exec(read(report)) ?? [];
  const [, failures = "1"] = /<testsuite[^>]*\sfailures="(\d+)"/.exec(read(report)) ?? [];
  totals.passed += Number(tests) - Number(failures);
  totals.failed += Number(failures);
}

/** The packed tarball is tested with a binary for this machine: the one that was just built will do. */
function prebuilt() {
  if (existsSync(`${root}prebuilds/${process.platform}-${process.arch}`)) return;
  if (!run("node", ["scripts/prebuild.mjs", "--built", "host"])) totals.failed++;
}

function typescriptTests(...args) {
  const report = `${results}/vitest.json`;
  rmSync(report, { force: true });
  const fine = run("npx", ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...args]);
  const counted = JSON.parse(read(report) || "{}");
  totals.passed += counted.numPassedTests ?? 0;
  totals.failed += counted.numFailedTests ?? 0;
  // A file that does not load, or an error outside a test, has no failed test of its own.
  if (!fine && !counted.numFailedTests) totals.failed++;
}

function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
