/** The shapes of traffic that servers are compared under. */

export interface Cell {
  readonly name: string;
  readonly title: string;
  readonly connections: number;
  readonly bytes: number;
  readonly pipeline: number;
  /** Pieces the program writes its answer to a message in. */
  readonly writes: number;
  /** A message is a whole connection: connect, echo, close. */
  readonly churn: boolean;
  /** What a message looks like: without it, bytes of no form. */
  readonly framing?: "lines" | "int32";
  /** Over TLS: the file with the authority to trust, and whether connections resume the sessions of earlier ones. */
  readonly tls?: { readonly authority: string; readonly resumes: boolean };
}

export const cells: readonly Cell[] = [
  loop(1, 64, 1),
  loop(50, 64, 1),
  loop(500, 64, 1),
  loop(50, 64, 16),
  loop(50, 16384, 1),
  loop(500, 1024, 4),
  {
    ...loop(50, 64, 1),
    name: "50x64x1-four-writes",
    title: "50 connections · 64 B · four writes a message",
    writes: 4,
  },
  { ...loop(50, 64, 1), name: "churn", title: "50 at a time · connect, 64 B, close", churn: true },
];

/** @throws Error naming the cells there are */
export function cellNamed(name: string): Cell {
  const cell = cells.find((candidate) => candidate.name === name);
  if (cell !== undefined) return cell;
  throw new Error(`There is no cell ${name}; there are ${cells.map((known) => known.name).join(", ")}.`);
}

/** `connections` that keep `pipeline` messages of `bytes` bytes under way. */
export function loop(connections: number, bytes: number, pipeline: number): Cell {
  const size = bytes < 1024 ? `${bytes} B` : `${bytes / 1024} KiB`;
  const ahead = pipeline === 1 ? "" : ` · ${pipeline} under way`;
  return {
    name: `${connections}x${bytes}x${pipeline}`,
    title: `${connections} ${connections === 1 ? "connection" : "connections"} · ${size}${ahead}`,
    connections,
    bytes,
    pipeline,
    writes: 1,
    churn: false,
  };
}
