/** Checks what a simulation is given: its settings, its hosts, the rules of its faults. */
import { array, callable, count, flag, instance, integer, type Kind, seconds } from "../../internet/arguments/kinds.ts";
import type { FaultRules } from "./faults.ts";
import { SimulatedHost } from "./host.ts";
import type { LinkSettings } from "./link.ts";

const isNumber = (value: unknown): boolean => typeof value === "number";

const probability: Kind = {
  accepts: "a probability from 0 to 1",
  typed: isNumber,
  inRange: (value: number) => value >= 0 && value <= 1,
};

/** A segment that is lost every time never arrives, and its retransmissions never end. */
const lossProbability: Kind = {
  accepts: "a probability from 0 to less than 1",
  typed: isNumber,
  inRange: (value: number) => value >= 0 && value < 1,
};

const positive: Kind = {
  accepts: "a number greater than 0",
  typed: isNumber,
  inRange: (value: number) => value > 0,
};

export const LINK_SETTINGS: Record<keyof LinkSettings, Kind> = {
  latency: seconds,
  jitter: seconds,
  bandwidth: positive,
  loss: lossProbability,
  fragment: probability,
  coalesce: probability,
  partialWrites: probability,
  refuse: probability,
  loseConnect: probability,
  window: integer(1),
  giveUp: seconds,
};

export const SIMULATION_OPTIONS = {
  ...LINK_SETTINGS,
  seed: integer(0),
  failOnError: flag,
  onTrace: callable,
};

const firstSeed: Kind = {
  accepts: `${SIMULATION_OPTIONS.seed.accepts}, or "random"`,
  typed: (value) => isNumber(value) || typeof value === "string",
  inRange: (value: number | string) => value === "random" || SIMULATION_OPTIONS.seed.inRange!(value as never),
};

export const SIMULATE_OPTIONS = {
  ...SIMULATION_OPTIONS,
  seed: firstSeed,
  runs: integer(1),
};

export const HOST: Kind = instance(SimulatedHost);

/** A host, or an array of hosts. */
export const HOSTS: Kind = {
  accepts: "a SimulatedHost or an array of them",
  typed: (value) => [value].flat().every(HOST.typed),
};

export const FAULT_RULES: Record<keyof FaultRules, Kind> = {
  resetEvery: positive,
  dropSilentlyEvery: positive,
  partitionEvery: positive,
  partitionFor: seconds,
  partitionOneWay: probability,
  freezeEvery: positive,
  freezeFor: seconds,
  crashEvery: positive,
  crashFor: seconds,
  restarted: callable,
  hosts: { accepts: "an array of SimulatedHosts", typed: (value) => array.typed(value) && HOSTS.typed(value) },
};

export const LINES: Kind = count(0);
