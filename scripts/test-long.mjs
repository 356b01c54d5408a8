// `npm run test:long [-- [--seeds FIRST[-LAST]] [--again] [FILE…]]`: the long tier. Each test file that takes its counts
// from test/helpers/volume.ts or native/test/volume.h, or those that are named, with the full counts, on every reactor and
// in workers, those in C++ under sanitizers; once for each seed of the range, or for a fresh one. Prints the seed and the
// time of each, and ends with "N passed, N failed".
//
// It may be interrupted: what a seed has passed already at the same commit is not run again, unless --again is given or
// there are changes that are not committed. A night is `npm run test:long -- --seeds 1-20`.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { testSeed } from "./seed.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const results = join(root, "build/test");
/** What has passed: { commit, seconds: { "SEED FILE": number } }. */
const progressFile = join(results, "long-progress.json");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: "string" }, again: { type: "boolean", default: false } },
});
const [first, last] = range(values.seeds ?? String(testSeed().seed));
const files = filesOfTheTier().filter((file) => positionals.length === 0 || positionals.some((part) => file.includes(part)));
if (files.length === 0) throw new Error(`No file of the long tier is named ${positionals.join(" or ")}: ${filesOfTheTier().join(", ")}`);
mkdirSync(results, { recursive: true });
const commit = commitWhenClean();
const progress = readProgress();
const totals = { passed: 0, failed: 0, seconds: 0 };

console.log(`seeds ${first}-${last}: ${files.length} files each; to go on after an interruption: npm run test:long -- --seeds ${first}-${last}`);
for (let seed = first; seed <= last; seed++) {
  for (const file of files) {
    const before = progress.seconds[`${seed} ${file}`];
    if (before === undefined) run(seed, file);
    else console.log(`seed ${seed}, ${file}: passed before, in ${before} s`);
  }
}
console.log(`seeds ${first}-${last}: ${totals.seconds} s`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 ? 0 : 1;

function range(text) {
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  if (first === undefined || Number(last) < Number(first)) {
    throw new RangeError(`--seeds is ${text}; a seed or a range as in 1-20 is accepted.`);
  }
  return [Number(first), Number(last)];
}

/** The test files that import the helper which tells the tiers apart. */
function filesOfTheTier() {
  const native = readdirSync(join(root, "native/test"))
    .filter((name) => name.endsWith("_test.cc"))
    .map((name) => join("native/test", name))
    .filter((file) => readFileSync(join(root, file), "utf8").includes('#include "test/volume.h"'));
  const typescript = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join("test", name))
    .filter((file) => /from "[./]*helpers\/volume\.ts"/.test(readFileSync(join(root, file), "utf8")));
  return [...native, ...typescript].sort();
}

function run(seed, file) {
  console.log(`\n> seed ${seed}, ${file}`);
  const env = { ...process.env, SKEIN_VOLUME: "long", SKEIN_TEST_SEED: String(seed) };
  const began = performance.now();
  const { status, numPassedTests, numFailedTests, again } = file.endsWith(".cc") ? runNative(file, env) : runTypeScript(file, env);
  const seconds = Math.round((performance.now() - began) / 1000);
  totals.seconds += seconds;
  totals.passed += numPassedTests;
  // A file that does not load, or an error outside a test, has no failed test of its own.
  totals.failed += numFailedTests || (status === 0 ? 0 : 1);
  console.log(`seed ${seed}, ${file}: ${status === 0 ? "passed" : "FAILED"} in ${seconds} s`);
  if (status !== 0) {
    console.log(`SKEIN_VOLUME=long SKEIN_TEST_SEED=${seed} ${again} repeats it`);
    return;
  }
  progress.seconds[`${seed} ${file}`] = seconds;
  if (commit !== undefined) writeFileSync(progressFile, JSON.stringify(progress));
}

function runTypeScript(file, env) {
  const report = join(results, "long.json");
  rmSync(report, { force: true });
  const command = ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, file];
  const { status } = spawnSync("npx", command, { cwd: root, stdio: "inherit", env });
  const { numPassedTests = 0, numFailedTests = 0 } = readJson(report) ?? {};
  return { status, numPassedTests, numFailedTests, again: `npx vitest run ${file}` };
}

/** A test of the engine's counts as one. */
function runNative(file, env) {
  const name = basename(file, ".cc");
  const test = `build/native-asan/${name}`;
  const steps = [
    ["cmake", "--preset", "asan"],
    ["cmake", "--build", "--preset", "asan", "-j2", "--target", name],
    [join(root, test)],
  ];
  const status = steps.some(([command, ...args]) => spawnSync(command, args, { cwd: root, stdio: "inherit", env }).status !== 0) ? 1 : 0;
  return { status, numPassedTests: 1 - status, numFailedTests: status, again: test };
}

/** Undefined when there are changes: then nothing that has passed says anything about what is here. */
function commitWhenClean() {
  const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  try {
    return git("status", "--porcelain") === "" ? git("rev-parse", "HEAD") : undefined;
  } catch {
    return undefined; // No checkout, or no git.
  }
}

function readProgress() {
  const kept = readJson(progressFile);
  const usable = !values.again && commit !== undefined && kept?.commit === commit;
  return usable ? kept : { commit, seconds: {} };
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
