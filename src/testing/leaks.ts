/** Who is watched for leaks, while somebody watches. */

/** Something that a test is to leave clean. */
export interface Leaky {
  readonly leakKind: "timers" | "transports";
  /** What is left, one line or more for each; nothing when all is clean. */
  leaks(): string[];
}

let watched: Set<Leaky> | undefined;

/** For clocks, ports and transports: be asked for leaks at the end of the test that makes them. */
export function watchForLeaks(leaky: Leaky): void {
  watched?.add(leaky);
}

/** Begin to watch. Returns what ends it, and tells what is left of a kind. */
export function beginWatching(): () => (kind: Leaky["leakKind"]) => string[] {
  const mine = new Set<Leaky>();
  watched = mine;
  return () => {
    if (watched === mine) watched = undefined;
    return (kind) => [...mine].filter((leaky) => leaky.leakKind === kind).flatMap((leaky) => leaky.leaks());
  };
}
