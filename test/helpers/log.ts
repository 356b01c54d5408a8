/** What is logged during each test of a file, instead of on standard error. */
import { afterEach, beforeEach } from "vitest";
import { textOf } from "../../src/logger/describe.ts";
import { setObserver } from "../../src/logger/log.ts";

/** Call it once in a file or a `describe`. Returns what tells the lines so far, as "message" or "message: error". */
export function collectLog(): () => string[] {
  let lines: string[] = [];
  beforeEach(() => {
    lines = [];
    setObserver(({ message, error }) => {
      lines.push(error === undefined ? message : `${message}: ${textOf(error)}`);
    });
  });
  afterEach(() => setObserver(undefined));
  return () => lines;
}
