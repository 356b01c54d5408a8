/** The packed tarball, and empty projects in which it is installed. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Ended, ended } from "../process/child.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What `npm pack` tells of what it packed. */
export interface Packed {
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** Pack the repository into `folder`; returns the tarball's file name and its list. */
export async function pack(folder: string): Promise<{ file: string; list: Packed }> {
  const program = join(ROOT, "scripts/package.mjs");
  const { PATH = "" } = process.env;
  const told = await succeeded(
    run(process.execPath, [program, "--json", "--pack-destination", folder], ROOT, {
      PATH,
      npm_execpath: npmProgram(),
    }),
  );
  const list = (JSON.parse(told) as Packed[])[0]!;
  return { file: join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz"))!), list };
}

/** A folder of its own for the tests of a file; `remove` it when they are over. */
export async function workplace(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = realpathSync(await mkdtemp(join(tmpdir(), "skein-package-")));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A PATH on which there is Node and a shell, and nothing that compiles. */
export async function bareMachine(folder: string): Promise<string> {
  const bin = join(folder, "bin");
  await mkdir(bin, { recursive: true });
  await symlink(process.execPath, join(bin, "node"));
  await symlink("/bin/sh", join(bin, "sh"));
  return bin;
}

/** A project with nothing in it but the programs of test/package/programs. */
export async function emptyProject(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "project", version: "1.0.0", private: true }));
  await cp(fileURLToPath(new URL("programs", import.meta.url)), folder, { recursive: true });
  return folder;
}

/** Run npm in `cwd`, with nothing on the PATH but `path`. What it has in its cache it does not ask the registry for. */
export function npm(args: readonly string[], cwd: string, path: string): Promise<Ended> {
  return run(process.execPath, [npmProgram(), ...args, "--prefer-offline", "--no-audit", "--no-fund"], cwd, {
    PATH: path,
  });
}

/** Run a program that is Node's own business in `cwd`. */
export function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  // What npm tells its scripts is about this repository, not about the project.
  const inherited = Object.entries(process.env).filter(
    ([name]) =>
      !/^npm_(config_(ignore_scripts|local_prefix)|package|lifecycle|command)|^(VITEST|NODE_OPTIONS|SKEIN_)/.test(name),
  );
  return ended(
    spawn(command, args, { cwd, env: { ...Object.fromEntries(inherited), ...env }, stdio: ["ignore", "pipe", "pipe"] }),
  );
}

/** Its output. @throws Error with everything it said when it did not end well */
export async function succeeded(running: Promise<Ended>): Promise<string> {
  const { code, signal, output, complaints } = await running;
  if (code !== 0) throw new Error(`It ended with ${signal ?? code}:\n${output}\n${complaints}`);
  return output;
}

/** npm's program: the one that runs this, else the one on the PATH. */
function npmProgram(): string {
  const told = process.env.npm_execpath;
  if (told?.endsWith("npm-cli.js")) return told;
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (existsSync(join(folder, "npm"))) {
      const program = realpathSync(join(folder, "npm"));
      if (program.endsWith("npm-cli.js")) return program;
    }
  }
  return join(dirname(process.execPath), "../lib/node_modules/npm/bin/npm-cli.js");
}
