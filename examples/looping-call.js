// @ts-check
/**
 * A function that is called again and again, first after an interval; and long work in small pieces beside it.
 *
 *   node examples/looping-call.js [SECOND]     SECOND is how long a second lasts here: 0.01 to see it all at once
 */
import { cooperate, LoopingCall } from "skein";
import { reactor } from "skein/reactor";

const second = Number(process.argv[2] ?? 1);

let calls = 0;
const loop = new LoopingCall(() => {
  calls++;
  console.log(`call ${calls}`);
  if (calls === 3) loop.stop();
});

/** A million steps would hold up everything else; taken in turns they do not. */
function* sumOfSquares() {
  let sum = 0;
  for (let i = 0; i < 1_000_000; i++) {
    sum += i * i;
    if (i % 1000 === 0) yield;
  }
  console.log(`sum: ${sum}`);
}

reactor.callWhenRunning(() => {
  const ended = loop.start(3 * second, false);
  const summed = cooperate(sumOfSquares()).whenDone();
  ended.addCallback(() => summed).addCallback(() => reactor.stop());
});
console.log("main has come to its end");
await reactor.run();
