/**
 * Rounds of workers with reactors under traffic, all in one process.
 *
 *   node workers.mjs WHAT DRIVER ROUNDS
 *
 *   terminate   worker.terminate() after a random number of answers
 *   exit        process.exit() in a callback of the worker
 *   drop        the worker ends without having run, stopped or destroyed its reactor
 *   pair        two workers at a time do 10,000 messages each, and end by themselves
 *
 * Prints "ok" when each round went as it should and every descriptor is closed.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { descriptors, untilDescriptors } from "./descriptors.mjs";

const [, , what, driver, rounds] = process.argv;
const script = new URL("worker.mjs", import.meta.url);
const start = (workerData) => new Worker(script, { workerData: { driver, ...workerData } });

async function expectExit(worker, code) {
  const [got] = await once(worker, "exit");
  if (got !== code) throw new Error(`the worker exited with ${got}, not ${code}`);
}

const kinds = {
  async terminate() {
    const worker = start({ tellAt: Math.ceil(Math.random() * 200) });
    await once(worker, "message");
    for (let turns = Math.floor(Math.random() * 5); turns > 0; turns--) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await worker.terminate();
  },
  exit: () => expectExit(start({ exitAt: Math.ceil(Math.random() * 200) }), 3),
  drop: () => expectExit(start({ idle: true }), 0),
  pair: () => Promise.all([1, 2].map(() => expectExit(start({ messages: 10_000 }), 0))),
};

const round = kinds[what];
await round();
const baseline = descriptors();
for (let i = 0; i < Number(rounds); i++) {
  await round();
  await untilDescriptors(baseline, `round ${i}`);
}
console.log("ok");
