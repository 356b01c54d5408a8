/** The waiter driver where the system gives no thread. */
import { expect, test } from "vitest";
import { runNode } from "../process/child.ts";
import { buildFaults, preloaded } from "./faults.ts";

test("run() rejects with the reason when the driver's thread cannot be created, and works once it can", async () => {
  const faults = buildFaults();
  const { code, signal, output, complaints } = await runNode(import.meta.url, "thread.mjs", [faults], {
    LD_PRELOAD: preloaded(faults),
  });
  expect({ code, signal, complaints }).toEqual({ code: 0, signal: null, complaints: "" });
  const refused = expect.stringMatching(
    /^ERR_REACTOR_NOT_AVAILABLE: .*needs a thread.*Resource temporarily unavailable/,
  );
  expect(output.trim().split("\n")).toEqual([refused, refused, "ended"]);
});
