/** Skein as an echo server over TLS: the options of skein.mjs that matter here, and `--key FILE --cert FILE`. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { CertificateOptions } from "../../dist/entries/ssl.js";
import { Factory, Protocol } from "../../dist/internet/protocol.js";
import { writeInPieces } from "./pieces.mjs";

const { values } = parseArgs({
  options: {
    mode: { type: "string", default: "owning" },
    writes: { type: "string", default: "1" },
    reactor: { type: "string", default: "epoll" },
    key: { type: "string" },
    cert: { type: "string" },
  },
});
const writes = Number(values.writes);

class Echo extends Protocol {
  dataReceived(data) {
    if (writes === 1) this.transport.write(data);
    else writeInPieces(this.transport, data, writes);
  }
}
Echo.borrows = values.mode === "borrowing";

process.env.SKEIN_REACTOR = values.reactor;
const { reactor } = await import("../../dist/internet/reactor/reactor.js");
const options = new CertificateOptions({
  privateKey: readFileSync(values.key),
  certificate: readFileSync(values.cert),
  cipherSuites: "TLS_AES_128_GCM_SHA256",
  groups: ["X25519"],
});
const factory = Factory.forProtocol(Echo);
factory.noisy = false;
const port = reactor.listenSSL(0, factory, options, { interface: "127.0.0.1", backlog: 1024 });
reactor.callWhenRunning(() => console.log(`LISTENING ${port.getHost().port}`));
await reactor.run();
