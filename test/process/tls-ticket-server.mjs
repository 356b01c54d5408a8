/**
 * A server of TLS in a worker or in a process of its own, with keys for tickets that were given to it. It tells its port, says
 * to each client whether its session was resumed, and ends when it is told anything.
 */
import { parentPort, workerData } from "node:worker_threads";
import { load } from "./dist.mjs";
import { reactorOf } from "./tls-traffic.mjs";

const { Factory, Protocol } = await load("internet/protocol.js");
const { CertificateOptions } = await load("entries/ssl.js");
const { engine, identity, keys, version } = workerData ?? JSON.parse(process.argv[2]);

class Teller extends Protocol {
  handshakeCompleted() {
    this.transport.write(this.transport.isSessionReused() ? "resumed" : "full");
  }
}

const reactor = reactorOf(engine);
const options = new CertificateOptions({
  privateKey: identity.key,
  certificate: identity.certificate,
  ticketKeys: keys.map((key) => Buffer.from(key, "hex")),
  raiseMinimumTo: version,
  lowerMaximumSecurityTo: version,
});
const port = reactor.listenSSL(0, Factory.forProtocol(Teller), options, { interface: "127.0.0.1" });
const stop = () => reactor.stop();
if (parentPort !== null) {
  parentPort.once("message", stop);
  parentPort.postMessage(port.getHost().port);
} else {
  process.once("message", stop);
  process.send(port.getHost().port);
}
await reactor.run();
if (parentPort === null) process.disconnect();
