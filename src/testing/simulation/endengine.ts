/** What the ends of simulated connections use of their engine. */
import type { FilterStage } from "../../internet/engine/filterstage.ts";
import type { Medium } from "./medium.ts";

/** The part of its engine that an end uses. */
export interface EndEngine<End> {
  readonly network: Medium;
  record(kind: number, subject: number, a: number, b: number): void;
  push(kind: number, handle: number, a: number, b: number): void;
  readLater(end: End): void;
  flushLater(end: End): void;
  lingers(end: End): void;
  released(end: End): void;
  // Of an end with a filter; see internet/engine/filtering.ts.
  sendFiltered(end: End, stage: FilterStage): boolean;
  closeFilter(end: End, stage: FilterStage): boolean;
  resumeWire(end: End, stage: FilterStage): boolean;
  endWire(end: End, stage: FilterStage): void;
}
