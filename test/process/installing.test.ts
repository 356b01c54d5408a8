/**
 * Installing twice, too late, what is not here, and what is never run: from ESM and CommonJS, in the main thread and in
 * a worker.
 */

import { describe, expect, test } from "vitest";
import { runNode } from "./child.ts";

const FAULTS = {
  twice: ["poll", "ReactorAlreadyInstalledError", /The poll reactor is installed already, and stays/],
  late: ["epoll", "ReactorInstalledTooLateError", /This comes too late.*"skein\/install\/NAME", before it/],
  missing: ["none", "ReactorNotAvailableError", /There is no iocp reactor here.*Windows'\. Available: epoll, /],
} as const;

const STATIC = { twice: "static.mjs", late: "late.mjs", missing: "missing.mjs" };
const PROGRAMS = {
  "static imports": STATIC,
  "dynamic imports": "dynamic.mjs",
  "require()": "required.cjs",
  "import() in CommonJS": "imported.cjs",
};

describe.runIf(process.platform === "linux").each(Object.entries(PROGRAMS))("by %s", (_, program) => {
  describe.each(["the main thread", "a worker"])("in %s", (where) => {
    test.each(Object.entries(FAULTS))(
      "installing %s is an error of its own that tells the way out",
      async (how, fault) => {
        const [reactor, name, message] = fault;
        const file = `installing/${typeof program === "string" ? program : program[how as keyof typeof STATIC]}`;
        const args = where === "a worker" ? [`./${file.split("/")[1]}`, how] : [how];
        const script = where === "a worker" ? "installing/in-worker.mjs" : file;
        const { output } = await runNode(import.meta.url, script, args, { SKEIN_REACTOR: "" });
        const [installed, told] = output.trim().split("\n");
        expect(installed).toBe(reactor);
        expect(JSON.parse(told!)).toEqual({ name, message: expect.stringMatching(message) });
      },
    );
  });
});

test("without the addon the default is the node reactor, with one warning, and choosing another is an error", async () => {
  const none = { NODE_OPTIONS: "--no-addons", SKEIN_REACTOR: "" };
  const { output, complaints } = await runNode(import.meta.url, "installing/late.mjs", [], none);
  expect(output.split("\n")[0]).toBe("node");
  expect(complaints.match(/SKEIN_NO_ADDON/g)).toHaveLength(1);
  expect(complaints).toMatch(/Take --no-addons out/);
  const chosen = await runNode(import.meta.url, "installing/late.mjs", [], { ...none, SKEIN_REACTOR: "epoll" });
  expect(chosen.code).toBe(1);
  expect(chosen.complaints).toMatch(/NativeLoadError/);
});

const FAILED = "a call, and an exit code of a failure";

type Program = readonly [script: string, args: readonly string[]];

describe.each([
  ["the main thread", (what: string): Program => ["installing/unrun.mjs", [what]]],
  ["a worker", (what: string): Program => ["installing/in-worker.mjs", ["./unrun.mjs", what]]],
] as const)("in %s, a reactor that is installed and never run", (_, program) => {
  const warnings = async (what: string) => {
    const { code, complaints } = await runNode(import.meta.url, ...program(what), { SKEIN_REACTOR: "" });
    expect(code).toBe(what === FAILED && program(what)[0].endsWith("unrun.mjs") ? 1 : 0);
    return complaints.match(/\[SKEIN_NEVER_RUN\] Warning: reactor\.run\(\) was never called: .*/g) ?? [];
  };

  test.each(["a port", "an attempt to connect", "a delayed call"])("is warned of when it leaves %s", async (what) => {
    expect(await warnings(what)).toHaveLength(1);
  });

  test.each([
    "nothing",
    "a cancelled call",
    "a destroyed reactor",
    "a call after the run",
    "an exit by hand",
    "a port, and a failure to listen that the program caught",
    "a call, and a Deferred whose failure nobody handled",
    FAILED,
  ])("is not when it leaves %s", async (what) => {
    expect(await warnings(what)).toEqual([]);
  });
});

test("an error about a misspelt SKEIN_REACTOR names the variable", async () => {
  const { code, complaints } = await runNode(import.meta.url, "installing/late.mjs", [], { SKEIN_REACTOR: "bogus" });
  expect(code).toBe(1);
  expect(complaints).toMatch(/SKEIN_REACTOR is bogus\. There is no bogus reactor here: .*, node\.\n/);
});
