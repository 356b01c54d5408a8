// Bundles the conformance suite with all that it needs into a folder of build/portable/, which runs on any Node by itself:
//
//   conformance.mjs          the tests, with a vitest of our own (vitest.ts)
//   fixtures/*.mjs           the programs that they start
//   none.cjs, fixtures/none.cjs   what is loaded instead of an addon where there is none
//
// In them, the addon is the file that SKEIN_ADDON names: src/addonfile.ts is replaced.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tests = join(root, "test/conformance");
const SUFFIX = ".test.ts";

/** The names of the suite's files. */
export const FILES = readdirSync(tests)
  .filter((name) => name.endsWith(SUFFIX))
  .map((name) => name.slice(0, -SUFFIX.length))
  .sort();

/** What is bundled: the suite's files, and those that run when they are asked for by name. */
const PATHS = Object.fromEntries([
  ...FILES.map((name) => [name, join(tests, name + SUFFIX)]),
  ["random", join(root, "test/random/random.test.ts")],
  ...["application", "endings", "kept"].map((name) => [
    `hostile-${name}`,
    join(root, `test/hostile/application/${name}.test.ts`),
  ]),
]);

/** What finds the addon in the bundle. */
const FINDER = `import { resolve } from "node:path";
const { SKEIN_ADDON } = process.env;
export class AddonFileError extends Error {}
export const addonFile = () => resolve(SKEIN_ADDON || import.meta.dirname + "/none.cjs");
export const libcFamily = () => "glibc";
`;

/** Without an addon there are no backends: the reactors that need none are left. */
const NONE = "module.exports = { backends: () => [] };\n";

const suite = {
  name: "suite",
  resolveId(source, importer) {
    if (source === "vitest") return join(root, "test/portable/vitest.ts");
    // Programs that tests start run from dist/, where there is no bundle.
    if (importer?.includes("fixtures") && source.includes("/dist/")) {
      return join(root, "src", source.split("/dist/")[1].replace(/\.js$/, ".ts"));
    }
    return null;
  },
  load(id) {
    if (id === join(root, "src/addonfile.ts")) return FINDER;
    if (id !== join(root, "test/portable/suite.ts")) return null;
    const loaders = Object.entries(PATHS).map(([name, path]) => `${JSON.stringify(name)}: () => import("${path}"),`);
    return `export const files = {\n${loaders.join("\n")}\n};`;
  },
};

async function bundle(input, file) {
  await build({
    input,
    platform: "node",
    plugins: [suite],
    logLevel: "warn",
    output: { file, format: "esm", codeSplitting: false, keepNames: true },
  });
}

/** Make build/portable/<name>/ anew; returns its path. */
export async function bundleAll(name) {
  const out = join(root, "build/portable", name);
  rmSync(out, { recursive: true, force: true });
  for (const folder of [out, join(out, "fixtures")]) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "none.cjs"), NONE);
  }
  await bundle(join(root, "test/portable/main.ts"), join(out, "conformance.mjs"));
  const fixtures = join(tests, "fixtures");
  for (const file of readdirSync(fixtures)) await bundle(join(fixtures, file), join(out, "fixtures", file));
  return out;
}
