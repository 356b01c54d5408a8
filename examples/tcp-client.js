// @ts-check
/**
 * Connects to an echo server, sends a message, prints what comes back, and stops.
 *
 *   node examples/echo-server.js     then, elsewhere:  node examples/tcp-client.js [PORT [HOST]]
 */
import { ClientFactory, Protocol } from "skein";
import { reactor } from "skein/reactor";

const MESSAGE = "Hello, server!";

class Greeter extends Protocol {
  received = "";

  connectionMade() {
    console.log(`Connected to ${this.transport.getPeer()}.`);
    this.transport.write(MESSAGE);
  }

  // A stream has no messages: what was sent in one piece may come back in several.
  /** @param {Buffer} data */
  dataReceived(data) {
    this.received += data;
    if (this.received.length < MESSAGE.length) return;
    console.log(`Received: ${this.received}`);
    this.transport.loseConnection();
  }
}

class GreeterFactory extends ClientFactory {
  protocol = Greeter;

  /**
   * @param {import("skein").Connector} _connector
   * @param {import("skein").Failure} reason
   */
  clientConnectionFailed(_connector, reason) {
    console.error(`Connection failed: ${reason.getErrorMessage()}`);
    process.exitCode = 1;
    reactor.stop();
  }

  /**
   * @param {import("skein").Connector} _connector
   * @param {import("skein").Failure} reason
   */
  clientConnectionLost(_connector, reason) {
    console.log(`Connection lost: ${reason.getErrorMessage()}`);
    reactor.stop();
  }
}

reactor.connectTCP(process.argv[3] ?? "localhost", Number(process.argv[2] ?? 1234), new GreeterFactory());
await reactor.run();
