/** The in-memory reactor as the model: it makes up the sequences, and says what each operation brings about. */
import { Simulation } from "../../src/entries/testing.ts";
import { seeded } from "../helpers/random.ts";
import { chooseOperation, type Limits } from "./choice.ts";
import { Lane } from "./lane.ts";
import type { Operation } from "./operations.ts";
import type { Seen } from "./record.ts";

/** Virtual seconds after which everything has settled. */
const STEP_SECONDS = 0.02;

/** What both sides of a lane see in one step. */
export interface Pair {
  readonly client: Seen;
  readonly server: Seen;
}

/** The operations of one lane, and what each of them brings about; in the last step, everything ends. */
export interface Script {
  readonly operations: readonly Operation[];
  readonly expected: readonly Pair[];
}

/** A sequence for each of `lanes` lanes, of `steps` operations. */
export async function makeUp(seed: number, lanes: number, steps: number, limits: Limits): Promise<Script[]> {
  const random = seeded(seed);
  return play(lanes, steps, (lane) => chooseOperation(random, lane, limits));
}

/** What the model makes of these operations. */
export async function rehearse(operations: readonly Operation[]): Promise<Script> {
  const [script] = await play(1, operations.length, (_lane, step) => operations[step]!);
  return script!;
}

async function play(lanes: number, steps: number, choose: (lane: Lane, step: number) => Operation): Promise<Script[]> {
  const sim = new Simulation({ failOnError: false });
  const { reactor } = sim.host("model");
  const played = Array.from({ length: lanes }, (_, index) => ({
    lane: new Lane(reactor, index),
    operations: [] as Operation[],
    expected: [] as Pair[],
  }));
  const settle = async () => {
    await sim.run(STEP_SECONDS);
    for (const { lane, expected } of played) expected.push(takeBoth(lane));
  };
  for (let step = 0; step < steps; step++) {
    for (const { lane, operations } of played) {
      const operation = choose(lane, step);
      operations.push(operation);
      lane.apply(operation);
    }
    await settle();
  }
  for (const { lane } of played) lane.finish();
  await settle();
  return played.map(({ operations, expected }) => ({ operations, expected }));
}

export function takeBoth({ records }: Lane): Pair {
  return { client: records.client.take(), server: records.server.take() };
}
