/**
 * The bundle's beginning: `node conformance.mjs --out ROWS [--timeout SECONDS] [--only TEXT] FILE…` runs the tests of
 * those files, or of all. ROWS gets a line of JSON before each test and one after it, so that a crash tells what it was
 * in; tests that have a row there already are not run again.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { collect } from "./collect.ts";
import { catchStrays, execute } from "./execute.ts";
import { behaviourOf, type Row } from "./results.ts";
import { files } from "./suite.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: "string", default: "rows.jsonl" },
    timeout: { type: "string", default: "60" },
    only: { type: "string", default: "" },
  },
});

type Key = Pick<Row, "file" | "reactor" | "driver" | "transport" | "behaviour">;

function keyOf({ file, reactor, driver, transport, behaviour }: Key): string {
  return [file, reactor, driver, transport, behaviour].join("\n");
}

function rowsOf(file: string): Row[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.flatMap((line) => (line === "" ? [] : ((JSON.parse(line) as { row?: Row }).row ?? [])));
}

const counts = { passed: 0, failed: 0, skipped: 0 };
const done = new Set(rowsOf(values.out).map(keyOf));
const note = (line: object): void => appendFileSync(values.out, `${JSON.stringify(line)}\n`);

catchStrays();
for (const [file, load] of Object.entries(files)) {
  if (positionals.length > 0 && !positionals.includes(file)) continue;
  const told = (names: readonly string[]): Key => ({ file, ...behaviourOf(names)! });
  await execute(await collect(file, load), {
    timeout: Number(values.timeout) * 1000,
    wanted: (names) =>
      behaviourOf(names) !== undefined && names.join(" > ").includes(values.only) && !done.has(keyOf(told(names))),
    begun: (names) => note({ begun: told(names) }),
    ended: (names, outcome) => {
      counts[outcome.state]++;
      note({ row: { ...told(names), ...outcome } satisfies Row });
      if (outcome.state === "failed") console.log(`FAILED ${file}: ${names.join(" > ")}\n${outcome.error}\n`);
    },
  });
}
note({ done: true });
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
// What a failed test has left open must not keep the process.
process.exit(counts.failed === 0 ? 0 : 1);
