// @ts-check
/**
 * Says a line in plaintext, asks for TLS, and says another one that nobody on the way can read.
 *
 *   node examples/starttls-client.js [PORT [AUTHORITY]]
 */
import { readFileSync } from "node:fs";
import { ClientFactory } from "skein";
import { LineReceiver } from "skein/protocols/basic";
import { reactor } from "skein/reactor";
import { optionsForClientTLS, trustRootFromCertificates } from "skein/ssl";

const [port = "8000", authority = "ca.pem"] = process.argv.slice(2);
const options = optionsForClientTLS("localhost", { trustRoot: trustRootFromCertificates([readFileSync(authority)]) });

class StartTLSClient extends LineReceiver {
  connectionMade() {
    this.sendLine("plain text");
    this.sendLine("STARTTLS");
  }

  /** @param {Buffer} line */
  lineReceived(line) {
    console.log(`received: ${line}`);
    if (String(line) !== "READY") return;
    /** @type {import("skein/interfaces").TLSTransport} */ (this.transport).startTLS(options);
    this.sendLine("secure text");
    this.transport.loseConnection();
  }
}

class StartTLSFactory extends ClientFactory {
  protocol = StartTLSClient;

  /**
   * @param {import("skein").Connector} _connector
   * @param {import("skein").Failure} reason
   */
  clientConnectionFailed(_connector, reason) {
    this.ended(reason);
  }

  /**
   * @param {import("skein").Connector} _connector
   * @param {import("skein").Failure} reason
   */
  clientConnectionLost(_connector, reason) {
    this.ended(reason);
  }

  /** @param {import("skein").Failure} reason */
  ended(reason) {
    console.log(reason.getErrorMessage());
    reactor.stop();
  }
}

reactor.connectTCP("localhost", Number(port), new StartTLSFactory());
await reactor.run();
