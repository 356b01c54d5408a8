// Runs the bundled conformance suite under a Node of your choice, a process for each file, and writes the results:
//
//   node test/portable/run.mjs [--addon FILE] [--label TEXT] [--timeout SECONDS] [--limit SECONDS]
//                              [--reactors A,B] [--jobs N] [--only TEXT] [--file NAME]… [-- COMMAND…]
//
// Without --addon it is this machine's own; with --addon none only reactors that need none are run.
// COMMAND starts that Node, as `wine node.exe` or `qemu-aarch64-static -L … node`; by default it is this one. The label
// tells its results from those of other runs on such a platform. With --file the results of the other files stay as they
// were; with --only, for a look, nothing is written. `--file random` plays test/random, which is no part of the results.
// SKEIN_VOLUME is the part of the gate's repetitions that the longest tests do (test/helpers/volume.ts); the results name
// it. SKEIN_TEST_SEED is the seed that they begin with; a fresh one is chosen, and printed, when it is not set.
// The suite's standard streams are files: Wine's Node takes no Unix pipe. SKEIN_JOB tells COMMAND which of the jobs it is.
// When what plays the platform dies of itself, which COMMAND tells by the status DIED, the test in hand is played again;
// that is printed, and the results say how often it was.
import { spawn } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { devNull } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { testSeed } from "../../scripts/seed.mjs";
import { bundleAll, FILES } from "./bundle.mjs";
import { DIED } from "./died.mjs";

/** So often a test is begun again because the platform died under it. */
const AGAIN_MAX = 3;

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values, positionals: command } = parseArgs({
  allowPositionals: true,
  options: {
    addon: { type: "string" },
    label: { type: "string" },
    /** Seconds that a test may take. */
    timeout: { type: "string", default: "60" },
    /** Seconds that a file may take altogether. */
    limit: { type: "string", default: "900" },
    only: { type: "string", default: "" },
    /** Of these reactors only, as in epoll,poll. */
    reactors: { type: "string", default: "" },
    /** Files at a time. */
    jobs: { type: "string", default: "1" },
    file: { type: "string", multiple: true, default: [] },
  },
});
if (command.length === 0) command.push(process.execPath);

const bundle = await bundleAll(values.label ?? "here");
const { seed } = testSeed();
const env = {
  ...process.env,
  SKEIN_ADDON: values.addon === "none" ? "" : resolve(values.addon ?? ownAddon()),
  SKEIN_REACTORS: values.reactors,
  SKEIN_NODE: command.join(" "),
  ...(values.label === undefined ? {} : { SKEIN_LABEL: values.label }),
};
const { platform, arch, version } = await whatRuns();
console.log(`${platform}-${arch}, Node ${version}, SKEIN_TEST_SEED=${seed}`);
const volume = Number(process.env.SKEIN_VOLUME ?? 1);
const rows = [];
/** How often what plays the platform has died. */
let deaths = 0;
const left = [...(values.file.length > 0 ? values.file : FILES)];
await Promise.all(Array.from({ length: Number(values.jobs) }, (_, job) => runFiles(job)));
if (values.only === "") writeResults();
const [passed, failed, skipped] = ["passed", "failed", "skipped"].map(
  (state) => rows.filter((row) => row.state === state).length,
);
if (deaths > 0) console.log(`The platform has died ${deaths} times; what it was playing was played again.`);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

async function runFiles(job) {
  for (let file = left.shift(); file !== undefined; file = left.shift()) await runAndTell(file, job);
}

async function runAndTell(file, job) {
  const began = performance.now();
  const found = await runFile(file, job);
  rows.push(...found);
  const failed = found.filter(({ state }) => state === "failed");
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`${file}: ${found.length - failed.length} of ${found.length} (${seconds} s)`);
  for (const { reactor, driver, transport, behaviour, error } of failed) {
    const where = `${reactor} (${driver}) over ${transport}`;
    console.log(`  FAILED ${where}: ${behaviour}\n    ${error.replaceAll("\n", "\n    ")}`);
  }
}

function ownAddon() {
  const prebuilds = join(root, "prebuilds", `${process.platform}-${process.arch}`);
  const prebuilt = existsSync(prebuilds) ? readdirSync(prebuilds).map((name) => join(prebuilds, name)) : [];
  const found = [join(root, "build/Release/skein.node"), ...prebuilt].find(existsSync);
  if (found === undefined) throw new Error("There is no addon for this machine: npm run build makes one.");
  return found;
}

function isOfTheSuite({ file }) {
  return FILES.includes(file);
}

/** The platform that COMMAND's Node takes itself to be on. */
async function whatRuns() {
  const script =
    "const { platform, arch, version } = process; console.log(JSON.stringify({ platform, arch, version }))";
  const { output, how } = await runNode(["-e", script], "node", 0);
  if (!output.startsWith("{")) throw new Error(`${command.join(" ")} ended with ${how}:\n${output}`);
  return JSON.parse(output);
}

/** The rows of a file. A test that its process crashes in, or is stopped in, has failed, and the others go on without. */
async function runFile(file, job) {
  const out = join(bundle, `${file}.jsonl`);
  writeFileSync(out, "");
  const only = values.only === "" ? [] : ["--only", values.only];
  const args = [
    "--expose-gc",
    join(bundle, "conformance.mjs"),
    "--out",
    out,
    "--timeout",
    values.timeout,
    ...only,
    file,
  ];
  for (let again = 0; ; ) {
    const { output, how } = await runNode(args, file, job);
    const lines = readLines(out);
    const last = lines.at(-1);
    if (last?.done) return lines.flatMap(({ row }) => row ?? []);
    if (how === `status ${DIED}` && ++again <= AGAIN_MAX) {
      deaths++;
      const during = last?.begun === undefined ? "" : ` in ${last.begun.reactor}: ${last.begun.behaviour}`;
      console.log(`${file}: the platform has died${during}, and plays on.\n${output}`);
      continue;
    }
    if (last?.begun === undefined) throw new Error(`${file} ended outside of any test (${how}):\n${output}`);
    const error = `The process ended in the middle (${how}).\n${output}`;
    appendFileSync(out, `${JSON.stringify({ row: { ...last.begun, state: "failed", duration: 0, error } })}\n`);
  }
}

function readLines(file) {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** What it said, and how it ended. */
async function runNode(args, name, job) {
  const said = join(bundle, `${name}.txt`);
  writeFileSync(said, "");
  const input = openSync(devNull, "r");
  const output = openSync(said, "a");
  const child = spawn(command[0], [...command.slice(1), ...args], {
    cwd: root,
    env: { ...env, SKEIN_JOB: String(job) },
    stdio: [input, output, output],
  });
  const limit = setTimeout(() => child.kill("SIGKILL"), Number(values.limit) * 1000);
  const how = await new Promise((done) => {
    child.on("error", (error) => done(String(error)));
    child.on("exit", (code, signal) => done(signal ?? `status ${code}`));
  });
  clearTimeout(limit);
  for (const file of [input, output]) closeSync(file);
  return { output: readFileSync(said, "utf8"), how };
}

function writeResults() {
  const tags = { platform, arch, ...(values.label === undefined ? {} : { label: values.label }) };
  const folder = join(root, "build/conformance");
  const path = join(folder, `${Object.values(tags).join("-")}.json`);
  const before = values.file.length > 0 && existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : { rows: [] };
  const all = [...before.rows.filter(({ file }) => !values.file.includes(file)), ...rows.filter(isOfTheSuite)];
  const deathsInAll = (before.deaths ?? 0) + deaths;
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    path,
    `${JSON.stringify({ ...tags, runner: "plain", volume, deaths: deathsInAll, node: version, rows: all }, undefined, 1)}\n`,
  );
}
