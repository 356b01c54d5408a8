// A copy of this tree in another folder, with the built dist/ and without build/: the addon is looked for inside the package
// and nowhere else, so tests that are to run with another binary run in a copy that has that one.
//
//   node scripts/tree.mjs FOLDER
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const LEFT_OUT = new Set([".git", "build", "node_modules", "prebuilds", "coverage", "biome.json"]);

/** Make `folder` anew, a copy whose node_modules is this one's. It has no addon yet. */
export function copyTree(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(root)) {
    if (!LEFT_OUT.has(name)) cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) copyTree(resolve(process.argv[2]));
