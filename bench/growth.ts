/**
 * Does the work grow with the number of things, or faster? Each structure is measured with 1,000, 10,000 and 100,000
 * things; the figure is the exponent of the line through the three on logarithmic scales: 1 is right. What puts things in
 * order may grow as sorting objects does, which is measured beside it: that much is taken off.
 *
 * It is measured in a process whose young objects have so much space that hardly any is collected: else the collector
 * moves 100,000 of them, and 1,000 not at all, and objects that are only linked would have an exponent of 1.5.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Answer, Figure, Progress } from "./rig/answer.ts";
import type { Growth } from "./rig/growing.ts";

const YOUNG_MIB = 256;

export async function run(progress: Progress): Promise<Answer> {
  const rows: Figure[] = [];
  const ratios: Figure[] = [];
  const script = fileURLToPath(new URL("./rig/growing.js", import.meta.url));
  const args = [`--min-semi-space-size=${YOUNG_MIB}`, `--max-semi-space-size=${YOUNG_MIB}`, script];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(child, "close");
  for await (const line of createInterface(child.stdout)) {
    const { name, rows: times, exponent } = JSON.parse(line) as Growth;
    rows.push(...times);
    ratios.push({ label: name, value: exponent });
    progress(`growth ${name}: ${exponent.toFixed(2)}`);
  }
  const [code] = (await closed) as [number | null];
  if (code !== 0) throw new Error(`The process that measures growth ended with ${code}.`);
  ratios.push({ label: "the greatest exponent", value: Math.max(...ratios.map(({ value }) => value)) });
  return { name: "growth", unit: "ns each", rows, ratios };
}
