/** Plays scripts on a reactor, and compares what comes of it with what the model says. */
import type { ReactorSSL, ReactorTCP } from "../../src/internet/interfaces.ts";
import { turns } from "../helpers/gate.ts";
import { Lane, type Securing } from "./lane.ts";
import { type Pair, rehearse, type Script, takeBoth } from "./model.ts";
import { describe, type Operation } from "./operations.ts";

/** So long that no machine is too slow, and only so that a run that fails comes to an end. */
const PATIENCE_MS = 60_000;
/** While a failure is made smaller, which takes many runs. */
const SHORT_PATIENCE_MS = 500;
/** In these the loop sends what was written, though nobody is told of it, or tells what nobody expected. */
const TURNS_TO_SETTLE = 2;
const TURNS_AT_THE_END = 10;

/** Where a lane went another way than the model. */
export interface Mismatch {
  readonly lane: number;
  readonly step: number;
  readonly got: Pair;
}

/** Play all scripts side by side; the first that goes wrong, if any does. */
export async function replay(
  reactor: ReactorTCP & ReactorSSL,
  scripts: readonly Script[],
  patienceMs = PATIENCE_MS,
): Promise<Mismatch | undefined> {
  const lanes = scripts.map(({ securing }, index) => new Lane(reactor, index, securing));
  const steps = scripts[0]!.expected.length;
  for (let step = 0; step < steps; step++) {
    for (const [i, lane] of lanes.entries()) {
      const operation = scripts[i]!.operations[step];
      if (operation === undefined) lane.finish();
      else lane.apply(operation);
    }
    await settled(lanes, scripts, step, patienceMs);
    await turns(step === steps - 1 ? TURNS_AT_THE_END : TURNS_TO_SETTLE);
    for (const [i, lane] of lanes.entries()) {
      const expected = scripts[i]!.expected[step]!;
      const got = takeBoth(lane);
      if (got.client.text === expected.client.text && got.server.text === expected.server.text) continue;
      for (const other of lanes) other.finish();
      return { lane: i, step, got };
    }
  }
  return undefined;
}

/** Resolves when everything has come that the model says will come. */
async function settled(
  lanes: readonly Lane[],
  scripts: readonly Script[],
  step: number,
  patienceMs: number,
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  let left = [...lanes.keys()];
  for (;;) {
    left = left.filter((i) => {
      const { client, server } = scripts[i]!.expected[step]!;
      const { records } = lanes[i]!;
      return !records.client.reached(client) || !records.server.reached(server);
    });
    if (left.length === 0 || performance.now() > deadline) return;
    await turns(1);
  }
}

/** Leave out whatever is not needed for a lane to go wrong; undefined when it goes well alone. */
export async function shrink(
  reactor: ReactorTCP & ReactorSSL,
  script: Script,
  last: number,
): Promise<{ script: Script; mismatch: Mismatch } | undefined> {
  const { securing } = script;
  let found = await attempt(reactor, script.operations.slice(0, last + 1), securing);
  if (found === undefined) return undefined;
  for (let i = found.script.operations.length - 1; i >= 0; i--) {
    const less = await attempt(reactor, found.script.operations.toSpliced(i, 1), securing);
    if (less !== undefined) found = less;
  }
  return found;
}

async function attempt(
  reactor: ReactorTCP & ReactorSSL,
  operations: readonly Operation[],
  securing: Securing | undefined,
) {
  const script = await rehearse(operations, securing);
  const mismatch = await replay(reactor, [script], SHORT_PATIENCE_MS);
  return mismatch === undefined ? undefined : { script, mismatch };
}

/** The steps of a lane up to where it went wrong, and what was seen there. */
export function tell({ securing, operations, expected }: Script, { step, got }: Mismatch): string {
  const lines = [...operations, "end everything"].slice(0, step + 1).map((operation, i) => {
    return `${i}. ${typeof operation === "string" ? operation : describe(operation)}`;
  });
  if (securing !== undefined) lines.unshift(`over ${securing.name}`);
  for (const side of ["client", "server"] as const) {
    lines.push(`the ${side} should see: ${expected[step]![side].text}`, `     and saw instead: ${got[side].text}`);
  }
  return lines.map((line) => `  ${line}`).join("\n");
}
