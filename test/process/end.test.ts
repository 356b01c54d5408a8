/** How a process with a reactor ends, and what it survives. */

import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { volume } from "../helpers/volume.ts";
import { type Ended, inPairs, nextMessage, runNode, startNode } from "./child.ts";
import { DRIVERS, driverOf } from "./drivers.ts";

/** Processes that are started. */
const SPAWNS = volume({ gate: 30, long: 100 });
/** Rounds within one process. */
const ROUNDS = 100;
const WELL: Ended = { code: 0, signal: null, output: "ok\n", complaints: "" };

const run = (script: string, ...args: string[]) => runNode(import.meta.url, script, args);

test("process.exit() in any callback ends the process with its exit code", async () => {
  const places = ["answer", "lost", "call", "tick", "promise"];
  await inPairs(SPAWNS, async (i) => {
    const place = places[i % places.length]!;
    const driver = driverOf(Math.floor(i / places.length));
    const ended = await run("exit.mjs", place, driver);
    expect({ place, driver, ...ended }).toEqual({ place, driver, code: 7, signal: null, output: "", complaints: "" });
  });
});

const PUT_OFF = ["tick", "microtask", "immediate"];

describe.each(DRIVERS)("with the %s driver", (driver) => {
  test.each(PUT_OFF)(
    "everything goes on after an exception from the %s queue that a handler catches",
    async (where) => {
      expect(await run("uncaught.mjs", where, driver, String(ROUNDS))).toEqual(WELL);
    },
  );

  test("destroy() in any callback closes all descriptors at the end of the tick", async () => {
    expect(await run("destroy.mjs", driver, String(ROUNDS))).toEqual(WELL);
  });

  test("destroy() in a handler of an uncaught exception from a dispatch closes all descriptors", async () => {
    expect(await run("throwing.mjs", driver)).toEqual(WELL);
  });

  test("the process exits by itself with reactors that were dropped without destroy()", async () => {
    expect(await run("dropped.mjs", driver, String(ROUNDS))).toEqual(WELL);
  });

  test("an idle reactor keeps the process alive exactly until it is stopped", async () => {
    const child = startNode(import.meta.url, "idle.mjs", [driver], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const exit = once(child, "exit");
    expect(await nextMessage(child)).toBe("alive");
    child.send("stop");
    expect(await nextMessage(child)).toBe("stopped");
    expect(await exit).toEqual([0, null]);
  });
});

test("the process ends with exit code 1, not by a signal, on an uncaught exception", async () => {
  await inPairs(SPAWNS, async (i) => {
    const where = PUT_OFF[i % PUT_OFF.length]!;
    const driver = driverOf(Math.floor(i / PUT_OFF.length));
    const { complaints, ...ended } = await run("uncaught.mjs", where, driver);
    expect({ where, driver, ...ended }).toEqual({ where, driver, code: 1, signal: null, output: "" });
    expect(complaints).toContain("Error: nobody catches this");
  });
});
