// Runs the bundled conformance suite under a Node of your choice, a process for each file, and writes the results:
//
//   node test/portable/run.mjs [--addon FILE] [--platform NAME] [--arch NAME] [--label TEXT] [--timeout SECONDS]
//                              [--only TEXT] [--file NAME]… [-- COMMAND…]
//
// COMMAND starts that Node, as `wine64 node.exe` or `qemu-aarch64-static node`; by default it is this one. The suite's
// standard streams are files: Wine's Node takes no Unix pipe.
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundleAll, FILES, OUT } from "./bundle.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values, positionals: command } = parseArgs({
  allowPositionals: true,
  options: {
    addon: { type: "string" },
    platform: { type: "string", default: process.platform },
    arch: { type: "string", default: process.arch },
    label: { type: "string" },
    timeout: { type: "string", default: "60" },
    /** Seconds that a file may take altogether. */
    limit: { type: "string", default: "900" },
    only: { type: "string", default: "" },
    file: { type: "string", multiple: true, default: [] },
  },
});
if (command.length === 0) command.push(process.execPath);

const env = {
  ...process.env,
  SKEIN_ADDON: resolve(values.addon ?? createRequire(import.meta.url)("node-gyp-build").path(root)),
  SKEIN_NODE: command.join(" "),
  ...(values.label === undefined ? {} : { SKEIN_LABEL: values.label }),
};
const rows = [];
let broken = 0;

await bundleAll();
const { output: version, how } = await runNode(["--version"], "version");
if (!/^v\d+/.test(version)) throw new Error(`${command.join(" ")} --version ended with ${how}:\n${version}`);
for (const file of values.file.length > 0 ? values.file : FILES) {
  const began = performance.now();
  rows.push(...(await runFile(file)));
  const mine = rows.filter((row) => row.file === file);
  const failed = mine.filter(({ state }) => state === "failed");
  console.log(
    `${file}: ${mine.length - failed.length} of ${mine.length} (${Math.round((performance.now() - began) / 1000)} s)`,
  );
  for (const { reactor, driver, transport, behaviour, error } of failed) {
    console.log(
      `  FAILED ${reactor} (${driver}) over ${transport}: ${behaviour}\n    ${error.replaceAll("\n", "\n    ")}`,
    );
  }
}

const { platform, arch, label } = values;
const results = {
  platform,
  arch,
  ...(label === undefined ? {} : { label }),
  runner: "plain",
  node: version.trim(),
  rows,
};
const folder = join(root, "build/conformance");
mkdirSync(folder, { recursive: true });
const name = `${[platform, arch, ...(label === undefined ? [] : [label])].join("-")}.json`;
writeFileSync(join(folder, name), `${JSON.stringify(results, undefined, 1)}\n`);
const failed = rows.filter(({ state }) => state === "failed").length;
const skipped = rows.filter(({ state }) => state === "skipped").length;
console.log(
  `${rows.length - failed - skipped} passed, ${failed + broken} failed, ${skipped} skipped: build/conformance/${name}`,
);
process.exitCode = failed + broken === 0 && rows.length > 0 ? 0 : 1;

/** The rows of a file; the test that its process crashed in, or was stopped in, has failed. */
async function runFile(file) {
  const out = join(OUT, `${file}.jsonl`);
  writeFileSync(out, "");
  const args = ["--expose-gc", join(OUT, "conformance.mjs"), "--out", out, "--timeout", values.timeout];
  if (values.only !== "") args.push("--only", values.only);
  const { output, how } = await runNode([...args, file], file);
  const lines = readFileSync(out, "utf8")
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const found = lines.flatMap(({ row }) => (row === undefined ? [] : [row]));
  if (lines.at(-1)?.done) return found;
  const begun = lines.findLast((line) => line.begun !== undefined)?.begun;
  const error = `The process ended in the middle (${how}).\n${output}`;
  if (begun === undefined || lines.at(-1)?.row !== undefined) {
    broken++;
    console.log(`${file}: ${error}`);
    return found;
  }
  return [...found, { ...begun, state: "failed", duration: 0, error }];
}

/** What it said, and how it ended. */
async function runNode(args, name) {
  const said = join(OUT, `${name}.txt`);
  const output = openSync(said, "w");
  const input = openSync("/dev/null", "r");
  const child = spawn(command[0], [...command.slice(1), ...args], { cwd: root, env, stdio: [input, output, output] });
  const limit = setTimeout(() => child.kill("SIGKILL"), Number(values.limit) * 1000);
  const how = await new Promise((done) => {
    child.on("error", (error) => done(String(error)));
    child.on("exit", (code, signal) => done(signal ?? `status ${code}`));
  });
  clearTimeout(limit);
  for (const file of [input, output]) closeSync(file);
  return { output: readFileSync(said, "utf8"), how };
}
