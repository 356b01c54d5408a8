// @ts-check
/**
 * Offers two application protocols by ALPN, and tells which one was agreed on.
 *
 *   node examples/tls-certificates.js
 *   node examples/tls-alpn-server.js [PORT [FILE]]     then: node examples/tls-alpn-client.js
 */
import { readFileSync } from "node:fs";
import { Factory, Protocol } from "skein";
import { reactor } from "skein/reactor";
import { CertificateOptions } from "skein/ssl";

const [port = "8080", file = "server.pem"] = process.argv.slice(2);
const pem = readFileSync(file);
const options = new CertificateOptions({
  privateKey: pem,
  certificate: pem,
  acceptableProtocols: ["h2", "http/1.1"],
});

class NegotiatedServer extends Protocol {
  handshakeCompleted() {
    const { negotiatedProtocol } = /** @type {import("skein/interfaces").TLSTransport} */ (this.transport);
    console.log(`agreed on ${negotiatedProtocol}`);
    this.transport.loseConnection();
  }
}

const listening = reactor.listenSSL(Number(port), Factory.forProtocol(NegotiatedServer), options);
reactor.callWhenRunning(() => console.log(`TLS on ${listening.getHost()}. Press Ctrl-C to stop.`));
await reactor.run();
