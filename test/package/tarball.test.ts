/** What is in the tarball, and what is not. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Packed, pack, ROOT, workplace } from "./tarball.ts";

const MOST_TARBALL = 5_000_000;
const MOST_ADDON = 1_500_000;

const { folder, remove } = await workplace();
let list: Packed;
let unpacked: string;

beforeAll(async () => {
  const packed = await pack(folder);
  list = packed.list;
  execFileSync("tar", ["-xzf", packed.file, "-C", folder]);
  unpacked = join(folder, "package");
});
afterAll(remove);

const paths = () => list.files.map(({ path }) => path);

describe("the tarball", () => {
  test("is small", () => {
    expect(list.size).toBeLessThanOrEqual(MOST_TARBALL);
  });

  test("has what users run and what compiles it, and nothing else", () => {
    const kinds = [
      /^(package\.json|README\.md|LICENSE|(CHANGELOG|CONTRIBUTING|SECURITY)\.md|CMakeLists\.txt|CMakePresets\.json)$/,
      /^dist\/[\w/-]+\.(js|js\.map|d\.ts)$/,
      /^prebuilds\/(linux|darwin|win32)-(x64|arm64)\/skein(\.glibc|\.musl)?\.node$/,
      /^native\/(sources\.json|(addon|backend|engine|file|net|tls)\/[\w/]+\.(cc|h))$/,
      /^cmake\/[\w-]+\.cmake$/,
      /^docs\/[\w/-]+\.(md|svg)$/,
      /^examples\/[\w-]+\.js$/,
    ];
    expect(paths().filter((path) => !kinds.some((kind) => kind.test(path)))).toEqual([]);
    for (const kind of kinds) expect(paths()).toContainEqual(expect.stringMatching(kind));
  });

  test("has no binding.gyp and no install script, which would make npm compile", () => {
    expect(paths()).not.toContainEqual(expect.stringMatching(/binding\.gyp$/));
    const { scripts = {}, gypfile } = JSON.parse(readFileSync(join(unpacked, "package.json"), "utf8"));
    expect(Object.keys(scripts)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(pre|post)?install$/)]));
    expect(gypfile).toBe(false);
  });

  test("has every file that package.json names", () => {
    const { exports, bin, types } = JSON.parse(readFileSync(join(unpacked, "package.json"), "utf8"));
    const targets = JSON.stringify([exports, bin, types]).match(/\.\/(dist|package)[^"]+/g)!;
    const exact = targets.filter((target) => !target.includes("*"));
    expect(exact.filter((target) => !paths().includes(target.slice(2)))).toEqual([]);
    // A pattern stands for every entry: each source of one has what the pattern leads to.
    const entries = readdirSync(join(ROOT, "src/entries"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => file.slice(0, -".ts".length));
    expect(entries).toContain("protocols/basic");
    const patterns = targets.filter((target) => target.includes("*"));
    expect(patterns).toHaveLength(2);
    const built = patterns.flatMap((pattern) => entries.map((entry) => pattern.slice(2).replace("*", entry)));
    expect(built.filter((path) => !paths().includes(path))).toEqual([]);
  });

  test("has every file that the README links to", () => {
    const links = [...readFileSync(join(unpacked, "README.md"), "utf8").matchAll(/\]\((?!https?:|#)([^)#]+)/g)];
    expect(links.length).toBeGreaterThan(10);
    const there = (link: string) => paths().some((path) => path === link || path.startsWith(link));
    expect(links.map((link) => link[1]!).filter((link) => !there(link))).toEqual([]);
  });

  test("has every source that the addon is compiled from", () => {
    const sources = JSON.parse(readFileSync(join(ROOT, "native/sources.json"), "utf8")) as Record<string, string[]>;
    expect(paths()).toEqual(expect.arrayContaining(Object.values(sources).flat()));
  });

  test("contains nothing about the machine it was built on", () => {
    const telltale = [ROOT.replace(/\/$/, ""), `${homedir()}/`];
    const telling = readdirSync(unpacked, { recursive: true, encoding: "utf8" }).filter((path) => {
      if (statSync(join(unpacked, path)).isDirectory()) return false;
      const text = readFileSync(join(unpacked, path), "latin1");
      return telltale.some((place) => text.includes(place));
    });
    expect(telling).toEqual([]);
  });

  test("has addons that are small and stripped", () => {
    const addons = list.files.filter(({ path }) => path.endsWith(".node"));
    expect(addons.length).toBeGreaterThan(0);
    for (const { path, size } of addons) {
      expect({ path, fits: size <= MOST_ADDON }).toEqual({ path, fits: true });
      expect(readFileSync(join(unpacked, path), "latin1")).not.toContain(".debug_info");
    }
  });
});

test("npm runs the script `prebuild` only on request, not before every `build`", () => {
  expect(readFileSync(join(ROOT, ".npmrc"), "utf8")).toMatch(/^ignore-scripts=true$/m);
});
