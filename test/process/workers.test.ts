/** Reactors in worker threads come and go, and leave nothing behind. */

import { describe, expect, test } from "vitest";
import { volume } from "../helpers/volume.ts";
import { runNode } from "./child.ts";
import { DRIVERS } from "./drivers.ts";

/** On each driver. */
const ROUNDS = volume({ gate: 15, long: 50 });
const PAIRS = volume({ gate: 2, long: 5 });

describe.each(DRIVERS)("with the %s driver", (driver) => {
  test.each([
    ["a worker that is terminated at a random turn under traffic closes all it had open", "terminate", ROUNDS],
    ["process.exit() in a worker's callback ends that worker only, with its exit code", "exit", ROUNDS],
    ["a worker ends by itself with a reactor that was never run, stopped or destroyed", "drop", ROUNDS],
    ["two reactors in two workers do 10,000 messages each and end by themselves", "pair", PAIRS],
  ])("%s", async (_, what, rounds) => {
    const ended = await runNode(import.meta.url, "workers.mjs", [what, driver, String(rounds)]);
    expect(ended).toEqual({ code: 0, signal: null, output: "ok\n", complaints: "" });
  });
});
