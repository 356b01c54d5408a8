/**
 * A reactor whose clients talk to its own server over TLS, and connect anew again and again: there are always some that
 * shake hands, some that talk and some that end.
 */
import { load } from "./dist.mjs";

const { NativeReactor } = await load("internet/reactor/native.js");
const { NodeReactor } = await load("internet/reactor/node.js");
const { ClientFactory, Factory, Protocol } = await load("internet/protocol.js");
const { CertificateOptions, KeyPair, optionsForClientTLS } = await load("entries/ssl.js");

/** A certificate that signs itself. */
export function selfSigned() {
  return KeyPair.generate("ed25519").selfSignedCert({ commonName: "localhost" }, { subjectAltNames: ["localhost"] });
}

/**
 * More clients than any program here has. Of one for which there is no room in the queue, the kernel may lose the first
 * bytes: it answers with a SYN cookie, and takes the first segment that it has room for as the beginning of the stream.
 */
const BACKLOG = 4096;

class Echo extends Protocol {
  dataReceived(data) {
    this.transport.write(data);
  }

  connectionLost(reason) {
    this.factory.onLost(reason.value.code);
  }
}

class Asker extends Protocol {
  left = 3;
  missing = 0;

  connectionMade() {
    this.ask();
  }

  ask() {
    const { message } = this.factory;
    this.missing = message.length;
    this.transport.write(message);
  }

  dataReceived(data) {
    this.missing -= data.length;
    if (this.missing > 0) return;
    if (--this.left > 0) this.ask();
    else this.transport.loseConnection();
  }
}

class Askers extends ClientFactory {
  protocol = Asker;
  ended = 0;

  constructor(message, clients, onEnd, onAll) {
    super();
    this.message = message;
    this.clients = clients;
    this.onEnd = onEnd;
    this.onAll = onAll;
  }

  clientConnectionFailed(_connector, reason) {
    throw reason.value;
  }

  clientConnectionLost(connector, reason) {
    if (reason.value.code !== "ERR_CONNECTION_DONE") throw reason.value;
    if (this.onEnd(++this.ended) !== false) connector.connect();
    else if (--this.clients === 0) this.onAll();
  }
}

/** `engine` is a backend and its driver, as "epoll/pollable"; or "node". */
export function reactorOf(engine) {
  const [backend, driver] = engine.split("/");
  return backend === "node" ? new NodeReactor() : new NativeReactor(backend, { driver });
}

/**
 * `onEnd(count)` hears of each connection that has ended as it should; when it returns false, that client connects no more.
 * The reactor stops when none does. `onServerLost(code)` hears how each connection ended at the server.
 */
export function makeSecureTraffic(engine, options) {
  const { onEnd, bytes = 500, clients = 4, resume = true, handshakeTimeout = 30, onServerLost = () => {} } = options;
  const reactor = reactorOf(engine);
  const certificate = selfSigned();
  const server = new CertificateOptions({ certificate, handshakeTimeout });
  const echoes = Object.assign(Factory.forProtocol(Echo), { onLost: onServerLost });
  const port = reactor.listenSSL(0, echoes, server, { interface: "127.0.0.1", backlog: BACKLOG });
  const askers = new Askers(Buffer.alloc(bytes, "skein"), clients, onEnd, () => reactor.stop());
  const clientOptions = () => optionsForClientTLS("localhost", { trustRoot: certificate });
  const shared = clientOptions();
  for (let i = 0; i < clients; i++) {
    reactor.connectSSL("127.0.0.1", port.getHost().port, askers, resume ? shared : clientOptions());
  }
  return { reactor, port };
}
