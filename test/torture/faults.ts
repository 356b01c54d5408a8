/** Builds faults.cc, which counts and fails system calls, into build/test/faults.node. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const native = join(root, "native");
const source = fileURLToPath(new URL("faults.cc", import.meta.url));
const sources = [source, join(native, "net/errno_table.h"), join(native, "test/errno_cases.h")];

/** The path of the shim, which is built when it is older than its sources. */
export function buildFaults(): string {
  const built = join(root, "build/test/faults.node");
  const newest = Math.max(...sources.map((path) => statSync(path).mtimeMs));
  if (existsSync(built) && statSync(built).mtimeMs > newest) return built;
  mkdirSync(dirname(built), { recursive: true });
  // Test files that run at the same time may both build it: each under a name of its own.
  const fresh = `${built}.${process.pid}`;
  // Lazy binding: preloaded into a program that is not Node, it lacks Node's functions and does not need them.
  const options = ["-std=c++20", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Wl,-z,lazy"];
  execFileSync("g++", [...options, `-I${nodeHeaders()}`, `-I${native}`, source, "-o", fresh, "-ldl"], {
    stdio: "inherit",
  });
  renameSync(fresh, built);
  return built;
}

/** LD_PRELOAD with the shim before all else (a sanitizer's runtime, say), so that it sees who calls. */
export function preloaded(faults: string): string {
  const others = process.env.LD_PRELOAD;
  return others === undefined ? faults : `${faults}:${others}`;
}

function nodeHeaders(): string {
  const prefixes = [process.env.npm_config_nodedir, join(dirname(process.execPath), ".."), "/usr"];
  for (const prefix of prefixes) {
    if (prefix === undefined) continue;
    const headers = join(prefix, "include/node");
    if (existsSync(join(headers, "node_api.h"))) return headers;
  }
  throw new Error("Node's headers were not found: set npm_config_nodedir to the folder that holds include/node.");
}
