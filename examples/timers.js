// @ts-check
/**
 * Delayed calls, one after another and in a loop.
 *
 *   node examples/timers.js [SECOND]     SECOND is how long a second lasts here: 0.01 to see it all at once
 */
import { reactor } from "skein/reactor";

const second = Number(process.argv[2] ?? 1);

/** @param {string} text */
function start(text) {
  console.log(text);
  reactor.callLater(5 * second, startLoop, "five seconds later");
  console.log("callLater() does not wait");
}

/** @param {string} text */
function startLoop(text) {
  console.log(text);
  tick(1);
}

// A function that schedules itself makes a loop, and gives everybody else a turn in between.
/** @param {number} count */
function tick(count) {
  console.log(`tick ${count}`);
  if (count < 3) reactor.callLater(second, tick, count + 1);
  else cancelOne();
}

function cancelOne() {
  const never = reactor.callLater(second, () => console.log("this is never printed"));
  never.cancel();
  console.log(`a cancelled call is ${never.active() ? "active" : "not active"}`);
  reactor.stop();
}

reactor.callWhenRunning(start, "hello, skein");
await reactor.run();
