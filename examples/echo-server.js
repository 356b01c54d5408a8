// @ts-check
/**
 * Sends back whatever it receives, and tells about each connection.
 *
 *   node examples/echo-server.js [PORT]     then, elsewhere:  nc localhost 1234
 */
import { Factory, Protocol } from "skein";
import { reactor } from "skein/reactor";

class Echo extends Protocol {
  connectionMade() {
    console.log(`Connection established with ${this.transport.getPeer()}.`);
  }

  /** @param {Buffer} data */
  dataReceived(data) {
    this.transport.write(data);
  }

  /** @param {import("skein").Failure} reason */
  connectionLost(reason) {
    console.log(`Connection lost: ${reason.getErrorMessage()}`);
  }
}

class EchoFactory extends Factory {
  buildProtocol() {
    return new Echo();
  }
}

const port = reactor.listenTCP(Number(process.argv[2] ?? 1234), new EchoFactory());
reactor.callWhenRunning(() => console.log(`Echo on ${port.getHost()}. Press Ctrl-C to stop.`));
await reactor.run();
