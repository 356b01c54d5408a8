/** The errno table of docs/internals.md is the one that the engine has. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("docs/internals.md lists the engine's errno table", () => {
  const script = fileURLToPath(new URL("../../scripts/errno-table.mjs", import.meta.url));
  expect(() => execFileSync(process.execPath, [script, "--check"], { stdio: "pipe" })).not.toThrow();
});
