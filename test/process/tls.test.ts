/** TLS comes and goes, in workers and by itself, and leaves nothing behind; Node's own https works in the same process. */
import { describe, expect, test } from "vitest";
import { loadNative } from "../../src/native.ts";
import { volume } from "../helpers/volume.ts";
import { runNode } from "./child.ts";
import { DRIVERS } from "./drivers.ts";

/** Of each engine. */
const ROUNDS = volume({ gate: 5, long: 200 });
const CONNECTIONS = volume({ gate: 1_000, long: 100_000 });
const DRIBBLERS = 1_000;

/** Every driver of every backend that works here, as "epoll/pollable". */
const ENGINES = loadNative()
  .backends()
  .filter(({ unavailable }) => unavailable === "")
  .flatMap(({ name, driver }) => [`${name}/${driver}`, ...(driver === "waiter" ? [] : [`${name}/waiter`])]);

/** What is the same above each backend is tested with one. */
const OF_EPOLL = DRIVERS.map((driver) => `epoll/${driver}`);

async function run(what: string, engine: string, count: number): Promise<void> {
  const ended = await runNode(import.meta.url, "tls.mjs", [what, engine, String(count)]);
  expect(ended).toEqual({ code: 0, signal: null, output: "ok\n", complaints: "" });
}

describe.each(ENGINES)("with %s", (engine) => {
  test("a worker that is terminated during handshakes and records closes all it had open", () =>
    run("terminate", engine, ROUNDS));
});

describe.each(OF_EPOLL)("with %s", (engine) => {
  test("connections over TLS leave memory and descriptors where they were", () => run("connect", engine, CONNECTIONS));

  test("a thousand clients that dribble a hello end at the timeout, and honest ones are served meanwhile", () =>
    run("dribble", engine, DRIBBLERS));
});
