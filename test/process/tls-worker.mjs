/** A worker that is busy with TLS, and tells when the connection with the number `tellAt` has ended. */
import { parentPort, workerData } from "node:worker_threads";
import { makeSecureTraffic } from "./tls-traffic.mjs";

const { engine, tellAt } = workerData;
const { reactor } = makeSecureTraffic(engine, {
  onEnd(count) {
    if (count === tellAt) parentPort.postMessage(count);
  },
});
await reactor.run();
