/** docs/guide/tls.md: its table of errors has each code that the sources have, and no other. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const codesIn = (text: string) => text.match(/\bERR_TLS_[A-Z_]+\b/g) ?? [];

it("docs/guide/tls.md lists every error of TLS", () => {
  const folder = join(root, "src/internet/tls");
  const sources = [...readdirSync(folder).map((name) => join(folder, name)), join(root, "src/internet/error.ts")];
  const codes = sources.flatMap((path) => codesIn(readFileSync(path, "utf8")));
  expect(new Set(codes).size).toBeGreaterThan(25);
  const page = readFileSync(join(root, "docs/guide/tls.md"), "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("| `ERR_"));
  const listed = rows.flatMap((line) => codesIn(line.split("|")[1]!));
  expect(listed.sort()).toEqual([...new Set(codes)].sort());
});
