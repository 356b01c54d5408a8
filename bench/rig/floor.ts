import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { root } from "./root.ts";

const sources = join(root, "bench", "floor");
const output = join(root, "build", "bench");

/** The program compiled from bench/floor/<name>.cc; compiled again when a source there is newer. */
export function floorProgram(name: "echo" | "load" | "uring"): string {
  const program = join(output, name);
  if (!existsSync(program) || statSync(program).mtimeMs < newestSource()) compile(name, program);
  return program;
}

function newestSource(): number {
  return Math.max(...readdirSync(sources).map((file) => statSync(join(sources, file)).mtimeMs));
}

function compile(name: string, program: string): void {
  mkdirSync(output, { recursive: true });
  const compiler = process.env.CXX ?? "g++";
  const flags = ["-std=c++20", "-O2", "-o", program, join(sources, `${name}.cc`)];
  const { status, error, stderr } = spawnSync(compiler, flags, { encoding: "utf8" });
  if (error) throw new Error(`${compiler} does not run: install a C++20 compiler or set CXX.`, { cause: error });
  if (status !== 0) throw new Error(`${compiler} ${flags.join(" ")} failed:\n${stderr}`);
}
