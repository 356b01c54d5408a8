// @ts-check
/**
 * Greets over TLS, and repeats every line. The protocol is the same as over TCP.
 *
 *   node examples/tls-certificates.js
 *   node examples/tls-line-server.js [PORT [FILE]]     then: openssl s_client -crlf -connect localhost:1234 -CAfile ca.pem
 */
import { Factory } from "skein";
import { LineReceiver } from "skein/protocols/basic";
import { reactor } from "skein/reactor";
import { DefaultOpenSSLContextFactory } from "skein/ssl";

class SecureLines extends LineReceiver {
  connectionMade() {
    this.sendLine("Hello, I'm an SSL server.");
  }

  /** @param {Buffer} line */
  lineReceived(line) {
    this.sendLine(`You said: ${line}`);
  }
}

const [port = "1234", file = "server.pem"] = process.argv.slice(2);
// The files of the key and of the certificate: here both are in one.
const context = new DefaultOpenSSLContextFactory(file, file);
const listening = reactor.listenSSL(Number(port), Factory.forProtocol(SecureLines), context);
reactor.callWhenRunning(() => console.log(`TLS on ${listening.getHost()}. Press Ctrl-C to stop.`));
await reactor.run();
