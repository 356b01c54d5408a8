/** SIGINT and SIGTERM stop the reactor; a second one ends the process. */

import { once } from "node:events";
import { expect, test } from "vitest";
import { volume } from "../helpers/volume.ts";
import { inPairs, startNode } from "./child.ts";
import { driverOf } from "./drivers.ts";

const ROUNDS = volume({ gate: 10, long: 25 });
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Start signals.mjs, send it `signal` when it says one of `cues`; what it said, and how it ended. */
async function signalled(driver: string, signal: NodeJS.Signals, cues: readonly string[], ...args: string[]) {
  const child = startNode(import.meta.url, "signals.mjs", [driver, ...args], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const said: unknown[] = [];
  child.on("message", (word: string) => {
    said.push(word);
    if (cues.includes(word)) child.kill(signal);
  });
  const [code, endedBy] = await once(child, "close");
  return { driver, said, code, endedBy };
}

test.each(SIGNALS)("%s stops the reactor: the shutdown triggers run, and the exit code is 0", async (signal) => {
  await inPairs(ROUNDS, async (i) => {
    const driver = driverOf(i);
    const said = ["ready", "before", "during", "after", "ended"];
    expect(await signalled(driver, signal, ["ready"])).toEqual({ driver, said, code: 0, endedBy: null });
  });
});

test.each(SIGNALS)("a second %s terminates the process at once while a shutdown trigger is waiting", async (signal) => {
  await inPairs(ROUNDS, async (i) => {
    const driver = driverOf(i);
    const ended = await signalled(driver, signal, ["ready", "before"], "patient");
    expect(ended).toEqual({ driver, said: ["ready", "before"], code: null, endedBy: signal });
  });
});
