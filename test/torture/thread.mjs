/**
 * A reactor whose driver gets no thread, twice, and then one. Prints how each run() ended.
 *
 *   LD_PRELOAD=faults.node node thread.mjs FAULTS.NODE
 */
import { createRequire } from "node:module";
import { constants } from "node:os";
import { load } from "../process/dist.mjs";

const faults = createRequire(import.meta.url)(process.argv[2]);
const { NativeReactor } = await load("internet/reactor/native.js");

const reactor = new NativeReactor("epoll", { driver: "waiter" });
// Waits for the run that begins.
reactor.callWhenRunning(() => reactor.stop());
for (const threads of [false, false, true]) {
  if (!threads) faults.arm("pthread_create", 1, constants.errno.EAGAIN);
  try {
    await reactor.run({ installSignalHandlers: false });
    console.log("ended");
  } catch (error) {
    console.log(`${error.code}: ${error.message}`);
  }
  if (!threads && !faults.disarm()) console.log("no thread was asked for");
}
