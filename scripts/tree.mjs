// A copy of this tree in another folder, with the built dist/ and without build/: the addon is looked for inside the package
// and nowhere else, so tests that are to run with another binary run in a copy that has that one.
//
//   node scripts/tree.mjs FOLDER
//
// FOLDER is made anew when it is an older copy. Any other folder that holds something is left as it is.
import { cpSync, existsSync, mkdirSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
/** In each copy, whose only file it is at first. */
const MARK = ".skein-copy";
const LEFT_OUT = new Set([".git", "build", "node_modules", "prebuilds", "coverage", "biome.json", MARK]);

/**
 * Make `folder` anew, a copy whose node_modules is this one's. It has no addon yet.
 * @throws Error when `folder` holds what is no such copy, or this tree
 */
export function copyTree(folder) {
  if (existsSync(folder)) ensureOurs(folder);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, MARK), "Made by scripts/tree.mjs, which erases this folder when it makes it anew.\n");
  for (const name of readdirSync(root)) {
    if (!LEFT_OUT.has(name)) cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction");
}

function ensureOurs(folder) {
  const way = relative(realpathSync(folder), realpathSync(root));
  if (!way.startsWith("..") && !isAbsolute(way)) throw new Error(`${folder} holds the tree that is to be copied.`);
  const names = readdirSync(folder);
  if (names.length === 0 || names.includes(MARK)) return;
  throw new Error(
    `${folder} is not empty, and no copy that this script made: choose another folder, or empty it yourself.`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) {
    console.error("usage: node scripts/tree.mjs FOLDER");
    process.exit(2);
  }
  copyTree(resolve(folder));
}
