// `npm run test:nodes [-- version ...]`: that the one prebuilt binary of this platform serves every line of Node. Each
// version (they come as packages of the npm registry) runs the tests whose programs are processes of their own and the
// hostile program, with the binary in prebuilds/, and the packed tarball in an empty project. Needs `npm run build` and `npm run prebuild`
// first; ends with "N passed, N failed".
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { nodeProgram, VERSIONS, wholeVersion } from "./nodes.mjs";
import { copyTree } from "./tree.mjs";

const TESTS = ["test/process", "test/hostile", "test/package/install.test.ts"];

const root = fileURLToPath(new URL("..", import.meta.url));
const own = `${process.platform}-${process.arch}`;
if (!existsSync(`${root}prebuilds/${own}`)) {
  console.error(`There is no prebuilds/${own}: npm run prebuild makes it.`);
  process.exit(1);
}

// A copy with the prebuilt binaries alone: build/Release would come first.
const work = `${root}build/nodes`;
copyTree(work);
cpSync(`${root}prebuilds`, `${work}/prebuilds`, { recursive: true });

const versions = process.argv.slice(2);
const totals = { passed: 0, failed: 0 };
for (const asked of versions.length > 0 ? versions : VERSIONS) {
  const version = wholeVersion(asked);
  const node = nodeProgram(version);
  const report = `${work}/build/${version}.json`;
  console.log(`\n> Node ${version}`);
  const vitest = ["node_modules/vitest/vitest.mjs", "run", "--project", "main", ...TESTS];
  const { status } = spawnSync(node, [...vitest, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`], {
    cwd: work,
    stdio: "inherit",
  });
  const { numPassedTests = 0, numFailedTests = 0 } = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : {};
  totals.passed += numPassedTests;
  // One that did not even begin has no failed test of its own.
  totals.failed += numFailedTests || (status === 0 ? 0 : 1);
}
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;
