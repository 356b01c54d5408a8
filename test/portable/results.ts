/**
 * The results of the conformance suite: one row for each behaviour on each reactor, the same under vitest and under plain
 * Node. `build/conformance/<platform>-<arch>[-label].json` has those of one run.
 */

export type Transport = "IPv4" | "IPv6";
export type State = "passed" | "failed" | "skipped";

/** Which reactor a behaviour was tried on, and over what. */
export interface SubjectName {
  readonly reactor: string;
  /** How it lives in Node's loop: "pollable", "waiter", or what else its kind has. */
  readonly driver: string;
  readonly transport: Transport;
}

export interface Row extends SubjectName {
  /** Below test/conformance, without ".test.ts". */
  readonly file: string;
  /** The test's name, with those of the groups around it. */
  readonly behaviour: string;
  readonly state: State;
  /** In milliseconds. */
  readonly duration: number;
  /** What went wrong, or why it was skipped. */
  readonly error?: string;
}

export interface Results {
  readonly platform: string;
  readonly arch: string;
  /** Tells runs on the same platform apart, as "wine". */
  readonly label?: string;
  /** What runs the tests: "vitest", or "plain" for the bundle. */
  readonly runner: "vitest" | "plain";
  /** The part of their repetitions that the longest tests did. */
  readonly volume?: number;
  /** How often what plays the platform has died of itself, so that the test in hand was played again. */
  readonly deaths?: number;
  readonly node: string;
  readonly rows: readonly Row[];
}

/** The name of the `describe` that a reactor's tests stand in. */
export function titleOf({ reactor, driver, transport }: SubjectName): string {
  return `${reactor} (${driver}) over ${transport}`;
}

/** What a test is called in the matrix, by the names of the groups around it and its own; undefined when no group is a reactor's. */
export function behaviourOf(names: readonly string[]): (SubjectName & { behaviour: string }) | undefined {
  for (const [i, name] of names.entries()) {
    const [, reactor, driver, transport] = /^(\S+) \((\S+)\) over (IPv[46])$/.exec(name) ?? [];
    if (reactor === undefined || driver === undefined) continue;
    const behaviour = names.filter((_, at) => at !== i).join(" > ");
    return { reactor, driver, transport: transport as Transport, behaviour };
  }
  return undefined;
}

/** The name of the file that a run's results stand in. */
export function fileOf({ platform, arch, label }: Pick<Results, "platform" | "arch" | "label">): string {
  return `${[platform, arch, ...(label === undefined ? [] : [label])].join("-")}.json`;
}
