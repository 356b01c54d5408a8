// @ts-check
/**
 * Makes what the other examples of TLS need: an authority (ca.pem), and signed by it a server's key and certificate
 * (server.pem) and a client's (client.pem). For development: keep a real authority's key elsewhere.
 *
 *   node examples/tls-certificates.js [FOLDER]
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { KeyPair } from "skein/ssl";

const folder = process.argv[2] ?? ".";
const authority = KeyPair.generate().selfSignedCert({ commonName: "Example authority" }, { isAuthority: true });

/**
 * @param {string} commonName
 * @param {import("skein/ssl").CertificateOptionsForIssue} options
 */
function issued(commonName, options) {
  const key = KeyPair.generate();
  const certificate = authority.signRequestObject(key.requestObject({ commonName }), options);
  return `${key.dump("PEM")}${certificate.dumpPEM()}`;
}

const names = ["localhost", "127.0.0.1", "::1"];
const secret = { mode: 0o600 };
writeFileSync(join(folder, "ca.pem"), authority.dumpPEM());
writeFileSync(join(folder, "server.pem"), issued("localhost", { subjectAltNames: names, uses: ["server"] }), secret);
writeFileSync(join(folder, "client.pem"), issued("ada", { uses: ["client"] }), secret);
console.log("Made ca.pem, server.pem and client.pem.");
