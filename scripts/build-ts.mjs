// `npm run build:ts`: dist/ from src/, by tsc and scripts/bundle.mjs; nothing is done when it was made of the same sources
// already and is still as it was left then.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
/** What the last build read and made. */
const stamp = join(root, "build/dist-stamp.json");
const OTHER_SOURCES = ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json", "scripts/bundle.mjs"];

const sources = digest(["src", ...OTHER_SOURCES].flatMap(filesOf), (file) => readFileSync(file));
if (read(stamp) !== JSON.stringify({ sources, made: made() })) {
  rmSync(stamp, { force: true });
  rmSync(dist, { recursive: true, force: true });
  run("node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json");
  run("scripts/bundle.mjs");
  mkdirSync(join(root, "build"), { recursive: true });
  writeFileSync(stamp, JSON.stringify({ sources, made: made() }));
}

function run(program, ...args) {
  const { status } = spawnSync(process.execPath, [join(root, program), ...args], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

/** The files of dist/ with their sizes and times. */
function made() {
  return digest(filesOf("dist"), (file) => {
    const { size, mtimeMs } = statSync(file);
    return `${size} ${mtimeMs}`;
  });
}

function digest(files, contentOf) {
  const hash = createHash("sha256");
  for (const file of files.sort()) hash.update(`${file}\0`).update(contentOf(join(root, file))).update("\0");
  return hash.digest("hex");
}

/** The files below `path`, or itself. */
function filesOf(path) {
  const stat = statSync(join(root, path), { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return stat === undefined ? [] : [path];
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
}

function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
