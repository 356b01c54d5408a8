/**
 * A worker with a reactor under traffic. workerData: driver, and
 *   { tellAt }           tell the parent after so many answers, and go on
 *   { exitAt }           process.exit(3) inside the callback of that answer
 *   { messages }         stop after so many answers, and end by itself
 *   { idle: true }       make the reactor, use it without running it, and end by itself
 */
import { parentPort, workerData } from "node:worker_threads";
import { makeTraffic } from "./traffic.mjs";

const { driver, tellAt, exitAt, messages, idle } = workerData;
const { reactor } = makeTraffic(driver, {
  onAnswer(count) {
    if (count === tellAt) parentPort.postMessage(count);
    if (count === exitAt) process.exit(3);
    if (count === messages) reactor.stop();
    return messages === undefined || count < messages;
  },
});
if (idle !== true) {
  await reactor.run();
  parentPort.postMessage("stopped");
}
