/** A protocol with the classic mistake, which works on every developer's machine. */

import { afterEach, expect, test, vi } from "vitest";
import { Deferred } from "../../src/entries/defer.ts";
import { LineReceiver } from "../../src/entries/protocols/basic.ts";
import { ClientFactory, Protocol, ServerFactory } from "../../src/internet/protocol.ts";
import {
  PLAIN_NETWORK,
  ROUGH_NETWORK,
  type Simulation,
  SimulationFailure,
  simulate,
} from "../../src/testing/simulation/simulation.ts";

const PORT = 5000;
const QUESTIONS = 20;

function answer(question: Buffer): string {
  const { a, b } = JSON.parse(question.toString()) as { a: number; b: number };
  return `${a + b}\n`;
}

/** Takes what one dataReceived() brings for one message. */
class CarelessAdder extends Protocol {
  override dataReceived(data: Buffer): void {
    this.transport.write(answer(data));
  }
}

class Adder extends LineReceiver {
  override delimiter = "\n";
  override lineReceived(line: Buffer): void {
    this.transport.write(answer(line));
  }
}

class Asker extends LineReceiver {
  override delimiter = "\n";
  readonly done = new Deferred<number[]>();
  readonly #answers: number[] = [];

  override connectionMade(): void {
    this.#ask();
  }

  override lineReceived(line: Buffer): void {
    this.#answers.push(Number(line));
    if (this.#answers.length < QUESTIONS) this.#ask();
    else this.done.callback(this.#answers);
  }

  #ask(): void {
    const n = this.#answers.length;
    this.sendLine(JSON.stringify({ a: n, b: 1000 * n }));
  }
}

const ask = (adder: new () => Protocol) => async (sim: Simulation) => {
  const asker = new Asker();
  const factory = new ClientFactory<Asker>();
  factory.buildProtocol = () => asker;
  sim.host("server").reactor.listenTCP(PORT, ServerFactory.forProtocol(adder));
  sim.host("client").reactor.connectTCP("server", PORT, factory);
  expect(await sim.until(asker.done)).toEqual(Array.from({ length: QUESTIONS }, (_, n) => 1001 * n));
};

/** The network cuts and joins, but lets every connect succeed. */
const NETWORK = { ...ROUGH_NETWORK, refuse: 0, loseConnect: 0 };
const RUNS = 20;

async function failureOf(run: Promise<unknown>): Promise<SimulationFailure> {
  const failure = await run.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(SimulationFailure);
  return failure as SimulationFailure;
}

const seedOf = (failure: SimulationFailure) => /seed (\d+)/.exec(failure.message)?.[1];

afterEach(() => {
  vi.unstubAllEnvs();
});

test("is not found on a network that does not fragment", async () => {
  await simulate({ ...PLAIN_NETWORK, runs: RUNS }, ask(CarelessAdder));
});

test("is found on a network that fragments, with the trace and the seed that reproduces it", async () => {
  const failure = await failureOf(simulate({ ...NETWORK, runs: RUNS }, ask(CarelessAdder)));
  expect(failure.cause).toBeInstanceOf(SyntaxError);
  expect(failure.message).toContain(`Replay it with SKEIN_SEED=${seedOf(failure)}`);
  expect(failure.message).toMatch(/data #0' \d+ bytes/);

  vi.stubEnv("SKEIN_SEED", seedOf(failure)!);
  const again = await failureOf(simulate({ ...NETWORK, seed: 9999, runs: RUNS }, ask(CarelessAdder)));
  expect(again.message).toBe(failure.message);
});

test("does not occur in a protocol that reassembles its messages", async () => {
  const results = await simulate({ ...NETWORK, runs: RUNS }, ask(Adder));
  expect(results).toHaveLength(RUNS);
  expect(new Set(results.map(({ traceHash }) => traceHash)).size).toBe(RUNS);
});
