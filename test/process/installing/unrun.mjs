/** Leaves something to a reactor that it does not run: `unrun.mjs WHAT`. */

import { isMainThread, workerData } from "node:worker_threads";
import { ClientFactory } from "skein";
import { fail } from "skein/defer";
import { reactor } from "skein/reactor";

const what = isMainThread ? process.argv[2] : workerData;
const factory = new ClientFactory();
const LEFT = {
  "a port": () => reactor.listenTCP(0, factory, { interface: "127.0.0.1" }),
  "an attempt to connect": () => reactor.connectTCP("127.0.0.1", 9, factory),
  "a delayed call": () => reactor.callLater(1, () => {}),
  nothing: () => {},
  "a cancelled call": () => reactor.callLater(1, () => {}).cancel(),
  "a destroyed reactor": () => {
    reactor.listenTCP(0, factory, { interface: "127.0.0.1" });
    reactor.destroy();
  },
  "a call after the run": () => {
    reactor.callLater(0, () => reactor.crash());
    reactor.run().then(() => reactor.callLater(1, () => {}));
  },
  "a port, and a failure to listen that the program caught": () => {
    const { port } = reactor.listenTCP(0, factory, { interface: "127.0.0.1" }).getHost();
    try {
      reactor.listenTCP(port, factory, { interface: "127.0.0.1" });
    } catch {}
  },
  "a call, and a Deferred whose failure nobody handled": () => {
    reactor.callLater(1, () => {});
    fail(new Error("no configuration"));
  },
  "a call, and an exit code of a failure": () => {
    reactor.callLater(1, () => {});
    process.exitCode = 1;
  },
  "an exit by hand": () => {
    reactor.callLater(1, () => {});
    process.exit();
  },
};
LEFT[what]();
