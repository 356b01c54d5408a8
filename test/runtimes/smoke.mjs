/**
 * What every reactor must do in every runtime: `smoke.mjs native|node`. "native" takes the best backend that is there,
 * and the reactor over Node's own sockets where the addon does not load. It says on its standard output, as JSON, which
 * reactor that was, and what each step came to.
 */
import { load } from "../process/dist.mjs";

import { smokeTLS } from "./tls.mjs";

const { Factory, ClientFactory, Protocol } = await load("internet/protocol.js");
const { NodeReactor } = await load("internet/reactor/node.js");

const CLIENTS = 20;
const BYTES = 256 * 1024;

async function makeReactor() {
  if (process.argv[2] === "node") return new NodeReactor();
  const { NativeReactor } = await load("internet/reactor/native.js");
  const { preferredBackend } = await load("internet/reactor/installation.js");
  try {
    return new NativeReactor(preferredBackend());
  } catch (error) {
    if (error.code !== "ERR_NATIVE_LOAD") throw error;
    return new NodeReactor();
  }
}

class Echo extends Protocol {
  dataReceived(data) {
    this.transport.write(data);
  }
}

/** Sends its bytes in pieces, ends its side when all came back, and tells how it was lost. */
class Caller extends Protocol {
  received = 0;
  wrong = 0;

  connectionMade() {
    for (let at = 0; at < BYTES; at += 4096) this.transport.write(Buffer.alloc(4096, (at / 4096) & 255));
  }

  dataReceived(data) {
    for (const byte of data) if (byte !== ((this.received++ >> 12) & 255)) this.wrong++;
    if (this.received === BYTES) this.transport.loseWriteConnection();
  }

  connectionLost(reason) {
    this.factory.ended({ received: this.received, wrong: this.wrong, why: reason.value.name });
  }
}

class CallerFactory extends ClientFactory {
  constructor(ended) {
    super();
    this.ended = ended;
  }

  buildProtocol() {
    const protocol = new Caller();
    protocol.factory = this;
    return protocol;
  }

  clientConnectionFailed(_connector, reason) {
    this.ended({ failed: reason.value.name });
  }
}

const call = (reactor, port) =>
  new Promise((resolve) => reactor.connectTCP("127.0.0.1", port, new CallerFactory(resolve), { timeout: 5 }));

const reactor = await makeReactor();
const ended = reactor.run({ installSignalHandlers: false });
const steps = {};

const listening = reactor.listenTCP(0, Factory.forProtocol(Echo), { interface: "127.0.0.1", backlog: 100 });
const { port } = listening.getHost();

const calls = await Promise.all(Array.from({ length: CLIENTS }, () => call(reactor, port)));
steps.echoed = calls.filter(({ received, wrong }) => received === BYTES && wrong === 0).length;
steps.ends = [...new Set(calls.map(({ why }) => why))];

try {
  reactor.listenTCP(port, Factory.forProtocol(Echo), { interface: "127.0.0.1" });
} catch (error) {
  steps.inUse = `${error.name} ${error.socketError}`;
}

await listening.stopListening();
steps.refused = (await call(reactor, port)).failed;

const before = reactor.seconds();
await new Promise((resolve) => reactor.callLater(0.05, resolve));
steps.waited = reactor.seconds() - before >= 0.05;

steps.tls = await smokeTLS(reactor);

reactor.stop();
await ended;
steps.left = reactor.stats().connections - reactor.stats().lingering;
process.stdout.write(`${JSON.stringify({ reactor: reactor.name, driver: reactor.driver ?? "node", ...steps })}\n`);
