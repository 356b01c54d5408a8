// npm run package [-- --release | options of npm pack]: makes the tarball that users install. `npm pack` alone does not look
// whether anything was built. With --release it makes what goes with the tarball, too: skein-VERSION.cdx.json, the list of
// what it depends on (CycloneDX), and SHA256SUMS, of these two and of each binary in the tarball.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const own = `prebuilds/${process.platform}-${process.arch}`;
const needed = {
  "dist/entries/index.js": "npm run build:ts",
  [own]: "npm run prebuild (or, without other toolchains, npm run prebuild -- host)",
};

const missing = Object.entries(needed).filter(([path]) => !existsSync(join(root, path)));
for (const [path, maker] of missing) console.error(`There is no ${path} to pack: ${maker} makes it.`);
if (missing.length > 0) process.exit(1);

const options = process.argv.slice(2);
const release = options.includes("--release");
npm("inherit", "pack", ...options.filter((option) => option !== "--release"));
if (release) {
  const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const bom = `${name}-${version}.cdx.json`;
  writeFileSync(join(root, bom), npm("pipe", "sbom", "--sbom-format=cyclonedx", "--package-lock-only", "--omit=dev", "--omit=peer"));
  const binaries = readdirSync(join(root, "prebuilds"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".node"))
    .map((file) => join("prebuilds", file).replaceAll("\\", "/"));
  const files = [`${name}-${version}.tgz`, bom, ...binaries.sort()];
  writeFileSync(join(root, "SHA256SUMS"), files.map((file) => `${sha256(file)}  ${file}\n`).join(""));
}

function sha256(file) {
  return createHash("sha256").update(readFileSync(join(root, file))).digest("hex");
}

/** Run npm; returns what it says on a pipe. */
function npm(output, ...given) {
  const path = process.env.npm_execpath;
  const [command, args] = path?.endsWith(".js") ? [process.execPath, [path]] : ["npm", []];
  const { status, error, stdout } = spawnSync(command, [...args, ...given], {
    cwd: root,
    stdio: ["ignore", output, "inherit"],
    shell: process.platform === "win32" && command === "npm",
  });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
  return stdout;
}
