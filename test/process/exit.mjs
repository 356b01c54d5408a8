/**
 * process.exit(7) inside a callback of the reactor, under traffic.
 *
 *   node exit.mjs WHERE DRIVER
 *
 *   answer   in dataReceived()         lost    in clientConnectionLost()      call    in a delayed call
 *   tick     in a process.nextTick() that dataReceived() asked for            promise in one of its microtasks
 */
import { makeTraffic } from "./traffic.mjs";

const [, , where, driver] = process.argv;
const exit = () => process.exit(7);
const { reactor } = makeTraffic(driver, {
  onAnswer(count) {
    if (count !== 50) return true;
    if (where === "answer") exit();
    if (where === "tick") process.nextTick(exit);
    if (where === "promise") queueMicrotask(exit);
    if (where === "call") reactor.callLater(0, exit);
    return where !== "lost";
  },
  onLost: exit,
});
await reactor.run();
process.exit(1);
