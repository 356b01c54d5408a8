// @ts-check
/**
 * Shows its certificate to a server that asks for one.
 *
 *   node examples/ssl-clientauth-client.js [PORT [FOLDER]]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Protocol } from "skein";
import { connectProtocol } from "skein/endpoints";
import { reactor } from "skein/reactor";
import {
  Certificate,
  optionsForClientTLS,
  PrivateCertificate,
  SSL4ClientEndpoint,
  trustRootFromCertificates,
} from "skein/ssl";

const [port = "8000", folder = "."] = process.argv.slice(2);
const options = optionsForClientTLS("localhost", {
  trustRoot: trustRootFromCertificates([readFileSync(join(folder, "ca.pem"))]),
  clientCertificate: PrivateCertificate.loadPEM(readFileSync(join(folder, "client.pem"))),
});

class Guest extends Protocol {
  handshakeCompleted() {
    console.log(`The server is ${Certificate.peerFromTransport(this.transport).getSubject().commonName}.`);
  }

  /** @param {Buffer} data */
  dataReceived(data) {
    console.log(String(data).trimEnd());
  }

  /** @param {import("skein").Failure} reason */
  connectionLost(reason) {
    console.log(reason.getErrorMessage());
    reactor.stop();
  }
}

const ended = reactor.run();
await connectProtocol(new SSL4ClientEndpoint(reactor, "localhost", Number(port), options), new Guest());
await ended;
