/**
 * What the clients of bench/tls-client.ts share: their options, and what they tell. After the warm-up they count for so many
 * seconds, print a line of JSON, and end:
 *
 *   messages   that were answered; with --churn each is a whole connection
 *   seconds    and cpu, of this process, for those
 *   group      cipher: what was negotiated
 *   resumed    the share of connections that resumed a session, with --churn
 *
 * With --idle each connection asks once and stays open; the line has `bytes`, by which each made this process grow.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    authority: { type: "string" },
    connections: { type: "string", default: "50" },
    size: { type: "string", default: "64" },
    writes: { type: "string", default: "1" },
    warmup: { type: "string", default: "0.5" },
    seconds: { type: "string", default: "1" },
    churn: { type: "boolean", default: false },
    resume: { type: "boolean", default: false },
    idle: { type: "boolean", default: false },
    mode: { type: "string", default: "owning" },
    addon: { type: "string" },
  },
});

export const asked = {
  ...values,
  port: Number(values.port),
  authority: readFileSync(values.authority, "latin1"),
  connections: Number(values.connections),
  size: Number(values.size),
  writes: Number(values.writes),
  warmup: Number(values.warmup),
  seconds: Number(values.seconds),
};

export const message = Buffer.alloc(asked.size, "x");

let messages = 0;
let resumed = 0;
let allAnswered;

/** Open every connection, each with `open()`, and tell what they did. `negotiated()` has the group and the cipher. */
export async function measure(open, negotiated) {
  const everyOne = new Promise((resolve) => {
    allAnswered = resolve;
  });
  const memory = residentBytes();
  for (let i = 0; i < asked.connections; i++) open();
  await everyOne;
  if (asked.idle) return tellIdle(memory);
  await sleep(asked.warmup * 1000);
  messages = resumed = 0;
  const started = performance.now();
  const before = process.cpuUsage();
  await sleep(asked.seconds * 1000);
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - started) / 1000;
  tell({ messages, seconds, cpu: (user + system) / 1e6, ...negotiated(), resumed: resumed / messages });
}

/** Of one message. With --churn: whether its connection resumed a session; nothing else is worth a call a message. */
export function answered(wasResumed) {
  messages++;
  if (wasResumed) resumed++;
  if (messages === asked.connections) allAnswered();
}

export function fail(error) {
  console.error(error);
  process.exit(1);
}

export function residentBytes() {
  return process.memoryUsage.rss();
}

/** `memory`: before there were connections. */
export function tellIdle(memory) {
  tell({ bytes: (residentBytes() - memory) / asked.connections });
}

function tell(figures) {
  console.log(JSON.stringify(figures));
  process.exit();
}
