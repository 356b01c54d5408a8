/**
 * An exception that leaves dispatch() itself, and whose handler destroys the engine.
 *
 *   node throwing.mjs DRIVER
 *
 * Prints "ok" when every descriptor is closed then.
 */
import { descriptors, untilDescriptors } from "./descriptors.mjs";
import { load } from "./dist.mjs";

const { loadNative } = await load("native.js");
const native = loadNative();

async function round() {
  const engine = native.createEngine({
    backend: "epoll",
    driver: process.argv[2],
    completions: new Int32Array(64),
    arena: new Uint8Array(64 * 1024),
    staging: new Uint8Array(64),
    dispatch() {
      throw new Error("out of dispatch()");
    },
  });
  const handled = new Promise((resolve) => {
    process.once("uncaughtException", () => {
      engine.destroy();
      resolve();
    });
  });
  const listener = engine.listen({ host: "127.0.0.1", port: 0, backlog: 16, reusePort: false });
  engine.connect({ host: "127.0.0.1", port: engine.localAddress(listener)[2], bindHost: "", bindPort: 0 });
  engine.start();
  await handled;
}

const baseline = descriptors();
for (let i = 0; i < 10; i++) {
  await round();
  await untilDescriptors(baseline, `round ${i}`);
}
console.log("ok");
