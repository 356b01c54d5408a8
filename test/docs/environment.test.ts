/** docs/environment.md lists each variable of the environment that the shipped code reads. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const page = read("docs/environment.md");

/** The files below `folder` whose name ends so. */
function files(folder: string, ending: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => ending.test(name))
    .map((name) => join(folder, name));
}

const rowsOf = (heading: string): string[] => {
  const section = page.split(/^## /m).find((part) => part.startsWith(heading))!;
  return [...section.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]!);
};

test("the table has the variables that src/ reads, and no others", () => {
  const found = new Set<string>();
  for (const file of files("src", /\.ts$/)) {
    for (const [use, name] of read(file).matchAll(/process\??\.env\b(?:\.(\w+))?/g)) {
      // By one name, written out: what is read another way cannot be listed.
      expect({ file, use, name }).toEqual({ file, use, name: expect.any(String) });
      found.add(name!);
    }
  }
  expect(rowsOf("Environment variables").sort()).toEqual([...found].sort());
});

test("nothing but process.env reads the environment: no module of Node's that would, and nothing in the addon", () => {
  const readers = /from "node:process"|loadEnvFile|parseEnv|process\[/;
  expect(files("src", /\.ts$/).filter((file) => readers.test(read(file)))).toEqual([]);
  const native = files("native", /\.(cc|h)$/).filter((file) => !file.startsWith("native/test"));
  expect(native.length).toBeGreaterThan(40);
  expect(native.filter((file) => /getenv|environ\b/.test(read(file)))).toEqual([]);
});
