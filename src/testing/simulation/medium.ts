/** The part of the simulated network that its connections, links and clocks use. */
import type { EventQueue } from "./queue.ts";
import type { Random } from "./random.ts";
import type { SegmentStore } from "./segment.ts";

/** The network as its connections, links and clocks see it: `Network` implements it. */
export interface Medium {
  readonly queue: EventQueue;
  readonly store: SegmentStore;
  readonly random: Random;
  /** Add a line to the trace. */
  record(kind: number, subject: number, a: number, b: number, text?: string): void;
  /** Add a line with the hash of some bytes. */
  recordBytes(kind: number, subject: number, bytes: Uint8Array, start: number, length: number): void;
  /** Add a line for a fault that was injected. */
  fault(text: string): void;
}
