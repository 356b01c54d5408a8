// @ts-check
/**
 * Serves only clients with a certificate of our authority, and greets them by its name.
 *
 *   node examples/tls-certificates.js
 *   node examples/ssl-clientauth-server.js [PORT [FOLDER]]     then: node examples/ssl-clientauth-client.js
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Factory, Protocol } from "skein";
import { reactor } from "skein/reactor";
import { Certificate, PrivateCertificate } from "skein/ssl";

const [port = "8000", folder = "."] = process.argv.slice(2);
const server = PrivateCertificate.loadPEM(readFileSync(join(folder, "server.pem")));
const authority = Certificate.loadPEM(readFileSync(join(folder, "ca.pem")));

class Greeter extends Protocol {
  handshakeCompleted() {
    const { commonName } = Certificate.peerFromTransport(this.transport).getSubject();
    console.log(`${commonName} is here.`);
    this.transport.write(`Hello, ${commonName}.\r\n`);
    this.transport.loseConnection();
  }

  /** @param {import("skein").Failure} reason */
  connectionLost(reason) {
    if (reason.value.name === "TLSError") console.log(reason.getErrorMessage());
  }
}

const listening = reactor.listenSSL(Number(port), Factory.forProtocol(Greeter), server.options(authority));
reactor.callWhenRunning(() => console.log(`TLS on ${listening.getHost()}. Press Ctrl-C to stop.`));
await reactor.run();
