/** The programs that are compiled for the bench: servers without anything to spare, and the loads. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./root.ts";

const sources = join(root, "bench", "floor");
const output = join(root, "build", "bench");

const native = join(root, "native");
const tls = join(native, "tls");

/** The program compiled from bench/floor/<name>.cc; compiled again when a source is newer. */
export function floorProgram(name: "echo" | "load" | "uring" | "tls_load"): string {
  if (name !== "tls_load") return compiled(name, name, []);
  // With the engine's own filter as the client.
  const filter = sourcesIn(tls).filter((file) => file.endsWith(".cc"));
  return compiled(name, name, [`-I${native}`, ...filter, "-ldl"]);
}

/** The addon of the same kind. */
export function floorAddon(name: "tls_echo" | "tls_client"): string {
  return compiled(name, `${name}.node`, ["-shared", "-fPIC", `-I${headers()}`, `-DNODE_GYP_MODULE_NAME=${name}`]);
}

/**
 * Those of the Node that runs the bench, also for servers of another Node, whose package may have none. An addon of
 * Node-API runs on all of them. OpenSSL keeps its binary interface for as long as the first number of its version stays 3
 * (openssl-versions: "no incompatible ABI changes"): the addons use only functions that 3.0 has, what is a macro is a call of
 * SSL_ctrl() with a number that stays, and they look into no structure.
 */
function headers(): string {
  const folder = join(dirname(dirname(process.execPath)), "include", "node");
  for (const file of ["node_api.h", join("openssl", "ssl.h")]) {
    if (existsSync(join(folder, file))) continue;
    throw new Error(`${join(folder, file)} is missing: run the bench with a Node that has its headers beside it.`);
  }
  return folder;
}

function compiled(name: string, file: string, flags: readonly string[]): string {
  const program = join(output, file);
  if (!existsSync(program) || statSync(program).mtimeMs < newestSource()) compile(name, program, flags);
  return program;
}

function newestSource(): number {
  return Math.max(...[...sourcesIn(sources), ...sourcesIn(tls)].map((file) => statSync(file).mtimeMs));
}

function sourcesIn(folder: string): string[] {
  return readdirSync(folder).map((file) => join(folder, file));
}

function compile(name: string, program: string, more: readonly string[]): void {
  mkdirSync(output, { recursive: true });
  const compiler = process.env.CXX ?? "g++";
  const flags = ["-std=c++20", "-O2", "-o", program, join(sources, `${name}.cc`), ...more];
  const { status, error, stderr } = spawnSync(compiler, flags, { encoding: "utf8" });
  if (error) throw new Error(`${compiler} does not run: install a C++20 compiler or set CXX.`, { cause: error });
  if (status !== 0) throw new Error(`${compiler} ${flags.join(" ")} failed:\n${stderr}`);
}
