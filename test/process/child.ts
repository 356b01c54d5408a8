/** Runs the programs beside the tests in Node processes of their own. */

import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

export interface Ended {
  /** The exit code, or null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly complaints: string;
}

/** Run `script` (a name beside `base`) until it ends by itself. */
export async function runNode(
  base: string,
  script: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  return ended(startNode(base, script, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } }));
}

/** Start `script` and return at once. */
export function startNode(base: string, script: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn(process.execPath, ["--expose-gc", fileURLToPath(new URL(script, base)), ...args], options);
}

/** How a child with piped output ended. */
export async function ended(child: ChildProcess): Promise<Ended> {
  const [output, complaints, [code, signal]] = await Promise.all([
    child.stdout === null ? "" : text(child.stdout),
    child.stderr === null ? "" : text(child.stderr),
    once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  return { code, signal, output, complaints };
}

/** What `child` sends next by its IPC channel. @throws Error when it ends before it does */
export async function nextMessage<T>(child: ChildProcess): Promise<T> {
  const heard = new AbortController();
  const exit = once(child, "exit", { signal: heard.signal }).then(([code, signal]) => {
    throw new Error(`A child ended with ${signal ?? code} instead of sending a message.`);
  });
  try {
    const [message] = await Promise.race([once(child, "message"), exit]);
    return message as T;
  } finally {
    heard.abort();
  }
}

/** Run `round(i)` for i from 0 to `rounds - 1`, two at a time. */
export async function inPairs(rounds: number, round: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < rounds) await round(next++);
  };
  await Promise.all([lane(), lane()]);
}
