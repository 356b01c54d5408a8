/**
 * A reactor with connections that waits for signals.
 *
 *   node signals.mjs DRIVER [patient]
 *
 * Tells its parent "ready", then "before", "during" and "after" as the shutdown triggers run, and "ended". With "patient",
 * the "before" trigger returns a Deferred that never fires.
 */
import { load } from "./dist.mjs";
import { makeTraffic } from "./traffic.mjs";

const { Deferred } = await load("entries/defer.js");
const { setObserver } = await load("logger/log.js");
const [, , driver, patient] = process.argv;

setObserver((event) => {
  if (event.level === "error") throw event.error;
});
const { reactor } = makeTraffic(driver, {
  onAnswer(count) {
    if (count === 20) process.send("ready");
    return true;
  },
});
for (const phase of ["before", "during", "after"]) {
  reactor.addSystemEventTrigger(phase, "shutdown", () => {
    process.send(phase);
    return patient === "patient" ? new Deferred() : undefined;
  });
}
process.channel.unref();
await reactor.run();
process.send("ended");
