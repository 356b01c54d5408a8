/** TLS comes and goes, in workers and by itself, and leaves nothing behind; Node's own https works in the same process. */
import { describe, expect, test } from "vitest";
import { volume } from "../helpers/volume.ts";
import { runNode } from "./child.ts";
import { DRIVERS } from "./drivers.ts";

/** On each driver. */
const ROUNDS = volume({ gate: 10, long: 100 });
const CONNECTIONS = volume({ gate: 5_000, long: 50_000 });

describe.each(DRIVERS)("with the %s driver", (driver) => {
  test.each([
    ["a worker that is terminated during handshakes and records closes all it had open", "terminate", ROUNDS],
    ["connections over TLS leave memory and descriptors where they were", "connect", CONNECTIONS],
  ])("%s", async (_, what, rounds) => {
    const ended = await runNode(import.meta.url, "tls.mjs", [what, driver, String(rounds)]);
    expect(ended).toEqual({ code: 0, signal: null, output: "ok\n", complaints: "" });
  });
});
