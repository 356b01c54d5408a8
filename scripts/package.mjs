// npm run package [-- options of npm pack]: makes the tarball that users install. `npm pack` alone does not look whether
// anything was built.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
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

const npm = process.env.npm_execpath;
const [command, args] = npm?.endsWith(".js") ? [process.execPath, [npm]] : ["npm", []];
const { status, error } = spawnSync(command, [...args, "pack", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
  shell: process.platform === "win32" && command === "npm",
});
if (error !== undefined) throw error;
process.exit(status ?? 1);
