/**
 * The built package under other runtimes than Node: the native engine with the waiter driver, or, where the addon does
 * not load, the reactor over node:net. A runtime is the program that SKEIN_BUN or SKEIN_DENO names, or one of that name
 * in PATH, or else comes from its npm package, once, into the cache of scripts/packed.mjs.
 */
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { packed } from "../../scripts/packed.mjs";
import { BACKENDS } from "../../src/internet/reactor/backends.ts";

/** Ends a program that hangs; less than the test may take, so that what it wrote is told. */
const PATIENCE_MS = 150_000;
const run = promisify(execFile);
const script = join(import.meta.dirname, "smoke.mjs");
const NAME_OF_A_BACKEND = new RegExp(`^(${BACKENDS.map(({ name }) => name).join("|")})$`);

interface Runtime {
  readonly name: string;
  readonly program: () => string;
  /** What comes before the script. */
  readonly args: readonly string[];
}

const RUNTIMES: readonly Runtime[] = [
  { name: "Node", program: () => process.execPath, args: [] },
  { name: "Node without addons", program: () => process.execPath, args: ["--no-addons"] },
  { name: "Bun", program: () => find("SKEIN_BUN", "bun", "@oven/bun-linux-x64@1.4.5", "bin/bun"), args: [] },
  {
    name: "Deno",
    program: () => find("SKEIN_DENO", "deno", "@deno/linux-x64-glibc@2.9.6", "deno"),
    args: ["run", "-A"],
  },
];

/** @throws Error that tells the way out, where the package is of another platform */
function find(variable: string, name: string, spec: string, file: string): string {
  const named = process.env[variable];
  if (named) return named;
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const found = folders.map((folder) => join(folder, name)).find(isProgram);
  if (found !== undefined) return found;
  if (process.platform === "linux" && process.arch === "x64") return join(packed(spec), file);
  throw new Error(`This test runs ${name}, which is not installed: put it on the PATH, or name it in ${variable}.`);
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

/** Options that the runtime's node:tls does not heed, and that are refused therefore. */
const IGNORED: Readonly<Record<string, readonly string[]>> = {
  Bun: ["cipherSuites", "securityLevel", "ocspResponse", "ticketKeys", "keyLog"],
  Deno: [
    "acceptableCiphers",
    "cipherSuites",
    "groups",
    "signatureAlgorithms",
    "securityLevel",
    "ocspResponse",
    "ticketKeys",
    "keyLog",
  ],
};

function tlsOf(name: string): unknown {
  return {
    echoed: ["TLSv1.3 true ConnectionDone", "TLSv1.2 true ConnectionDone"],
    known: "TLSv1.3 true ConnectionDone",
    refused: ["unknown", "otherName", "tooOld", "nobody", "wrong"],
    ignored: IGNORED[name] ?? [],
  };
}

describe.each(RUNTIMES)("$name", ({ name, program, args }) => {
  async function smoke(kind: "native" | "node"): Promise<unknown> {
    const { stdout, stderr } = await run(program(), [...args, script, kind], { timeout: PATIENCE_MS });
    expect(stderr).toBe("");
    return JSON.parse(stdout);
  }

  test("serves with the native engine, or else with Node's own sockets", async () => {
    const native = expect.stringMatching(name === "Node without addons" ? /^node$/ : NAME_OF_A_BACKEND);
    const driver = { Node: expect.any(String), "Node without addons": "node" }[name] ?? "waiter";
    // Their OpenSSL is another than Node's, or none.
    const tls = name === "Bun" || name === "Deno" ? "ERR_TLS_NOT_AVAILABLE" : tlsOf(name);
    expect(await smoke("native")).toEqual({ reactor: native, driver, ...DONE, tls });
  });

  test("serves with Node's own sockets", async () => {
    expect(await smoke("node")).toEqual({ reactor: "node", driver: "node", ...DONE, tls: tlsOf(name) });
  });
});
