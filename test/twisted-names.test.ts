/** docs/differences.md has a row for each public name of Twisted that has no counterpart here, and no row beside. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { namesWithoutCounterpart } from "./helpers/twistednames.ts";

/** The names in the first column of the tables below a heading `### twisted.module`, as patterns. */
function rows(): { name: string; pattern: RegExp }[] {
  const page = readFileSync(join(import.meta.dirname, "../docs/differences.md"), "utf8");
  const [, ...sections] = page.split(/^### twisted\./m);
  return sections.flatMap((section) => {
    const [module = "", ...lines] = section.split("\n");
    const cells = lines.filter((line) => line.startsWith("| `")).map((line) => line.split("|")[1]!);
    return cells
      .flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => `${module}.${name}`))
      .map((name) => ({ name, pattern: new RegExp(`^${name.replaceAll(".", "\\.").replaceAll("*", "\\w*")}$`) }));
  });
}

const missing = namesWithoutCounterpart();

it("each public name of the covered Twisted modules has a counterpart, or a row in docs/differences.md", () => {
  const known = rows();
  expect(missing.filter((name) => !known.some(({ pattern }) => pattern.test(name)))).toEqual([]);
});

it("each row of docs/differences.md names something that has no counterpart", () => {
  const idle = rows().filter(({ pattern }) => !missing.some((name) => pattern.test(name)));
  expect(idle.map(({ name }) => name)).toEqual([]);
});
