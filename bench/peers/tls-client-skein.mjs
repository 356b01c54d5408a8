/** Skein as a client over TLS, borrowing or owning. */
import { optionsForClientTLS } from "../../dist/entries/ssl.js";
import { ClientFactory, Protocol } from "../../dist/internet/protocol.js";
import { writeInPieces } from "./pieces.mjs";
import { answered, asked, fail, measure, message } from "./tls-clients.mjs";

let negotiated;

class Asking extends Protocol {
  received = 0;

  connectionMade() {
    this.ask();
  }

  handshakeCompleted() {
    if (negotiated !== undefined) return;
    const { group, cipher } = this.transport.getTLSInfo();
    negotiated = { group, cipher };
  }

  dataReceived(data) {
    this.received += data.length;
    if (this.received < message.length) return;
    this.received = 0;
    answered(asked.churn && this.transport.isSessionReused());
    if (asked.idle) return;
    if (!asked.churn) return this.ask();
    this.transport.loseConnection();
    open();
  }

  ask() {
    if (asked.writes === 1) this.transport.write(message);
    else writeInPieces(this.transport, message, asked.writes);
  }
}
Asking.borrows = asked.mode === "borrowing";

class Clients extends ClientFactory {
  clientConnectionFailed(_connector, { value }) {
    fail(value);
  }

  clientConnectionLost(_connector, { value }) {
    if (!asked.churn) fail(value);
  }
}

const { reactor } = await import("../../dist/internet/reactor/reactor.js");
const options = optionsForClientTLS("localhost", {
  trustRoot: asked.authority,
  cipherSuites: "TLS_AES_128_GCM_SHA256",
  groups: ["X25519"],
  sessionTickets: asked.resume,
});
const factory = Clients.forProtocol(Asking);
factory.noisy = false;

function open() {
  reactor.connectSSL("127.0.0.1", asked.port, factory, options);
}

reactor.callWhenRunning(() => void measure(open, () => negotiated));
await reactor.run();
