// @ts-check
/**
 * Lines in plaintext, until the client says STARTTLS: the rest of the connection is encrypted.
 *
 *   node examples/tls-certificates.js
 *   node examples/starttls-server.js [PORT [FILE]]     then: node examples/starttls-client.js
 */
import { readFileSync } from "node:fs";
import { Factory } from "skein";
import { LineReceiver } from "skein/protocols/basic";
import { reactor } from "skein/reactor";
import { PrivateCertificate } from "skein/ssl";

const [port = "8000", file = "server.pem"] = process.argv.slice(2);
const options = PrivateCertificate.loadPEM(readFileSync(file)).options();

class StartTLSServer extends LineReceiver {
  /** @param {Buffer} line */
  lineReceived(line) {
    console.log(`received: ${line}`);
    if (String(line) !== "STARTTLS") return;
    this.sendLine("READY"); // in plaintext still
    /** @type {import("skein/interfaces").TLSTransport} */ (this.transport).startTLS(options);
  }

  handshakeCompleted() {
    console.log("encrypted from here on");
  }
}

const listening = reactor.listenTCP(Number(port), Factory.forProtocol(StartTLSServer));
reactor.callWhenRunning(() => console.log(`STARTTLS on ${listening.getHost()}. Press Ctrl-C to stop.`));
await reactor.run();
