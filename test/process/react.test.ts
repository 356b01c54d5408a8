/** react() in a process of its own: exit codes are what others see of it. */
import { expect, it } from "vitest";
import { Program } from "../helpers/program.ts";

const program = (main: string): Program => Program.node("test/process/react.mjs", [main]);

it.each([
  ["succeed", 0],
  ["fail", 1],
  ["exit", 3],
])("main that does %s ends the process with %s", async (main, code) => {
  const run = program(main);
  expect(await run.exited).toEqual({ code, signal: null });
  expect(run.stdout).toBe(`${main}\n`);
  if (main === "fail") expect(run.stderr).toMatch(/main function encountered error\n.*Error: boom/);
  else expect(run.stderr).toBe("");
});

it("a signal ends react() cleanly", async () => {
  const run = program("wait");
  await run.until(/waiting/);
  run.interrupt();
  expect(await run.exited).toEqual({ code: 0, signal: null });
});
