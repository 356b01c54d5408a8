/** TLS in a runtime: what works, who is refused, and which options are, because its TLS would ignore them. */
import { load } from "../process/dist.mjs";

const { Factory, ClientFactory, Protocol } = await load("internet/protocol.js");
const { CertificateOptions, KeyPair, optionsForClientTLS } = await load("entries/ssl.js");

const HOST = "localhost";
const CLIENTS = 5;
const BYTES = 100_000;

function authority(commonName) {
  const own = KeyPair.generate("ed25519").selfSignedCert({ commonName }, { isAuthority: true });
  const issue = (options) => {
    const key = KeyPair.generate("ec");
    return key.newCertificate(own.signRequestObject(key.requestObject({ commonName }), options).dump());
  };
  return { own, issue };
}

const root = authority("Root");
const stranger = authority("Stranger");
const certificate = root.issue({ subjectAltNames: [HOST] });
const ofClient = root.issue({ subjectAltNames: ["ada"], uses: ["client"] });

class Echo extends Protocol {
  dataReceived(data) {
    this.transport.write(data);
  }
}

/** Sends, ends when all came back, and tells what it saw. */
class Caller extends Protocol {
  received = [];
  count = 0;

  handshakeCompleted() {
    const { version } = this.transport.getTLSInfo();
    this.version = version;
    this.transport.write(Buffer.alloc(BYTES, "skein"));
  }

  dataReceived(data) {
    this.received.push(Buffer.from(data));
    this.count += data.length;
    if (this.count === BYTES) this.transport.loseConnection();
  }

  connectionLost({ value }) {
    const whole = Buffer.concat(this.received).equals(Buffer.alloc(BYTES, "skein"));
    this.factory.ended(value.name === "TLSError" ? value.code : `${this.version} ${whole} ${value.name}`);
  }
}

class CallerFactory extends ClientFactory {
  constructor(ended) {
    super();
    this.ended = ended;
  }

  buildProtocol() {
    return Object.assign(new Caller(), { factory: this });
  }
}

/** Options that a runtime may not know, each with another value than the default. */
const OPTIONS = {
  acceptableCiphers: "ECDHE-ECDSA-AES256-GCM-SHA384",
  cipherSuites: "TLS_AES_256_GCM_SHA384",
  groups: ["P-384"],
  signatureAlgorithms: ["ecdsa_secp256r1_sha256"],
  securityLevel: 3,
  ocspResponse: Buffer.from("response"),
  ticketKeys: [Buffer.alloc(80, 1)],
  keyLog: () => {},
};

/** `reactor` runs. A string where it has no TLS. */
export async function smokeTLS(reactor) {
  const listen = (options) =>
    reactor.listenSSL(0, Factory.forProtocol(Echo), new CertificateOptions({ certificate, ...options }), {
      interface: "127.0.0.1",
    });
  const dial = (port, options = {}, host = HOST) =>
    new Promise((resolve) => {
      const tls = optionsForClientTLS(host, { trustRoot: root.own, ...options });
      reactor.connectSSL("127.0.0.1", port.getHost().port, new CallerFactory(resolve), tls);
    });

  let port;
  try {
    port = listen({});
  } catch (error) {
    return error.code;
  }
  const calls = await Promise.all(Array.from({ length: CLIENTS }, () => dial(port)));
  const old = await dial(port, { lowerMaximumSecurityTo: "TLSv1.2" });
  const unknown = await dial(port, { trustRoot: stranger.own });
  const otherName = await dial(port, {}, "other.example");
  const verified = listen({ trustRoot: root.own });
  const known = await dial(verified, { clientCertificate: ofClient });
  const strict = listen({ raiseMinimumTo: "TLSv1.3" });
  const tooOld = await dial(strict, { lowerMaximumSecurityTo: "TLSv1.2" });
  const nobody = await dial(verified);
  const wrong = await dial(verified, { clientCertificate: stranger.issue({ uses: ["client"] }) });
  const ports = [port, verified, strict];
  const ignored = Object.entries(OPTIONS).flatMap(([name, value]) => {
    try {
      ports.push(listen({ [name]: value }));
      return [];
    } catch (error) {
      return error.code === "ERR_TLS_OPTIONS" ? [name] : [`${name}: ${error}`];
    }
  });
  await Promise.all(ports.map((one) => one.stopListening()));
  const refused = Object.entries({ unknown, otherName, tooOld, nobody, wrong })
    .filter(([, what]) => /^ERR_TLS_(?!OPTIONS)/.test(what))
    .map(([name]) => name);
  return { echoed: [...new Set([...calls, old])], known, refused, ignored };
}
