/**
 * The clients of the soak programs, in a process of their own.
 *
 *   node peer.mjs churn PORT DRIVER     to { cycles }: connect, echo, close so often, 50 at a time
 *   node peer.mjs echo PORT DRIVER      to { milliseconds }: echo for so long over 50 connections
 *
 * Answers each order with { done, resident }: cycles or messages, and bytes. Every byte is compared.
 */
import { load } from "../process/dist.mjs";
import { residentBytes } from "./measure.mjs";

const { NativeReactor } = await load("internet/reactor/native.js");
const { ClientFactory, Protocol } = await load("internet/protocol.js");
const { ConnectionDone } = await load("internet/error.js");

const [, , kind, port, driver] = process.argv;
const CONNECTIONS = 50;
const SIZES = [64, 64, 64, 1024, 16 * 1024, 100 * 1024];
/** The first byte tells the server who closes. */
const PATTERN = Buffer.from(Uint8Array.from({ length: Math.max(...SIZES) }, (_, i) => (i * 7 + (i >> 8)) & 255));

const reactor = new NativeReactor("epoll", { driver });
let left = 0;
let done = 0;
let deadline = 0;
let active = 0;

function finish() {
  process.send({ done, resident: residentBytes() });
  done = 0;
}

class Client extends Protocol {
  received = 0;

  dataReceived(data) {
    const { message } = this.factory;
    const expected = message.subarray(this.received, this.received + data.length);
    if (!expected.equals(data)) throw new Error(`wrong bytes at ${this.received}`);
    this.received += data.length;
    if (this.received < message.length) return;
    this.received = 0;
    this.answered();
  }

  connectionLost(reason) {
    if (!(reason.value instanceof ConnectionDone)) throw reason.value;
  }
}

/** One cycle: the server closes on an odd first byte, else the client does. */
class Cycle extends Client {
  connectionMade() {
    this.transport.write(this.factory.message);
  }

  answered() {
    if (this.factory.message[0] === 0) this.transport.loseConnection();
  }
}

class Asker extends Client {
  static borrows = true;

  connectionMade() {
    if (++active === CONNECTIONS) process.send({ done: 0, resident: residentBytes() });
    askers.push(this);
  }

  ask() {
    this.transport.write(this.factory.message);
  }

  answered() {
    done++;
    if (performance.now() < deadline) this.ask();
    else if (--active === 0) finish();
  }
}

const askers = [];

class Cycles extends ClientFactory {
  constructor(closer) {
    super();
    this.protocol = Cycle;
    this.message = Buffer.from(PATTERN.subarray(0, 64));
    this.message[0] = closer;
  }

  clientConnectionFailed(_connector, reason) {
    throw reason.value;
  }

  clientConnectionLost() {
    done++;
    active--;
    if (left > 0) begin();
    else if (active === 0) finish();
  }
}

const factories = [new Cycles(0), new Cycles(1)];

function begin() {
  left--;
  active++;
  reactor.connectTCP("127.0.0.1", Number(port), factories[left % 2]);
}

if (kind === "echo") {
  for (let i = 0; i < CONNECTIONS; i++) {
    const factory = ClientFactory.forProtocol(Asker);
    factory.message = PATTERN.subarray(0, SIZES[i % SIZES.length]);
    reactor.connectTCP("127.0.0.1", Number(port), factory);
  }
}

process.on("message", ({ cycles, milliseconds }) => {
  if (cycles !== undefined) {
    left = cycles;
    while (left > 0 && active < CONNECTIONS) begin();
    return;
  }
  deadline = performance.now() + milliseconds;
  active = CONNECTIONS;
  for (const asker of askers) asker.ask();
});
process.on("disconnect", () => process.exit());
await reactor.run({ installSignalHandlers: false });
