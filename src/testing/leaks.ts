/** The registry of objects that are checked for leaks. */
import { fileURLToPath } from "node:url";

/** Something that a test may leak. */
export interface Leaky {
  readonly leakKind: "timers" | "transports";
  /** A line for each leak. */
  leaks(): string[];
}

/** Each object with the stack of its creation, which is formatted only to report a leak. */
let watched: Map<Leaky, Error> | undefined;

/** For clocks, ports and transports: check `leaky` at the end of the test that created it. */
export function watchForLeaks(leaky: Leaky): void {
  watched?.set(leaky, new Error("created"));
}

/** Start watching. Returns a function that stops, and returns another that lists the leaks of a kind, with their places. */
export function beginWatching(): () => (kind: Leaky["leakKind"]) => string[] {
  const mine = new Map<Leaky, Error>();
  watched = mine;
  return () => {
    if (watched === mine) watched = undefined;
    return (kind) => [...mine].flatMap(([leaky, made]) => (leaky.leakKind === kind ? linesOf(leaky, made) : []));
  };
}

function linesOf(leaky: Leaky, made: Error): string[] {
  return leaky.leaks().map((line) => `${line} (the ${leaky.constructor.name} was created ${placeOf(made)})`);
}

/** The folder of all modules. In dist/, this module is part of core.js. */
const PACKAGE = fileURLToPath(import.meta.url.replace(/^(.*\/(?:src|dist)\/).*$/, "$1"));

/** The first stack frame outside of this package: "at build (/app/chat.test.ts:12:5)". */
function placeOf({ stack = "" }: Error): string {
  const frames = stack.split("\n").slice(1);
  return frames.find((frame) => !frame.includes(PACKAGE))?.trim() ?? "at an unknown place: the stack is too deep";
}
