/**
 * An exception that nobody catches, thrown inside a turn: from what dataReceived() put off to the end of the turn.
 *
 *   node uncaught.mjs WHERE DRIVER TIMES
 *
 * WHERE is tick, microtask or immediate. With TIMES, the process has a handler and throws so often; everything goes on, and
 * "ok" is printed in the end. Without, the process dies of the first.
 */
import { makeTraffic } from "./traffic.mjs";

const [, , where, driver, times] = process.argv;
const MESSAGES = 20_000;
const throwing = () => {
  throw new Error("nobody catches this");
};
const putOff = { tick: process.nextTick, microtask: queueMicrotask, immediate: setImmediate }[where];

let thrown = 0;
let caught = 0;
let lost = 0;
if (times !== undefined) {
  process.on("uncaughtException", (error) => {
    if (error.message !== "nobody catches this") throw error;
    caught++;
  });
}

const { reactor } = makeTraffic(driver, {
  onAnswer(count) {
    if (count % 100 === 0 && thrown < Number(times ?? 1)) {
      thrown++;
      putOff(throwing);
    }
    return count < MESSAGES;
  },
  onLost() {
    if (++lost === 4) reactor.stop();
  },
});
await reactor.run();
if (caught !== thrown || caught !== Number(times)) throw new Error(`${thrown} thrown, ${caught} caught`);
console.log("ok");
