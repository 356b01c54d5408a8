/** Chooses the next operation of a lane at random, by what is possible in the state that it is in. */
import { between, type Random } from "../helpers/random.ts";
import { type End, FLOOD_BYTES } from "./end.ts";
import type { Lane } from "./lane.ts";
import {
  type Action,
  type Manner,
  type Opening,
  type Operation,
  other,
  type Reaction,
  type Side,
} from "./operations.ts";

type Choices<T> = readonly (readonly [weight: number, value: T])[];

/** The kernel takes as much for a peer that does not read, whatever else it holds. */
const HELD_BYTES_MAX = 16 * 1024;
/** A reaction's bytes arrive in one piece. */
const POKE_BYTES_MAX = 1000;
/** Of a peer that has received more the kernel may take any amount, since its window has grown. */
const FLOOD_AFTER_BYTES_MAX = 100_000;
const FLOOD_CHANCE = 0.03;
/** Pieces that a producer makes at most, and the size of each. */
const PIECES_MAX = 5;
const PIECE_BYTES_MAX = 1000;

const REACTIONS: Choices<Reaction> = [
  [2, "echo"],
  [1, "pause"],
  [1, "end"],
  [1, "close"],
  [1, "abort"],
  [0.5, "throw"],
  [1, "throw-hostile"],
  [1, "detach"],
  [0.005, "block"],
];

/** Beside them, where TLS may begin in mid-stream. */
const TURN_CHANCE = 0.4;

const OPENINGS: Choices<Opening> = [
  [20, "nothing"],
  [2, "pause"],
  [1, "end"],
  [1, "close"],
];

/** What a reactor cannot tell its protocols, so that it is left out. */
export interface Limits {
  /** A reset of a connection whose own side has ended: node:net makes an end of it, and so does Wine. */
  readonly resetsAfterTheEnd: boolean;
}

export function chooseOperation(random: Random, lane: Lane, limits: Limits): Operation {
  const sides = (["client", "server"] as const).filter((side) => lane.alive(side) !== undefined);
  if (sides.length === 0) return chooseBeginning(random, lane);
  const side = sides[between(random, 0, sides.length - 1)]!;
  const kind = pick<"act" | "react" | "stop" | "listen" | "relisten" | "late">(random, [
    [20, "act"],
    [sides.length === 2 ? 6 : 0, "react"],
    [1, lane.listens ? "stop" : "listen"],
    [lane.listens ? 0.5 : 0, "relisten"],
    [lane.keeps ? 1 : 0, "late"],
  ]);
  if (kind === "act") return chooseActions(random, lane, side, limits);
  if (kind === "react") {
    const reaction = lane.mayTurn && random() < TURN_CHANCE ? "secure" : pick(random, REACTIONS);
    return { do: "react", side, reaction, size: between(random, 1, POKE_BYTES_MAX) };
  }
  return { do: kind };
}

function chooseBeginning(random: Random, lane: Lane): Operation {
  const kind = pick(random, [
    [lane.listens ? 0 : 6, "listen"],
    [lane.hasPort ? (lane.listens ? 12 : 1) : 0, "connect"],
    [lane.listens ? 1 : 0, "stop"],
    [lane.listens ? 1 : 0, "relisten"],
    [lane.keeps ? 1 : 0, "late"],
    [1, "rest"],
  ]);
  if (kind !== "connect") return { do: kind };
  const [client, server] = [chooseManner(random, lane), chooseManner(random, lane)];
  // Of two that close at once each may hear of the other's end first.
  const both = client.opening === "close" && server.opening === "close";
  return { do: "connect", client, server: both ? { ...server, opening: "nothing" } : server };
}

function chooseManner(random: Random, lane: Lane): Manner {
  const greeting = random() < 0.2 ? between(random, 1, POKE_BYTES_MAX) : 0;
  const [opening, shaken] = lane.secures
    ? [pick(random, OPENINGS), pick(random, OPENINGS)]
    : (["nothing", "nothing"] as const);
  return { halves: random() < 0.6, borrows: random() < 0.5, greeting, opening, shaken };
}

function chooseActions(random: Random, lane: Lane, side: Side, limits: Limits): Operation {
  const end = lane.alive(side)!;
  const peer = lane.alive(other(side));
  const actions: Action[] = [];
  let { outstanding } = end;
  if (mayProduce(end, peer) && random() < 0.1) return chooseProduction(random, end, side);
  // Whether an end that was reset finds out as it reads or as it writes is nobody's business.
  const most = end.doomed ? 1 : 4;
  for (let i = between(random, 1, most); i > 0; i--) {
    const kind = pick(random, [
      [10, "write"],
      [end.paused ? 1 : 3, "pause"],
      [end.paused ? 5 : 1, "resume"],
      [1.2, "end"],
      [1, "close"],
      [peer?.ended && !limits.resetsAfterTheEnd ? 0 : 0.7, "abort"],
    ]);
    if (kind !== "write") {
      actions.push({ do: kind });
      continue;
    }
    const size = chooseSize(random, outstanding, peer);
    if (size === 0) continue;
    outstanding += size;
    actions.push({ do: "write", size });
  }
  return { do: "act", side, actions };
}

/** What a producer writes is not mixed with other bytes, so that their order is told by this operation alone. */
function mayProduce(end: End, peer: End | undefined): boolean {
  return !end.ended && !end.doomed && !end.transport.disconnecting && peer !== undefined && !peer.deaf;
}

function chooseProduction(random: Random, end: End, side: Side): Operation {
  const pieces = between(random, 1, PIECES_MAX);
  const produce: Action = { do: "produce", pieces, size: between(random, 1, PIECE_BYTES_MAX) };
  const then = pick<Action["do"] & ("end" | "close" | "resume")>(random, [
    [2, "end"],
    [2, "close"],
    [1, "resume"],
  ]);
  // One that resumes what is not paused does nothing.
  return { do: "act", side, actions: then === "resume" && !end.paused ? [produce] : [produce, { do: then }] };
}

function chooseSize(random: Random, outstanding: number, peer: End | undefined): number {
  if (peer?.deaf) {
    if (outstanding === 0 && peer.paused && peer.record.bytes < FLOOD_AFTER_BYTES_MAX && random() < FLOOD_CHANCE) {
      return FLOOD_BYTES;
    }
    return between(random, 0, Math.max(0, Math.min(4000, HELD_BYTES_MAX - outstanding)));
  }
  const most = pick(random, [
    [6, 1000],
    [3, 20_000],
    [0.5, 200_000],
  ]);
  return between(random, 1, most);
}

function pick<const T>(random: Random, choices: Choices<T>): T {
  let left = random() * choices.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, value] of choices) {
    left -= weight;
    if (left < 0) return value;
  }
  return choices.at(-1)![1];
}
