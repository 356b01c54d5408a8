// @ts-check
/**
 * inlineCallbacks: a function that waits for one Deferred after another, written as if it did not have to.
 *
 *   node examples/inline-callbacks.js [SECOND]     SECOND is how long a second lasts here: 0.01 to see it all at once
 */
import { Deferred, inlineCallbacks } from "skein";
import { reactor } from "skein/reactor";

const second = Number(process.argv[2] ?? 1);

/**
 * `value`, after `seconds`.
 * @template T
 * @param {number} seconds
 * @param {T} value
 */
function later(seconds, value) {
  /** @type {Deferred<T>} */
  const deferred = new Deferred();
  reactor.callLater(seconds * second, () => deferred.callback(value));
  return deferred;
}

const steps = inlineCallbacks(function* () {
  // yield* tells the type of the result, where plain yield does not.
  const one = yield* later(5, "one");
  console.log(one);
  const two = yield* later(5, "two");
  console.log(two);
  const three = yield* later(5, "three");
  console.log(three);
  return [one, two, three].length;
});

const impatient = inlineCallbacks(function* () {
  try {
    yield later(3600, "much too late");
  } catch (error) {
    return `${/** @type {Error} */ (error).name}, so something else`;
  }
  return "it came after all";
});

const slow = impatient().addCallback((result) => console.log(result));
slow.cancel();

steps()
  .addCallback((count) => console.log(`${count} steps`))
  .addErrback((failure) => console.error(failure.getTraceback()))
  .addBoth(() => reactor.stop());

console.log("All of that is still to come.");
await reactor.run();
