/** docs/defaults.md has the values of the sources, and no bound is missing in it. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("docs/defaults.md lists every bound with the value that the sources have", () => {
  const script = fileURLToPath(new URL("../../scripts/defaults.mjs", import.meta.url));
  expect(() => execFileSync(process.execPath, [script, "--check"], { stdio: "pipe" })).not.toThrow();
});
