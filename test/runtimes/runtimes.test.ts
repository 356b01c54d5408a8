/**
 * The built package under other runtimes than Node: the native engine with the waiter driver, or, where the addon does
 * not load, the reactor over node:net. A runtime is the program that SKEIN_BUN or SKEIN_DENO names, or one of that name
 * in PATH, or that of its npm package; a test whose runtime is not here is skipped.
 */
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const run = promisify(execFile);
const modules = join(import.meta.dirname, "../../node_modules");
const script = join(import.meta.dirname, "smoke.mjs");

interface Runtime {
  readonly name: string;
  readonly program: string | undefined;
  /** What comes before the script. */
  readonly args: readonly string[];
}

const RUNTIMES: readonly Runtime[] = [
  { name: "Node", program: process.execPath, args: [] },
  { name: "Node without addons", program: process.execPath, args: ["--no-addons"] },
  { name: "Bun", program: find("SKEIN_BUN", "bun", "@oven/bun-linux-x64/bin/bun"), args: [] },
  { name: "Deno", program: find("SKEIN_DENO", "deno", "@deno/linux-x64-glibc/deno"), args: ["run", "-A"] },
];

function find(variable: string, name: string, packaged: string): string | undefined {
  const named = process.env[variable];
  if (named) return named;
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...folders.map((folder) => join(folder, name)), join(modules, packaged)].find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const DONE = {
  echoed: 20,
  ends: ["ConnectionDone"],
  inUse: "CannotListenError EADDRINUSE",
  refused: "ConnectionRefusedError",
  waited: true,
  left: 0,
};

describe.each(RUNTIMES)("$name", ({ name, program, args }) => {
  async function smoke(kind: "native" | "node"): Promise<unknown> {
    const { stdout, stderr } = await run(program!, [...args, script, kind], { timeout: 30_000 });
    expect(stderr).toBe("");
    return JSON.parse(stdout);
  }

  test.skipIf(program === undefined)("serves by the native engine, or else by Node's own sockets", async () => {
    const native = expect.stringMatching(
      name === "Node without addons" ? /^node$/ : /^(epoll|kqueue|iocp|poll|select)$/,
    );
    const driver = { Node: expect.any(String), "Node without addons": "node" }[name] ?? "waiter";
    expect(await smoke("native")).toEqual({ reactor: native, driver, ...DONE });
  });

  test.skipIf(program === undefined)("serves by Node's own sockets", async () => {
    expect(await smoke("node")).toEqual({ reactor: "node", driver: "node", ...DONE });
  });
});
