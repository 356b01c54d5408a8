/** The protections that the compiled addons carry, read off the files. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { unprotected } from "../../scripts/hardening.mjs";
import { ROOT } from "./tarball.ts";

const prebuilds = join(ROOT, "prebuilds");
const addons = [
  "build/Release/skein.node",
  ...(existsSync(prebuilds) ? readdirSync(prebuilds, { recursive: true, encoding: "utf8" }) : [])
    .filter((name) => name.endsWith(".node"))
    .map((name) => `prebuilds/${name}`),
].filter((file) => existsSync(join(ROOT, file)));

test("there is an addon to look at", () => {
  expect(addons.length).toBeGreaterThan(0);
});

test.each(addons)("%s lacks no protection", (file) => {
  expect(unprotected(readFileSync(join(ROOT, file)))).toEqual([]);
});

test.each(addons.filter((file) => file.includes(".glibc.")))("%s checks its copies", (file) => {
  // fd_set and fprintf() are where this code has something to check.
  expect(readFileSync(join(ROOT, file), "latin1")).toMatch(/\0__fdelt_chk\0|\0__fprintf_chk\0/);
});

describe.runIf(process.platform === "linux" && spawnSync("cc", ["--version"]).status === 0)(
  "what lacks one is told",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "skein-hardening-"));
    afterAll(() => rmSync(folder, { recursive: true }));

    const ALL = ["-fstack-protector-all", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"];

    /** A library that was compiled with these flags. */
    function compiled(flags: readonly string[]): Buffer {
      const [source, library] = [join(folder, "a.c"), join(folder, "a.so")];
      writeFileSync(
        source,
        "int first(const char* text) { volatile char copy[64]; copy[0] = text[0]; return copy[0]; }\n",
      );
      execFileSync("cc", ["-shared", "-fPIC", ...flags, "-o", library, source]);
      return readFileSync(library);
    }

    test.each([
      ["-fno-stack-protector", "canaries"],
      ["-Wl,-z,norelro", "writable"],
      ["-Wl,-z,lazy", "lazily"],
      ["-Wl,-z,execstack", "executable"],
    ])("of a library compiled with %s", (flag, told) => {
      expect(unprotected(compiled(ALL))).toEqual([]);
      expect(unprotected(compiled([...ALL, flag]))).toEqual([expect.stringContaining(told)]);
    });

    test("of a Windows library whose header lacks a bit", () => {
      const bytes = Buffer.alloc(512);
      bytes.write("MZ");
      bytes.writeUInt32LE(64, 0x3c);
      expect(unprotected(bytes)).toHaveLength(3);
      bytes.writeUInt16LE(0x160, 64 + 24 + 70);
      expect(unprotected(bytes)).toEqual([]);
    });
  },
);
