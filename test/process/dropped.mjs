/**
 * Reactors that are let go of without destroy(): some never ran, others were stopped. The process ends by itself.
 *
 *   node --expose-gc dropped.mjs DRIVER REACTORS
 */
import { makeTraffic } from "./traffic.mjs";

const [, , driver, reactors] = process.argv;
for (let i = 0; i < Number(reactors); i++) {
  const { reactor } = makeTraffic(driver, {
    onAnswer(count) {
      if (count === 10) reactor.stop();
      return true;
    },
  });
  if (i % 2 === 0) await reactor.run({ installSignalHandlers: false });
}
globalThis.gc();
await new Promise((resolve) => setImmediate(resolve));
globalThis.gc();
console.log("ok");
