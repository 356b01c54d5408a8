/**
 * Plays misbehaviours on one reactor, some at a time, beside neighbours that talk all the while.
 *
 *     a round:   step 0   step 1   step 2   step 3   wind up until everybody has been told
 *                each with pieces of all neighbours, in the same turn, and the use of transports that were kept
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineReactor } from "../../../src/internet/reactor/engine.ts";
import { turns } from "../../helpers/gate.ts";
import { between, type Random } from "../../helpers/random.ts";
import { Choice } from "./choice.ts";
import { addressesOf, type Told } from "./ends.ts";
import { Line } from "./lines.ts";
import type { Neighbours } from "./neighbours.ts";
import { type Case, makeOther, OTHER_PLACES } from "./places.ts";
import type { Plan } from "./plan.ts";
import { shown, type Watch } from "./watch.ts";
import { LATE } from "./ways.ts";

const STEPS = 4;
/** Misbehaviours at a time. */
const AT_A_TIME = 10;
/** Turns that each step takes at least. */
const STEP_TURNS = 2;
/** Transports that are kept after the loss. */
const KEPT_MAX = 512;
/** Of those, used in each step. */
const LATE_USES = 3;
/** Only so that a run that fails comes to an end. */
const PATIENCE_MS = 20_000;

export interface Scene {
  readonly reactor: EngineReactor;
  readonly random: Random;
  readonly neighbours: Neighbours;
  readonly watch: Watch;
  /** Nobody listens there. */
  readonly closedPort: number;
  /** It watches descriptors. */
  readonly descriptors: boolean;
}

export class Rounds {
  readonly #scene: Scene;
  readonly #kept: Told[];
  readonly #fifos: readonly string[];
  readonly #directory: string | undefined;
  /** Misbehaviours that came about. */
  done = 0;
  /** Uses of transports whose connections were lost. */
  late = 0;
  rounds = 0;

  /** `kept`: ends that were lost before. */
  constructor(scene: Scene, kept: readonly Told[] = []) {
    this.#scene = scene;
    this.#kept = [...kept];
    this.#directory = scene.descriptors ? mkdtempSync(join(tmpdir(), "skein-hostile-")) : undefined;
    this.#fifos = this.#directory === undefined ? [] : makeFifos(this.#directory, AT_A_TIME);
  }

  end(): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true });
  }

  /** Play until `count` misbehaviours have come about, or something is wrong. Returns what is. */
  async play(count: number): Promise<string[]> {
    const choice = new Choice(this.#scene.random, count, this.#scene.descriptors);
    while (this.done < count) {
      const problems = await this.round(Array.from({ length: AT_A_TIME }, () => choice.next()));
      if (problems.length > 0) return problems;
    }
    return [];
  }

  async round(plans: readonly Plan[]): Promise<string[]> {
    const { neighbours, random, watch } = this.#scene;
    const cases = plans.map((plan, i) => this.#make(plan, i));
    this.rounds++;
    for (let step = 0; step < STEPS; step++) {
      for (const one of cases) one.step(step);
      neighbours.talk(random);
      this.#useLate();
      await turns(STEP_TURNS);
      await patiently(() => neighbours.quiet);
    }
    await patiently(() => cases.map((one) => one.windUp()).every(Boolean));
    await turns(1);
    for (const one of cases) {
      if (one.plan.done > 0) this.done++;
      if (one instanceof Line) this.#keep(one.told);
    }
    const problems = [...watch.problems, ...neighbours.problems(), ...cases.flatMap((one) => one.problems())];
    if (!neighbours.quiet) problems.push("the neighbours have not heard all that was said");
    if (problems.length > 0) problems.push(`in round ${this.rounds}, of:`, ...plans.map(({ name }) => `  ${name}`));
    return problems;
  }

  #make(plan: Plan, i: number): Case {
    const { reactor, random, closedPort } = this.#scene;
    if (OTHER_PLACES.includes(plan.place)) return makeOther(plan, { reactor, fifo: this.#fifos[i] });
    return new Line(reactor, random, plan, closedPort);
  }

  #keep(told: readonly Told[]): void {
    for (const one of told) {
      if (one.losses === 0) continue;
      if (this.#kept.length < KEPT_MAX) this.#kept.push(one);
      else this.#kept[between(this.#scene.random, 0, KEPT_MAX - 1)] = one;
    }
  }

  /** Every method of some transports whose connections are gone: nothing may come of it, for nobody. */
  #useLate(): void {
    const { random, watch } = this.#scene;
    for (let i = Math.min(LATE_USES, this.#kept.length); i > 0; i--) {
      const { transport, addresses, side } = this.#kept[between(random, 0, this.#kept.length - 1)]!;
      for (const [name, call] of Object.entries(LATE)) {
        this.late++;
        try {
          call(transport!);
        } catch (error) {
          watch.problems.push(`${name} of a ${side}'s transport threw after the loss: ${shown(error)}`);
        }
      }
      const now = addressesOf(transport!);
      if (addresses !== "" && now !== addresses) {
        watch.problems.push(`a ${side}'s transport was ${addresses}, and says after the loss ${now}`);
      }
    }
  }
}

function makeFifos(directory: string, count: number): string[] {
  const paths = Array.from({ length: count }, (_, i) => join(directory, `${i}`));
  execFileSync("mkfifo", paths);
  return paths;
}

/** Let the loop turn until `holds` does, though not for ever: what does not hold then is a problem to report. */
export async function patiently(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!holds() && performance.now() < deadline) await turns(1);
}
