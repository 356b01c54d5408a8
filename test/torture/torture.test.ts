/**
 * Every system call of the engine fails once, with every errno of native/net/errno_table.h, at its first use and at
 * later ones: nothing aborts, nothing hangs, at most one connection is hurt, all descriptors are closed in the end.
 */
import { describe, expect, test } from "vitest";
import { runNode } from "../process/child.ts";
import { buildFaults, preloaded } from "./faults.ts";

describe.each([
  ["pollable", "TCP"],
  ["waiter", "TCP"],
  ["pollable", "TLS"],
  ["waiter", "TLS"],
])("with the %s driver, over %s", (driver, over) => {
  test("a failing system call affects at most one connection, whichever call and occurrence it is", async () => {
    const faults = buildFaults();
    const { code, signal, output, complaints } = await runNode(
      import.meta.url,
      "scenario.mjs",
      [faults, driver, over.toLowerCase()],
      {
        LD_PRELOAD: preloaded(faults),
      },
    );
    const lines = output.trim().split("\n");
    expect(lines.filter((line) => /^(failed|missed) /.test(line))).toEqual([]);
    expect({ code, signal, complaints, last: lines.at(-1) }).toMatchObject({ code: 0, signal: null, complaints: "" });
    const [, faultsTaken] = /^done (\d+)$/.exec(lines.at(-1) ?? "") ?? [];
    expect(Number(faultsTaken)).toBeGreaterThan(0);
  });
});
