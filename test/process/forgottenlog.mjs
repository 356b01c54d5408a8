// Logs to the file argv[2], and forgets the observer without closing it. Run with --expose-gc.
import { statSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { load } from "./dist.mjs";

const { rotatingFileLogObserver } = await load("logger/file.js");
const { LogEvent } = await load("logger/event.js");

const file = process.argv[2];
let collected = false;
const registry = new FinalizationRegistry(() => {
  collected = true;
});

async function log() {
  const observer = rotatingFileLogObserver(file);
  registry.register(observer);
  observer(new LogEvent("info", "test", "kept"));
  while ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) await turn();
}

await log();
while (!collected) {
  await turn();
  globalThis.gc();
}
// What the observer held is collected after it.
for (let i = 0; i < 10; i++) {
  await turn();
  globalThis.gc();
}
