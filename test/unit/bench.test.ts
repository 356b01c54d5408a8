/** The bench runs the built package, by paths that no compiler checks. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const programs = readdirSync(join(root, "bench"), { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(ts|mjs)$/.test(name))
  .map((name) => join("bench", name));

it("every file of dist/ that bench/ imports is built from a file of src/", () => {
  const named = programs.flatMap((program) => {
    const text = readFileSync(join(root, program), "utf8");
    return [...text.matchAll(/\bdist\/([\w/.-]+)\.js\b/g)].map(([, name]) => ({ program, source: `src/${name}.ts` }));
  });
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter(({ source }) => !existsSync(join(root, source)))).toEqual([]);
});
