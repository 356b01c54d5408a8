/** The in-memory reactor as the model: it makes up the sequences, and says what each operation brings about. */
import { Simulation } from "../../src/entries/testing.ts";
import { seeded } from "../helpers/random.ts";
import { chooseOperation, type Limits } from "./choice.ts";
import { Lane, type Securing } from "./lane.ts";
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
  /** Undefined: without TLS. */
  readonly securing: Securing | undefined;
  readonly operations: readonly Operation[];
  readonly expected: readonly Pair[];
}

/** How many lanes there are of how many steps, and how each of them in turn is secured. */
export interface Extent {
  readonly lanes: number;
  readonly steps: number;
  readonly securings: readonly (Securing | undefined)[];
}

/** A sequence for each lane. */
export async function makeUp(seed: number, extent: Extent, limits: Limits): Promise<Script[]> {
  const random = seeded(seed);
  return play(extent, (lane) => chooseOperation(random, lane, limits));
}

/** What the model makes of these operations. */
export async function rehearse(operations: readonly Operation[], securing: Securing | undefined): Promise<Script> {
  const extent = { lanes: 1, steps: operations.length, securings: [securing] };
  const [script] = await play(extent, (_lane, step) => operations[step]!);
  return script!;
}

async function play(
  { lanes, steps, securings }: Extent,
  choose: (lane: Lane, step: number) => Operation,
): Promise<Script[]> {
  const sim = new Simulation({ failOnError: false });
  const { reactor } = sim.host("model");
  const played = Array.from({ length: lanes }, (_, index) => {
    const securing = securings[index % securings.length];
    const lane = new Lane(reactor, index, securing);
    return { lane, securing, operations: [] as Operation[], expected: [] as Pair[] };
  });
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
  return played.map(({ securing, operations, expected }) => ({ securing, operations, expected }));
}

export function takeBoth({ records }: Lane): Pair {
  return { client: records.client.take(), server: records.server.take() };
}
