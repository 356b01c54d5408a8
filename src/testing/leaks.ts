/** The registry of objects that are checked for leaks. */
import { fileURLToPath } from "node:url";

/** Something that a test may leak. */
export interface Leaky {
  readonly leakKind: "timers" | "transports";
  /** What is left, one line or more for each; nothing when all is clean. */
  leaks(): string[];
}

/** Each with the stack of its making, which is turned into text only when there is a leak to report. */
let watched: Map<Leaky, Error> | undefined;

/** For clocks, ports and transports: be asked for leaks at the end of the test that makes them. */
export function watchForLeaks(leaky: Leaky): void {
  watched?.set(leaky, new Error("made"));
}

/** Begin to watch. Returns what ends it, and tells what is left of a kind, and where that was made. */
export function beginWatching(): () => (kind: Leaky["leakKind"]) => string[] {
  const mine = new Map<Leaky, Error>();
  watched = mine;
  return () => {
    if (watched === mine) watched = undefined;
    return (kind) => [...mine].flatMap(([leaky, made]) => (leaky.leakKind === kind ? linesOf(leaky, made) : []));
  };
}

function linesOf(leaky: Leaky, made: Error): string[] {
  return leaky.leaks().map((line) => `${line} (the ${leaky.constructor.name} was made ${placeOf(made)})`);
}

/** The folder of all modules: in dist/ this one is a part of core.js. */
const PACKAGE = fileURLToPath(import.meta.url.replace(/^(.*\/(?:src|dist)\/).*$/, "$1"));

/** The first stack frame outside of this package: "at build (/app/chat.test.ts:12:5)". */
function placeOf({ stack = "" }: Error): string {
  const frames = stack.split("\n").slice(1);
  return frames.find((frame) => !frame.includes(PACKAGE))?.trim() ?? "somewhere deeper than stacks are kept";
}
