import { afterEach, expect, test, vi } from "vitest";
import { ReactorNotRunning } from "../../src/internet/error.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { err, msg } from "../../src/logger/log.ts";
import { Simulation, SimulationFailure, simulate } from "../../src/testing/simulation/simulation.ts";
import { HOSTILE_VALUES } from "../helpers/hostilevalues.ts";
import { Recorder } from "../helpers/recorder.ts";
import { dial, listen, pair, world } from "../sim/world.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("host() returns the same host for a name and for its address, and addresses are unique", () => {
  const sim = new Simulation();
  const fixed = sim.host("10.0.0.1");
  const named = sim.host("server");
  expect([fixed.name, fixed.address]).toEqual(["10.0.0.1", "10.0.0.1"]);
  expect(named.address).toBe("10.0.0.2");
  expect(sim.host("server")).toBe(named);
  expect(sim.host("10.0.0.2")).toBe(named);
  expect(`${named}`).toBe("server");
  expect(named.reactor.name).toBe("simulated");
  expect(named.reactor.running).toBe(true);
});

test.each(Object.entries(HOSTILE_VALUES))(
  "a run that throws or logs %s fails with its seed",
  async (_name, hostile) => {
    const thrown = simulate({ seed: 7 }, async () => {
      throw hostile();
    });
    await expect(thrown).rejects.toThrow(/^The simulation failed with seed 7/);
    const logging = simulate({ seed: 7 }, async (sim) => {
      sim.after(1, () => err(hostile(), "it failed"));
      await sim.run(2);
    });
    await expect(logging).rejects.toThrow(/^The simulation failed with seed 7/);
  },
);

test("time advances only in run(), and is the same for every reactor", async () => {
  const sim = new Simulation();
  const [a, b] = [sim.host("a"), sim.host("b")];
  const calls: string[] = [];
  a.reactor.callLater(2, () => calls.push(`a ${b.reactor.seconds()}`));
  b.reactor.callLater(1, () => calls.push(`b ${a.reactor.seconds()}`));
  sim.after(1.5, () => calls.push(`script ${sim.seconds()}`));
  expect(sim.seconds()).toBe(0);
  await sim.run(1);
  expect(calls).toEqual(["b 1"]);
  await sim.run(1);
  expect(calls).toEqual(["b 1", "script 1.5", "a 2"]);
  expect(sim.seconds()).toBe(2);
});

test("a timer that is cancelled or postponed does not fire at its old time", async () => {
  const sim = new Simulation();
  const { reactor } = sim.host("a");
  const calls: number[] = [];
  reactor.callLater(1, () => calls.push(1)).cancel();
  reactor.callLater(2, () => calls.push(reactor.seconds())).delay(3);
  const late = reactor.callLater(9, () => calls.push(reactor.seconds()));
  reactor.callLater(0, () => late.reset(0.5));
  await sim.run(20);
  expect(calls).toEqual([0.5, 5]);
});

test("an idle hour takes no real time", async () => {
  const sim = new Simulation();
  sim.host("a").reactor.callLater(3600, () => undefined);
  await sim.run(3600 * 24 * 365);
  expect(sim.latest(10)).toEqual(["3600.000000 timer host 0"]);
});

class Faulty extends Protocol {
  override dataReceived(): void {
    throw new Error("I did not expect that");
  }
}

test("an exception of a protocol fails the run, with the seed, the latest events and how to replay it", async () => {
  const w = world({ seed: 42 });
  listen(w, () => new Faulty() as unknown as Recorder);
  const client = new Recorder();
  client.onMade = () => client.transport.write("boo");
  dial(w, client);
  const failure = await w.sim.run(10).catch((error: unknown) => error as SimulationFailure);
  expect(failure).toBeInstanceOf(SimulationFailure);
  expect(failure).toMatchObject({ code: "ERR_SIMULATION", cause: new Error("I did not expect that") });
  expect(failure!.message).toMatch(
    /^The simulation failed with seed 42, after 0\.\d+ virtual seconds: Error: I did not/,
  );
  expect(failure!.message).toContain("SKEIN_SEED=42");
  expect(failure!.message).toMatch(/data #0' 3 bytes/);
  expect(w.sim.errors).toMatchObject([{ error: new Error("I did not expect that") }]);
  expect(w.sim.seconds()).toBeLessThan(10);
});

test("errors can be collected instead, from timers and from promises too", async () => {
  const w = world({ failOnError: false });
  const [client] = await pair(w, new Recorder(), new Recorder());
  client.onData = () => Promise.reject(new Error("from a promise")) as unknown as undefined;
  w.client.reactor.callLater(1, () => {
    throw new Error("from a timer");
  });
  w.client.reactor.callLater(2, async () => {
    throw new Error("from an async timer");
  });
  w.client.reactor.callLater(3, () => err(undefined, "only a message"));
  await w.sim.run(10);
  expect(w.sim.errors.map(({ time, message, error }) => [time, message, String(error)])).toEqual([
    [1.002, "A delayed call failed", "Error: from a timer"],
    [2.002, "A delayed call failed", "Error: from an async timer"],
    [3.002, "only a message", "undefined"],
  ]);
});

test("a message that is logged as an error fails the run by itself", async () => {
  const sim = new Simulation();
  sim.host("a").reactor.callLater(1, () => err(undefined, "out of biscuits"));
  await expect(sim.run(10)).rejects.toThrow(/out of biscuits/);
});

test("log messages go to the trace listener, and do not affect the hash", async () => {
  const hashes: string[] = [];
  const lines: string[] = [];
  for (const text of ["one", "two"]) {
    const sim = new Simulation({ onTrace: (line) => lines.push(line) });
    sim.host("a").reactor.callLater(1, () => msg(text));
    await sim.run(2);
    hashes.push(sim.traceHash);
  }
  expect(hashes[0]).toBe(hashes[1]);
  expect(lines).toContain("1.000000 log one");
});

test("until() returns the result, throws the rejection, and fails when the promise does not settle in time", async () => {
  const sim = new Simulation({ seed: 9 });
  const { reactor } = sim.host("a");
  const after = <T>(seconds: number, f: () => T) =>
    new Promise<T>((resolve, reject) => {
      reactor.callLater(seconds, () => {
        try {
          resolve(f());
        } catch (error) {
          reject(error);
        }
      });
    });
  expect(await sim.until(after(5, () => "five"))).toBe("five");
  expect(sim.seconds()).toBe(5);
  const refused = after(1, () => {
    throw new Error("no");
  });
  await expect(sim.until(refused)).rejects.toThrow(/^no$/);
  await expect(sim.until(new Promise(() => undefined), 7)).rejects.toThrow(
    /seed 9.*did not settle within 7 virtual seconds/,
  );
  expect(sim.seconds()).toBe(13);
});

test("run() is refused while the simulation is running", async () => {
  const sim = new Simulation();
  const first = sim.run(1);
  await expect(sim.run(1)).rejects.toThrow(/runs already/);
  await first;
  await sim.run(1);
  expect(sim.seconds()).toBe(2);
});

test("an error in the test's own script ends the run", async () => {
  const sim = new Simulation({ seed: 8 });
  sim.after(1, () => {
    throw new Error("wrong test");
  });
  await expect(sim.run(2)).rejects.toThrow(/seed 8.*wrong test/);
});

test("impossible settings are refused: a link that loses every segment, faults with no time between them", () => {
  const sim = new Simulation();
  const [one, other] = [sim.host("one"), sim.host("other")];
  for (const settings of [{ loss: 1 }, { fragment: 1.1 }, { bandwidth: 0 }, { window: 0 }, { latency: -1 }]) {
    expect(() => new Simulation(settings)).toThrow(RangeError);
    expect(() => sim.link(one, other, settings)).toThrow(RangeError);
  }
  expect(() => sim.faults({ resetEvery: 0 })).toThrow(RangeError);
  expect(() => sim.faults({ resetEveri: 1 } as object)).toThrow(/no option "resetEveri"/);
});

test("a seed is an integer, 0 or more", () => {
  for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) expect(() => new Simulation({ seed })).toThrow(RangeError);
  expect(new Simulation({ seed: 0 }).seed).toBe(0);
});

test("the program's random numbers depend on the seed, and are independent of the network's", () => {
  const draw = (seed: number) => {
    const { random } = new Simulation({ seed });
    return [random(), random(), random()];
  };
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
});

test("a link can be changed in one direction", async () => {
  const w = world();
  const [client, server] = await pair(w, new Recorder(), new Recorder());
  w.sim.link(w.client, w.server, { latency: 10 }, { oneWay: true });
  client.transport.write("slow");
  server.transport.write("fast");
  await w.sim.run(1);
  expect([client.text, server.text]).toEqual(["fast", ""]);
  await w.sim.run(10);
  expect(server.text).toBe("slow");
});

test("connections() lists the connections that both sides have open", async () => {
  const w = world();
  expect(w.sim.connections()).toEqual([]);
  const pairs = [];
  for (let i = 0; i < 3; i++) {
    const client = new Recorder();
    if (i === 0) listen(w, () => new Recorder());
    dial(w, client);
    await w.sim.until(client.made.promise);
    pairs.push(client);
  }
  expect(w.sim.connections().map(({ id, server }) => [id, server])).toEqual(
    [0, 1, 2].map((id) => [id, "10.0.0.1:1000"]),
  );
  pairs[0]!.transport.abortConnection();
  await w.sim.run(1);
  expect(w.sim.connections().map(({ id }) => id)).toEqual([2, 1]);
});

test("a simulated reactor can be stopped and run again, and installs no signal handlers", async () => {
  const sim = new Simulation();
  const { reactor } = sim.host("a");
  const before = process.listenerCount("SIGINT");
  reactor.stop();
  await sim.run(1);
  expect(() => reactor.stop()).toThrow(ReactorNotRunning);
  const ended = reactor.run({ installSignalHandlers: true });
  expect(process.listenerCount("SIGINT")).toBe(before);
  reactor.stop();
  await sim.until(ended);
});

test("simulate() runs the body once for each seed, and returns each run's seed, hash and duration", async () => {
  vi.stubEnv("SKEIN_SEED", "");
  const seeds: number[] = [];
  const results = await simulate({ seed: 10, runs: 3 }, async (sim) => {
    seeds.push(sim.seed);
    await sim.run(sim.seed);
  });
  expect(seeds).toEqual([10, 11, 12]);
  expect(results.map(({ seed, seconds }) => [seed, seconds])).toEqual([10, 11, 12].map((seed) => [seed, seed]));
});

test("simulate() draws a random seed when asked, and SKEIN_SEED overrides it", async () => {
  const [drawn] = await simulate({ seed: "random" }, async () => undefined);
  expect(Number.isSafeInteger(drawn!.seed)).toBe(true);
  vi.stubEnv("SKEIN_SEED", "77");
  expect(await simulate({ seed: 1, runs: 5 }, async () => undefined)).toMatchObject([{ seed: 77 }]);
});

test("an assertion that fails in the body is reported with the seed", async () => {
  const failed = simulate({ seed: 5, runs: 10 }, async (sim) => {
    await sim.run(1);
    if (sim.seed === 7) throw new Error("expected something else");
  });
  await expect(failed).rejects.toThrow(/seed 7, after 1 virtual seconds: Error: expected something else/);
});
