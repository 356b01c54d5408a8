// @ts-check
/**
 * Deferreds: results that are not there yet, and the chains of functions that wait for them.
 *
 *   node examples/deferred-chain.js [SECOND]     SECOND is how long a second lasts here: 0.01 to see it all at once
 */
import { Deferred } from "skein";
import { reactor } from "skein/reactor";

const second = Number(process.argv[2] ?? 1);

/**
 * A result that takes its time: the number, or a failure when it is too small.
 * @param {number} number
 * @returns {Deferred<number>}
 */
function slowly(number) {
  /** @type {Deferred<number>} */
  const deferred = new Deferred();
  if (number > 10) reactor.callLater(second, () => deferred.callback(number));
  else reactor.callLater(second, () => deferred.errback(new RangeError(`${number} is too small`)));
  return deferred;
}

// A Deferred needs no reactor: whoever has the result fires it. Each function gets what the one before it returned.
/** @type {Deferred<string>} */
const greeting = new Deferred();
greeting
  .addCallback((result) => {
    console.log(`First callback with: ${result}`);
    return "Result from first callback";
  })
  .addCallback((result) => console.log(`Second callback with: ${result}`));
greeting.callback("Initial value");

// It does not matter whether the result or the function is there first.
/** @type {Deferred<number>} */
const numbers = new Deferred();
numbers.callback(100);
for (const name of ["callback1", "callback2", "callback3"]) {
  numbers.addCallback((/** @type {number} */ number) => {
    console.log(`${name}: ${number + 1}`);
    return number + 1;
  });
}

// What a callback throws goes to the next errback, wrapped in a Failure. After the errback all is well again.
/** @type {Deferred<string>} */
const broken = new Deferred();
broken
  .addCallback((result) => {
    console.log(`Callback with: ${result}`);
    throw new TypeError("An error occurred");
  })
  .addErrback((failure) => console.log(`Error callback with: ${failure.type?.name}: ${failure.getErrorMessage()}`))
  .addBoth(() => console.log("This runs in either case."));
broken.callback("Initial value");

// With the reactor, results come later, and await waits for them one after another.
async function main() {
  slowly(3).addErrback((failure) => console.log(`No result: ${failure.getErrorMessage()}`));
  slowly(30).addCallback((number) => console.log(`A result: ${number + 1}`));
  console.log("Both are on their way.");
  for (const number of [100, 200, 300]) console.log(`Awaited: ${await slowly(number)}`);
  reactor.stop();
}

reactor.callWhenRunning(main);
await reactor.run();
