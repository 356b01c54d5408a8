/** bench/gate.json: the targets, and how far a gate lets a figure miss them. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./root.ts";

/** `atMost` or `atLeast`. */
export interface Bound {
  readonly atMost?: number;
  readonly atLeast?: number;
  /** No margin is given. */
  readonly exact?: boolean;
  /** A time, of which a slower machine needs more. */
  readonly time?: boolean;
  /** A figure of the same answer that is not Skein's, and what it was where the target was set. */
  readonly control?: { readonly label: string; readonly usually: number };
  /** The reactor without which there is no such figure: where the kernel does not offer it, nothing is checked. */
  readonly reactor?: string;
}

export interface GateFile {
  /**
   * How much worse than its target a figure may be: 0.3 for 30 %. The targets of the cells are medians of 20 runs of the
   * gate, and their margin covers what was seen above them.
   */
  readonly margin: { readonly cells: number; readonly figures: number };
  /** The best of so many counts. */
  readonly attempts: number;
  /** Of an attempt. */
  readonly rounds: number;
  /** Of a sample. */
  readonly seconds: number;
  /** Server CPU per message over the floor's, at most: by cell, then by peer. */
  readonly cpuOverFloor: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** What Node's net cost over the floor, by cell, where the targets were set. */
  readonly netOverFloor: Readonly<Record<string, number>>;
  /** By question, then by the label of a row or ratio of its answer. */
  readonly figures: Readonly<Record<string, Readonly<Record<string, Bound>>>>;
}

export function readGateFile(): GateFile {
  return JSON.parse(readFileSync(join(root, "bench", "gate.json"), "utf8")) as GateFile;
}
