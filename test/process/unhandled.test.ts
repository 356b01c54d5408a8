/** The collector does not run when a process ends: what nobody handled is reported all the same. */
import { expect, it } from "vitest";
import { Program } from "../helpers/program.ts";

it("an unhandled failure is reported once at process exit, with where its Deferred was created", async () => {
  const program = Program.node("test/process/unhandled.mjs");
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.stdout).toBe("1 kept\n");
  expect(program.stderr.match(/Error: /g)).toHaveLength(1);
  expect(program.stderr).toMatch(/Unhandled error in Deferred[\s\S]*makeItHere[\s\S]*Error: nobody handled it/);
});
