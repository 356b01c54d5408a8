// @ts-check
/**
 * Asks for application protocols by ALPN, the preferred one first, and prints what was agreed on.
 *
 *   node examples/tls-alpn-client.js [PORT [AUTHORITY [PROTOCOL …]]]
 */
import { readFileSync } from "node:fs";
import { Protocol } from "skein";
import { connectProtocol } from "skein/endpoints";
import { reactor } from "skein/reactor";
import { optionsForClientTLS, SSL4ClientEndpoint, trustRootFromCertificates } from "skein/ssl";

const [port = "8080", authority = "ca.pem", ...protocols] = process.argv.slice(2);
const options = optionsForClientTLS("localhost", {
  trustRoot: trustRootFromCertificates([readFileSync(authority)]),
  acceptableProtocols: protocols.length > 0 ? protocols : ["http/1.1", "h2"],
});

class NegotiatedClient extends Protocol {
  handshakeCompleted() {
    const { negotiatedProtocol } = /** @type {import("skein/interfaces").TLSTransport} */ (this.transport);
    console.log(`agreed on ${negotiatedProtocol}`);
  }

  /** @param {import("skein").Failure} reason */
  connectionLost(reason) {
    console.log(reason.getErrorMessage());
    reactor.stop();
  }
}

const ended = reactor.run();
await connectProtocol(new SSL4ClientEndpoint(reactor, "localhost", Number(port), options), new NegotiatedClient());
await ended;
