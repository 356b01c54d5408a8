/** A worker that is busy with TLS, and tells when the connection with the number `tellAt` has ended. */
import { parentPort, workerData } from "node:worker_threads";
import { makeSecureTraffic } from "./tls-traffic.mjs";

const { driver, tellAt } = workerData;
const { reactor } = makeSecureTraffic(driver, {
  onEnd(count) {
    if (count === tellAt) parentPort.postMessage(count);
  },
});
await reactor.run();
