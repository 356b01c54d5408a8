/** What a program that installs no reactor gets where its environment or Node's options have something against the addon. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { type Ended, ended, runNode } from "./child.ts";

const script = "listens.mjs";
const folder = mkdtempSync(join(tmpdir(), "skein-environment-"));
afterAll(() => rmSync(folder, { recursive: true }));

const LISTENING = "listening on 127.0.0.1\n";
const UNSET = { SKEIN_REACTOR: "", NODE_OPTIONS: "" };

const native = expect.stringMatching(new RegExp(`^(?!node)\\w+\n${LISTENING}$`));

describe("no variable names the file that is loaded as the addon", () => {
  mkdirSync(join(folder, "build/Release"), { recursive: true });
  writeFileSync(join(folder, "build/Release/skein.node"), "whoever set the variable runs code here");

  test.each([
    { SKEIN_PREBUILD: folder },
    { PREBUILDS_ONLY: "1", SKEIN_PREBUILD: folder },
    { LIBC: "musl", PREBUILDS_ONLY: "1" },
    { npm_config_arch: "mips", npm_config_platform: "plan9", PREBUILDS_ONLY: "1" },
    { ARM_VERSION: "5" },
    { NODE_PATH: folder },
  ])("%j changes nothing", async (env) => {
    const { code, output, complaints } = await runNode(import.meta.url, script, [], { ...UNSET, ...env });
    expect({ code, output, complaints }).toEqual({ code: 0, output: native, complaints: "" });
  });
});

/** Run the program with options of Node's. */
function runWith(options: readonly string[]): Promise<Ended> {
  const program = fileURLToPath(new URL(script, import.meta.url));
  const env = { ...process.env, ...UNSET };
  return ended(spawn(process.execPath, [...options, program], { env, stdio: ["ignore", "pipe", "pipe"] }));
}

describe("where Node forbids addons", () => {
  const has = (flag: string) => process.allowedNodeEnvironmentFlags.has(flag);
  const model = has("--permission") ? "--permission" : "--experimental-permission";
  const net = has("--allow-net") ? ["--allow-net"] : [];
  const root = fileURLToPath(new URL("../..", import.meta.url));

  test("--no-addons gives the node reactor, with one warning", async () => {
    const { code, output, complaints } = await runWith(["--no-addons"]);
    expect({ code, output }).toEqual({ code: 0, output: `node\n${LISTENING}` });
    expect(complaints.match(/SKEIN_NO_ADDON/g)).toHaveLength(1);
    expect(complaints).toContain("1. Take --no-addons out of the command line");
  });

  test("the permission model without --allow-addons gives the node reactor, with one warning", async () => {
    const { code, output, complaints } = await runWith([model, "--allow-fs-read=*", ...net]);
    expect({ code, output }).toEqual({ code: 0, output: `node\n${LISTENING}` });
    expect(complaints.match(/SKEIN_NO_ADDON/g)).toHaveLength(1);
    expect(complaints).toContain("1. Allow them: add --allow-addons");
    expect(complaints).toContain("needs --allow-net");
  });

  test.runIf(net.length > 0)("without --allow-net, too, Node's error names that option", async () => {
    const { code, output } = await runWith([model, "--allow-fs-read=*"]);
    expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/^node\n.*--allow-net/) });
  });

  test("the permission model with --allow-addons and the package's files gives the native engine", async () => {
    const { code, output, complaints } = await runWith([model, `--allow-fs-read=${join(root, "*")}`, "--allow-addons"]);
    expect({ code, output }).toEqual({ code: 0, output: native });
    expect(complaints).not.toContain("SKEIN_NO_ADDON");
  });
});
