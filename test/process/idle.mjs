/**
 * A reactor that runs with nothing to do, and alone keeps the process alive.
 *
 *   node idle.mjs DRIVER
 *
 * Tells its parent "alive" a while after it began, and stops on any message. What the parent hears then is "stopped", and
 * nothing but the end of the reactor lets the process end. If something holds it nevertheless, the exit code is 9.
 */
import { load } from "./dist.mjs";

const { NativeReactor } = await load("internet/reactor/native.js");

const reactor = new NativeReactor("epoll", { driver: process.argv[2] });
reactor.listenTCP(0, { buildProtocol: () => null, doStart() {}, doStop() {} }, { interface: "127.0.0.1" });
process.once("message", () => reactor.stop());
process.channel.unref();
// Fires only while something else holds the process.
setTimeout(() => process.send("alive"), 200).unref();
await reactor.run();
process.send("stopped");
// Steps that are taken only while something holds the process: a stall of a busy machine counts as one of them.
let steps = 0;
setInterval(() => {
  if (++steps === 50) process.exit(9);
}, 20).unref();
