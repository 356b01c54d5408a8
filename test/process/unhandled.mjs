// Ends with a failure that nobody handled, another that was handled, and one that somebody still might.
import { load } from "./dist.mjs";

const { Deferred, fail, setDebugging } = await load("entries/defer.js");

setDebugging(true);
fail(new Error("handled")).addErrback(() => undefined);
const kept = [];
function makeItHere() {
  const d = new Deferred();
  kept.push(d);
  return d;
}
makeItHere().errback(new Error("nobody handled it"));
process.on("exit", () => console.log(`${kept.length} kept`));
