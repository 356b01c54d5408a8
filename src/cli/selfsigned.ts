/**
 * A key and a certificate for a first try of TLS: made in memory, new at each start, for this machine's names. Whoever connects
 * cannot know whose it is but by its fingerprint.
 */
import { createHash } from "node:crypto";
import { networkInterfaces } from "node:os";
import type { ListeningPort } from "../internet/interfaces.ts";
import { KeyPair, type PrivateCertificate } from "../internet/tls/keypair.ts";
import type { ContextFactory } from "../internet/tls/seam.ts";

const DAY_SECONDS = 24 * 3600;
/** Where this machine reaches a port that listens on every interface. */
const HERE = new Map([
  ["0.0.0.0", "127.0.0.1"],
  ["::", "::1"],
]);

export class SelfSigned {
  readonly #certificate: PrivateCertificate;
  readonly options: ContextFactory;

  /** For localhost, and for each address of this machine. */
  constructor() {
    const addresses = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .map(({ address }) => address.replace(/%.*$/, ""));
    this.#certificate = KeyPair.generate().selfSignedCert(
      { commonName: "skein --self-signed" },
      { subjectAltNames: [...new Set(["localhost", "127.0.0.1", "::1", ...addresses])], seconds: DAY_SECONDS },
    );
    this.options = this.#certificate.options();
  }

  /** What its user is told: what it is, and how to connect to a port in spite of it. */
  introduction(port: ListeningPort): string {
    const { host, port: number } = port.getHost();
    const bare = HERE.get(host) ?? host;
    const reached = bare.includes(":") ? `[${bare}]:${number}` : `${bare}:${number}`;
    const key = this.#certificate.getPublicKey().export({ format: "der", type: "spki" });
    const pin = createHash("sha256").update(key).digest("base64");
    return `skein: the certificate is self-signed, and made anew at each start. Nobody should trust it: it is for a first try
skein: its SHA-256 fingerprint is ${this.#certificate.digest()}
skein: try: openssl s_client -quiet -connect ${reached}
skein: or, when the service speaks HTTP: curl --insecure --pinnedpubkey "sha256//${pin}" https://${reached}/
`;
  }
}
