/** bench/results/latest.json: the answers that were taken on one machine, each with its date. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { EchoAnswer } from "../echo.ts";
import type { ReactorsAnswer } from "../reactors.ts";
import type { Answer } from "./answer.ts";
import type { Machine } from "./machine.ts";
import { root } from "./root.ts";

/** An answer and the day it was found, as in 2026-01-31. */
export type Taken<A extends Answer> = A & { readonly date: string };

export interface Results {
  readonly machine: Machine;
  readonly answers: readonly Taken<Answer | EchoAnswer | ReactorsAnswer>[];
}

export const latest = join(root, "bench", "results", "latest.json");

export function readResults(file: string): Results | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return JSON.parse(text) as Results;
}

export function writeResults(file: string, results: Results): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, rounded, 2)}\n`);
}

/** `next` in place of what `before` has of the same questions; nothing is kept of another machine. */
export function merge(before: Results | undefined, next: Results): Results {
  if (before === undefined || JSON.stringify(before.machine) !== JSON.stringify(next.machine)) return next;
  const named = (answers: Results["answers"], name: string) => answers.find((answer) => answer.name === name);
  const kept = before.answers.map((answer) => named(next.answers, answer.name) ?? answer);
  const added = next.answers.filter((answer) => named(before.answers, answer.name) === undefined);
  return { ...next, answers: [...kept, ...added] };
}

export function echoOf(results: Results): Taken<EchoAnswer> | undefined {
  return results.answers.find((answer): answer is Taken<EchoAnswer> => answer.name === "echo");
}

export function reactorsOf(results: Results): Taken<ReactorsAnswer> | undefined {
  return results.answers.find((answer): answer is Taken<ReactorsAnswer> => answer.name === "reactors");
}

/** Four significant digits are more than any of the figures has. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
