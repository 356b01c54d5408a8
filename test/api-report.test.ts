/** docs/api holds what each public subpath offers: a change of the public surface shows there. */
import { expect, it } from "vitest";
import { Program } from "./helpers/program.ts";

it("docs/api matches the public surface", async () => {
  const program = Program.node("scripts/api-report.mjs", ["--check"]);
  const { code } = await program.exited;
  expect({ code, stderr: program.stderr }).toEqual({ code: 0, stderr: "" });
});
