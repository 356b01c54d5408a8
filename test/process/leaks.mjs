/**
 * Makes reactors, uses them in every way and destroys them, here and in workers: for a run with leak detection.
 *
 *   node leaks.mjs DRIVER
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { makeSecureTraffic } from "./tls-traffic.mjs";
import { makeTraffic } from "./traffic.mjs";

const driver = process.argv[2];
const ROUNDS = 20;

for (let i = 0; i < ROUNDS; i++) {
  const { reactor } = makeTraffic(driver, {
    bytes: 1 + 40_000 * (i % 3),
    onAnswer(count) {
      if (count === 100) reactor.stop();
      return true;
    },
  });
  // One that never ran is destroyed as well.
  if (i % 4 !== 0) await reactor.run({ installSignalHandlers: false });
  reactor.destroy();
}

for (let i = 0; i < ROUNDS; i++) {
  const { reactor } = makeSecureTraffic(`epoll/${driver}`, {
    resume: i % 2 === 0,
    bytes: 1 + 40_000 * (i % 3),
    onEnd: (count) => count < 10,
  });
  if (i % 4 !== 0) await reactor.run({ installSignalHandlers: false });
  reactor.destroy();
}

for (const workerData of [{ messages: 500 }, { idle: true }, { exitAt: 100 }]) {
  const worker = new Worker(new URL("worker.mjs", import.meta.url), { workerData: { driver, ...workerData } });
  await once(worker, "exit");
}
for (const [program, workerData] of [
  ["worker.mjs", { driver, tellAt: 100 }],
  ["tls-worker.mjs", { engine: `epoll/${driver}`, tellAt: 10 }],
]) {
  const worker = new Worker(new URL(program, import.meta.url), { workerData });
  await once(worker, "message");
  await worker.terminate();
}
