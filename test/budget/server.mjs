/**
 * A borrowing echo server whose system calls are counted.
 *
 *   LD_PRELOAD=faults.node node --expose-gc server.mjs FAULTS.NODE
 *
 * Tells its parent { port }; to "mark" it answers with all its counters, which begin anew then.
 */
import { createRequire } from "node:module";
import { load } from "../process/dist.mjs";

const faults = createRequire(import.meta.url)(process.argv[2]);
const { EPollReactor } = await load("internet/reactor/epoll.js");
const { Factory, Protocol } = await load("internet/protocol.js");

class Echo extends Protocol {
  static borrows = true;

  dataReceived(data) {
    this.transport.write(data);
  }
}

const reactor = new EPollReactor();
const port = reactor.listenTCP(0, Factory.forProtocol(Echo), { interface: "127.0.0.1" });
process.on("message", () => {
  const { engine, other } = faults.counts();
  globalThis.gc();
  const { heapUsed } = process.memoryUsage();
  process.send({ ...reactor.stats(), heapUsed, engine, other });
  faults.reset();
});
process.on("disconnect", () => process.exit());
process.send({ port: port.getHost().port });
await reactor.run();
