/**
 * The place that a connection takes in the limits of the factories around it. What is done in the name of its peer may outlive
 * the connection: a relay's connection to the target. Whoever does that holds the place meanwhile, so that a peer which comes,
 * asks and goes again cannot have more done at once than one that stays.
 */
import type { Transport } from "../../internet/interfaces.ts";

/** The key of the method that holds the place, and those of the transports below. */
export const HOLD_PLACE: unique symbol = Symbol("holdPlace");

export interface PlaceHolder {
  /** @returns what lets go of the place; further calls of it do nothing */
  [HOLD_PLACE](): () => void;
}

/** Hold the places of a connection that is not lost. @returns what lets go of them */
export function holdPlace(transport: Transport): () => void {
  return (transport as Partial<PlaceHolder>)[HOLD_PLACE]?.() ?? nothing;
}

function nothing(): void {}
