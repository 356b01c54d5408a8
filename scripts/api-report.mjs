// npm run api: writes what each public subpath offers, with its types, to docs/api/, so that every change of the public
// surface shows in a diff. With --check it writes nothing, and fails when a report is out of date. Needs dist/.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";

const root = join(import.meta.dirname, "..");
const entries = join(root, "dist/entries");
const reports = join(root, "docs/api");
const check = process.argv.includes("--check");

if (!existsSync(entries)) fail("There is no dist/ to describe: npm run build:ts makes it.");
const scratch = mkdtempSync(join(tmpdir(), "skein-api-"));
try {
  const configs = namesBelow(entries, ".d.ts")
    .filter((name) => !name.startsWith("install/"))
    .map((name) => [name, configOf(name)]);
  const state = CompilerState.create(configs[0][1], {
    additionalEntryPoints: configs.map(([, config]) => config.mainEntryPointFilePath),
  });
  const stale = configs.filter(([name, config]) => !report(name, config, state)).map(([name]) => name);
  const known = new Set(configs.map(([name]) => name));
  const left = namesBelow(reports, ".api.md").filter((name) => !known.has(name));
  for (const name of left) if (!check) rmSync(join(reports, `${name}.api.md`));
  if (check && stale.length + left.length > 0) {
    fail(`The public surface has changed: ${[...stale, ...left].join(", ")}. npm run api writes docs/api anew; look at the diff.`);
  }
} finally {
  rmSync(scratch, { recursive: true });
}

/** The files below `folder` that end so, without that. */
function namesBelow(folder, end) {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return files.filter((file) => file.endsWith(end)).map((file) => file.slice(0, -end.length).replaceAll("\\", "/")).toSorted();
}

function configOf(name) {
  const reportFolder = join(scratch, dirname(name));
  mkdirSync(reportFolder, { recursive: true });
  return ExtractorConfig.prepare({
    configObject: {
      mainEntryPointFilePath: join(entries, `${name}.d.ts`),
      projectFolder: root,
      newlineKind: "lf",
      compiler: { tsconfigFilePath: join(root, "tsconfig.build.json"), skipLibCheck: true },
      apiReport: { enabled: true, reportFolder, reportTempFolder: reportFolder, reportFileName: name.split("/").at(-1), includeForgottenExports: false },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, "package.json"),
  });
}

/** Whether the report in docs/api says the same; it is written unless that is only to be checked. */
function report(name, config, compilerState) {
  const problems = [];
  Extractor.invoke(config, {
    compilerState,
    localBuild: true,
    messageCallback: (message) => {
      message.handled = true;
      if (message.logLevel === ExtractorLogLevel.Error) problems.push(message.text);
    },
  });
  if (problems.length > 0) fail(`${name}: ${problems.join("\n")}`);
  const file = join(reports, `${name}.api.md`);
  const text = readFileSync(join(scratch, `${name}.api.md`), "utf8").replace(
    /^## API Report File[\s\S]*?```ts\n/,
    `## skein${name === "index" ? "" : `/${name}`}\n\n> Written by \`npm run api\`. Do not edit.\n\n\`\`\`ts\n`,
  );
  if (existsSync(file) && readFileSync(file, "utf8") === text) return true;
  if (!check) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    console.log(relative(root, file));
  }
  return false;
}

function fail(text) {
  console.error(text);
  process.exit(1);
}
