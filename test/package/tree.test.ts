/** Which folders scripts/tree.mjs makes anew, and which it leaves as they are. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT } from "./tarball.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "skein-tree-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function copyTo(...args: string[]): { status: number | null; complaints: string } {
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, "scripts/tree.mjs"), ...args], {
    encoding: "utf8",
  });
  return { status, complaints: stderr };
}

test("a folder that holds something else is left as it is", () => {
  const mine = join(folder, "mine");
  mkdirSync(mine);
  writeFileSync(join(mine, "thesis.txt"), "all of it");
  const { status, complaints } = copyTo(mine);
  expect(status).toBe(1);
  expect(complaints).toContain(`${mine} is not empty, and no copy that this script made`);
  expect(readdirSync(mine)).toEqual(["thesis.txt"]);
});

test("an empty folder becomes a copy, and a copy is made anew", () => {
  const copy = join(folder, "copy");
  mkdirSync(copy);
  expect(copyTo(copy).status).toBe(0);
  writeFileSync(join(copy, "left-over"), "");
  expect(copyTo(copy).status).toBe(0);
  expect(existsSync(join(copy, "left-over"))).toBe(false);
  expect(readFileSync(join(copy, "package.json"), "utf8")).toBe(readFileSync(join(ROOT, "package.json"), "utf8"));
  const own = spawnSync(process.execPath, [join(copy, "scripts/tree.mjs"), copy], { encoding: "utf8" });
  expect([own.status, own.stderr]).toEqual([1, expect.stringContaining("holds the tree that is to be copied")]);
  expect(existsSync(join(copy, "package.json"))).toBe(true);
});

test("a folder around the tree is refused, and so is none", () => {
  // Not the real one, which a mistake here would erase.
  const outer = join(folder, "outer");
  expect(copyTo(join(outer, "inner")).status).toBe(0);
  writeFileSync(join(outer, ".skein-copy"), "");
  const inner = join(outer, "inner/scripts/tree.mjs");
  const { status, stderr } = spawnSync(process.execPath, [inner, outer], { encoding: "utf8" });
  expect([status, stderr]).toEqual([1, expect.stringContaining("holds the tree that is to be copied")]);
  expect(existsSync(inner)).toBe(true);
  expect(copyTo()).toEqual({ status: 2, complaints: "usage: node scripts/tree.mjs FOLDER\n" });
});
