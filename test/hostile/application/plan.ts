/** One misbehaviour: at which call of the program it happens, and what is done there. */
import type { Connection } from "../../../src/entries/streams.ts";
import type {
  Connector,
  ListeningPort,
  ReadDescriptor,
  Transport,
  WriteDescriptor,
} from "../../../src/internet/interfaces.ts";
import type { EngineReactor } from "../../../src/internet/reactor/engine.ts";

export type Descriptor = ReadDescriptor & WriteDescriptor;

/** What a callback has at hand to misbehave with. */
export interface Situation {
  readonly reactor: EngineReactor;
  readonly transport?: Transport | undefined;
  /** What dataReceived() was given. */
  readonly data?: Buffer | undefined;
  readonly port?: ListeningPort | undefined;
  readonly connector?: Connector | undefined;
  /** What the handler of a stream has. */
  readonly connection?: Connection | undefined;
  /** The one that the reactor watches. */
  readonly descriptor?: Descriptor | undefined;
  /** Write bytes that the other end expects. */
  readonly say?: ((length: number) => void) | undefined;
  /** Give the connection to a protocol of the same kind. */
  readonly giveWay?: (() => void) | undefined;
}

/** A way to misbehave. */
export interface Way {
  readonly name: string;
  /** What of the situation it needs. */
  readonly needs?: "transport" | "data" | "port" | "connector" | "connection" | "descriptor" | "reactor";
  /** It returns `otherwise` unless what it does is to return something else. */
  run(situation: Situation, otherwise: unknown): unknown;
}

/** So often a callback misbehaves: a second time for what follows from the first, and then things come to an end. */
const TIMES = 2;

export class Plan {
  readonly place: string;
  readonly ways: readonly Way[];
  /** How often it has happened. */
  done = 0;

  constructor(place: string, ways: readonly Way[]) {
    this.place = place;
    this.ways = ways;
  }

  get name(): string {
    return `${this.place}: ${this.ways.map(({ name }) => name).join(", then ")}`;
  }

  /** Each callback asks here what to return, and may be made to throw instead. */
  at(place: string, situation: Situation, otherwise?: unknown): unknown {
    if (place !== this.place || this.done === TIMES) return otherwise;
    this.done++;
    let result = otherwise;
    for (const way of this.ways) {
      if (way.needs === undefined || situation[way.needs] !== undefined) result = way.run(situation, result);
    }
    return result;
  }
}
