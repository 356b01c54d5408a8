/** The commands that the workflows, the gate and the documents for contributors name are there. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./tarball.ts";

const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
const presets = (
  JSON.parse(read("CMakePresets.json")) as { configurePresets: { name: string; hidden?: boolean }[] }
).configurePresets
  .filter(({ hidden }) => hidden !== true)
  .map(({ name }) => name);

const files = [
  ".ci/run",
  "CONTRIBUTING.md",
  "README.md",
  ...readdirSync(join(ROOT, ".github/workflows")).map((name) => `.github/workflows/${name}`),
];

test.each(files)("%s names scripts, files and targets that exist", (file) => {
  const text = read(file);
  const names = (pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1]!);
  expect(names(/npm run (?:--silent )?([\w:-]+)/g).filter((name) => !(name in scripts))).toEqual([]);
  expect(
    names(/(?:^|[\s`"])((?:scripts|test|\.ci)\/[\w./-]+)/gm).filter((path) => !existsSync(join(ROOT, path))),
  ).toEqual([]);
  const targets = names(/npm run prebuild -- ((?:--(?:check|verify) )?[\w -]+)/g).flatMap((list) => list.split(" "));
  expect(
    targets.filter((target) => target !== "" && !/^--(check|verify)$/.test(target) && !presets.includes(target)),
  ).toEqual([]);
});
