/**
 * Runs one scenario again and again, failing a system call of the engine in each: an echo server and three clients over
 * loopback on one reactor, owning and borrowing ends mixed.
 *
 *   LD_PRELOAD=faults.node node scenario.mjs FAULTS.NODE DRIVER [tls]
 *
 * In each of the shim's cases, which are the rows of native/net/errno_table.h, the first call fails, then in another run
 * the second, and so on to the highest of the case or until the scenario makes no more of them. Prints a line "case …"
 * before each run, "failed …" after one that went wrong, "missed …" when not even the first call was made, and at the end
 * "done" with the number of faults.
 */
import { readdirSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { getSystemErrorName } from "node:util";
import { load } from "../process/dist.mjs";

const [, , faultsPath, driver, securing] = process.argv;
const faults = createRequire(import.meta.url)(faultsPath);
const { NativeReactor } = await load("internet/reactor/native.js");
const { ClientFactory, Factory, Protocol } = await load("internet/protocol.js");
const { ConnectionDone } = await load("internet/error.js");
const { setObserver } = await load("logger/log.js");

const secure = securing === "tls" ? await makeSecure() : undefined;

/** The options of both sides. Sessions are resumed, but for the first ones. */
async function makeSecure() {
  const { CertificateOptions, KeyPair, optionsForClientTLS } = await load("entries/ssl.js");
  const certificate = KeyPair.generate("ed25519").selfSignedCert(
    { commonName: "localhost" },
    { subjectAltNames: ["localhost"] },
  );
  return {
    ofServer: new CertificateOptions({ certificate }),
    ofClient: optionsForClientTLS("localhost", { trustRoot: certificate }),
  };
}

const PATIENCE_MS = 30_000;
/** Sizes of what a client sends and waits for, one after the other; one of several pieces leaves by sendmsg(2). */
const MESSAGES = [[64], [1000], [700, 700, 700], [1], [5000], [64], [40_000]];
const CLIENTS = 3;

const TOTAL = MESSAGES.flat().reduce((sum, size) => sum + size, 0);
const PATTERNS = Array.from({ length: CLIENTS }, (_, client) =>
  Buffer.from(Uint8Array.from({ length: TOTAL }, (_, i) => (i * 7 + (i >> 8) + client * 85) & 255)),
);

/** One run: what happened at each end of each connection. */
class Run {
  /** Ends by the port of the client's socket, which both ends know. */
  clients = [];
  servers = [];
  complaints = [];
  clientsLeft = CLIENTS;
  port = undefined;
  portStopped = false;
  finished = new Promise((resolve) => {
    this.finish = resolve;
  });

  check() {
    if (this.clientsLeft === 0 && this.port !== undefined) {
      const { port } = this;
      this.port = undefined;
      port.stopListening().addBoth(() => {
        this.portStopped = true;
        this.check();
      });
    }
    if (this.portStopped && this.servers.every((end) => end.lost)) this.finish();
  }
}

let run;
let built = 0;

class End extends Protocol {
  run = run;
  lost = false;
  reason = undefined;
  clientPort = 0;

  connectionLost(reason) {
    if (this.lost) this.run.complaints.push("connectionLost() came twice");
    this.lost = true;
    this.reason = reason.value;
    this.ended();
    this.run.check();
  }

  ended() {}
}

class Echo extends End {
  connectionMade() {
    this.clientPort = this.transport.getPeer().port;
    this.run.servers.push(this);
  }

  dataReceived(data) {
    if (this.lost) this.run.complaints.push("the server received after the loss");
    this.transport.write(data);
  }
}

class BorrowingEcho extends Echo {
  static borrows = true;
}

class Asker extends End {
  index = 0;
  sent = 0;
  received = 0;
  messages = 0;

  connectionMade() {
    this.clientPort = this.transport.getHost().port;
    this.send();
  }

  send() {
    for (const size of MESSAGES[this.messages]) {
      this.transport.write(PATTERNS[this.index].subarray(this.sent, this.sent + size));
      this.sent += size;
    }
    this.messages++;
  }

  dataReceived(data) {
    if (this.lost) this.run.complaints.push("a client received after the loss");
    const expected = PATTERNS[this.index].subarray(this.received, this.received + data.length);
    if (!expected.equals(data)) this.run.complaints.push(`wrong bytes at ${this.received} of client ${this.index}`);
    this.received += data.length;
    if (this.received < this.sent) return;
    if (this.messages < MESSAGES.length) this.send();
    else this.transport.loseConnection();
  }

  ended() {
    this.run.clientsLeft--;
  }
}

class BorrowingAsker extends Asker {
  static borrows = true;
}

class EchoFactory extends Factory {
  buildProtocol() {
    return built++ % 4 < 2 ? new Echo() : new BorrowingEcho();
  }
}

class AskerFactory extends ClientFactory {
  constructor(index) {
    super();
    this.run = run;
    this.index = index;
  }

  buildProtocol() {
    const asker = this.index % 2 === 0 ? new Asker() : new BorrowingAsker();
    asker.index = this.index;
    this.run.clients.push(asker);
    return asker;
  }

  clientConnectionFailed(_connector, reason) {
    this.run.clients.push({ index: this.index, lost: true, reason: reason.value, received: 0, clientPort: 0 });
    this.run.clientsLeft--;
    this.run.check();
  }
}

/** What went wrong in this run, as text; undefined when nothing did. `least` to `most` connections may be hurt. */
async function once(least, most) {
  run = new Run();
  let notListening;
  try {
    const options = { interface: "127.0.0.1" };
    run.port = secure
      ? reactor.listenSSL(0, new EchoFactory(), secure.ofServer, options)
      : reactor.listenTCP(0, new EchoFactory(), options);
    const { port } = run.port.getHost();
    for (let i = 0; i < CLIENTS; i++) {
      const options = i === 1 ? { bindAddress: ["127.0.0.1", 0] } : {};
      if (secure) reactor.connectSSL("127.0.0.1", port, new AskerFactory(i), secure.ofClient, options);
      else reactor.connectTCP("127.0.0.1", port, new AskerFactory(i), options);
    }
  } catch (error) {
    if (error.code !== "ERR_CANNOT_LISTEN") throw error;
    notListening = error;
    run.finish();
  }
  const inTime = await within(PATIENCE_MS, run.finished);
  if (!inTime) return `no end after ${PATIENCE_MS} ms: ${state(run)}`;
  if (!(await settled())) {
    return `not all is closed: ${descriptors()} descriptors, ${baseline} before; ${JSON.stringify(reactor.stats())}`;
  }
  if (run.complaints.length > 0) return run.complaints.join("; ");
  // A port that does not open has no connections to hurt: it counts as one.
  const count = notListening === undefined ? countHurt(run) : 1;
  if (count < least || count > most) {
    return `${count} connections were hurt, not ${least} to ${most}: ${notListening?.message ?? state(run)}`;
  }
  return undefined;
}

function countHurt({ clients, servers }) {
  const connected = new Set(clients.map(({ clientPort }) => clientPort).filter((port) => port !== 0));
  const hurt = new Set();
  let failed = 0;
  for (const { clientPort, reason, received } of clients) {
    if (clientPort === 0) failed++;
    else if (!(reason instanceof ConnectionDone) || received !== TOTAL) hurt.add(clientPort);
  }
  let orphans = 0;
  for (const { clientPort, reason } of servers) {
    if (reason instanceof ConnectionDone) continue;
    if (connected.has(clientPort)) hurt.add(clientPort);
    else orphans++;
  }
  // The servers of attempts that failed are the same connections; over TLS they are cut off.
  return hurt.size + Math.max(failed, orphans);
}

function state({ clients, servers, portStopped }) {
  const text = (end) => `${end.clientPort} ${end.lost ? (end.reason?.message ?? "lost") : "open"}`;
  const sides = [clients.map((end) => `${text(end)} after ${end.received} bytes`), servers.map(text)];
  return `clients [${sides[0].join(", ")}], servers [${sides[1].join(", ")}], port ${portStopped ? "closed" : "open"}`;
}

function descriptors() {
  return readdirSync("/proc/self/fd").length;
}

/** True once every descriptor of the run is closed; it takes the turns in which the last FINs arrive. */
async function settled() {
  const deadline = performance.now() + PATIENCE_MS;
  while (descriptors() !== baseline) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return true;
}

async function within(ms, promise) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const inTime = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}

setObserver((event) => {
  if (event.level === "error") run?.complaints.push(`logged: ${event.message} ${event.error ?? ""}`);
});
const reactor = new NativeReactor("epoll", { driver });
const ended = reactor.run({ installSignalHandlers: false });
let baseline = descriptors();
const atFirst = (await once(0, 0)) ?? (await once(0, 0));
if (atFirst !== undefined) throw new Error(`Without any fault: ${atFirst}`);
baseline = descriptors();

let taken = 0;
for (const { call, errno, least, most, highest } of faults.cases()) {
  // What TLS has sealed is one piece: it leaves by send(2).
  if (secure && call === "sendmsg") continue;
  for (let n = 1; n <= highest; n++) {
    const name = `${call} #${n} ${getSystemErrorName(-errno)}`;
    writeSync(1, `case ${name}\n`);
    faults.arm(call, n, errno);
    const wrong = await once(least, most);
    if (!faults.disarm()) {
      if (n === 1) writeSync(1, `missed ${name}\n`);
      break;
    }
    taken++;
    if (wrong === undefined) continue;
    writeSync(1, `failed ${name}: ${wrong}\n`);
    // Whatever is stuck must not be counted against the next case.
    for (const port of [...reactor.ports]) port.stopListening();
    baseline = descriptors();
  }
}
reactor.stop();
await ended;
reactor.destroy();
writeSync(1, `done ${taken}\n`);
