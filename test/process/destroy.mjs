/**
 * destroy() while the engine dispatches, with live connections.
 *
 *   node destroy.mjs DRIVER ROUNDS
 *
 * Each round makes a reactor and destroys it inside a callback, of another kind each time; what is written to its
 * connections afterwards goes nowhere. Prints "ok" when every descriptor is closed after each round.
 */
import { descriptors, untilDescriptors } from "./descriptors.mjs";
import { makeTraffic } from "./traffic.mjs";

const [, , driver, rounds] = process.argv;
const PLACES = ["answer", "lost", "tick", "promise", "call", "twice"];

async function round(place) {
  let over = false;
  let late = 0;
  let asked = false;
  await new Promise((resolve) => {
    const destroy = () => {
      traffic.reactor.destroy();
      if (place === "twice") traffic.reactor.destroy();
      traffic.reactor.crash();
      // The turn under way is over then, and with it the reactor.
      setImmediate(resolve);
    };
    const traffic = makeTraffic(driver, {
      onAnswer(count) {
        if (over) late++;
        if (count < 20 || asked) return true;
        asked = true;
        if (place === "answer" || place === "twice") destroy();
        if (place === "tick") process.nextTick(destroy);
        if (place === "promise") queueMicrotask(destroy);
        if (place === "call") traffic.reactor.callLater(0, destroy);
        return place !== "lost";
      },
      onLost: destroy,
    });
    traffic.reactor.run({ installSignalHandlers: false });
  });
  over = true;
  await new Promise((resolve) => setImmediate(resolve));
  if (late > 0) throw new Error(`${late} answers came after destroy() in "${place}"`);
}

const baseline = descriptors();
for (let i = 0; i < Number(rounds); i++) {
  await round(PLACES[i % PLACES.length]);
  await untilDescriptors(baseline, `round ${i}`);
}
console.log("ok");
