/**
 * What is left of a key and its passphrase in the memory of a process whose server has used them, and that has wiped what it
 * gave: the heap, Buffers, and what is outside both.
 *
 *   node tls-memory.mjs ENGINE
 *
 * ENGINE is a backend and its driver, as "epoll/pollable", or "node". Prints how often each was found.
 */
import { generateKeyPairSync } from "node:crypto";
import { openSync, readFileSync, readSync } from "node:fs";
import { load } from "./dist.mjs";
import { reactorOf } from "./tls-traffic.mjs";

const { ClientFactory, Factory, Protocol } = await load("internet/protocol.js");
const { CertificateOptions, KeyPair, optionsForClientTLS } = await load("entries/ssl.js");

/** What is looked for is kept with its bits flipped, so that it is not found itself. */
const flipped = (bytes) => bytes.map((byte) => byte ^ 0xff);
const DIGITS = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

/** Base64 of it, never readable on the way. */
function flippedBase64(bytes) {
  const flippedDigits = [];
  for (let at = 0; at + 2 < bytes.length; at += 3) {
    const bits = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
    for (const shift of [18, 12, 6, 0]) flippedDigits.push(DIGITS[(bits >> shift) & 63] ^ 0xff);
  }
  return Buffer.from(flippedDigits);
}

const { privateKey } = generateKeyPairSync("ed25519");
const passphrase = Buffer.alloc(24);
for (let i = 0; i < passphrase.length; i++) passphrase[i] = 97 + ((i * i * 7 + 3 * i) % 26);
const key = new KeyPair(privateKey);
const der = key.dump("DER");
const sought = { passphrase: flipped(passphrase), pem: flippedBase64(der).subarray(24, 56) };
der.fill(0);
const encrypted = key.dump("PEM", passphrase);

const root = KeyPair.generate("ed25519").selfSignedCert({ commonName: "root" }, { isAuthority: true });
const names = { subjectAltNames: ["localhost"] };
const certificate = root.signRequestObject(key.requestObject({ commonName: "localhost" }), names);
const options = new CertificateOptions({ certificate, privateKey: encrypted, passphrase });
const again = new KeyPair(encrypted, passphrase);
encrypted.fill(0);
passphrase.fill(0);

class Greeter extends Protocol {
  handshakeCompleted() {
    this.transport.write("hello");
  }
}
const reactor = reactorOf(process.argv[2]);
const port = reactor.listenSSL(0, Factory.forProtocol(Greeter), options, { interface: "127.0.0.1" });
const ended = reactor.run();
await new Promise((resolve) => {
  class Listener extends Protocol {
    dataReceived() {
      resolve();
    }
  }
  const ofClient = optionsForClientTLS("localhost", { trustRoot: root });
  reactor.connectSSL("127.0.0.1", port.getHost().port, ClientFactory.forProtocol(Listener), ofClient);
});
globalThis.gc();

const memory = openSync("/proc/self/mem", "r");
const STEP = 1024 * 1024;
const window = Buffer.alloc(STEP);
/** 0 for pages that belong to a device, or that another thread has given back meanwhile. */
function read(at, length) {
  try {
    return readSync(memory, window, 0, length, at);
  } catch (error) {
    if (error.code === "EIO") return 0;
    throw error;
  }
}
const found = Object.fromEntries(Object.keys(sought).map((what) => [what, 0]));
for (const line of readFileSync("/proc/self/maps", "latin1").split("\n")) {
  const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
  if (from === undefined) continue;
  const last = Number.parseInt(to, 16);
  for (let at = Number.parseInt(from, 16); at < last; at += STEP) {
    const count = read(at, Math.min(STEP, last - at));
    for (let i = 0; i < count; i++) window[i] ^= 0xff;
    const bytes = window.subarray(0, count);
    for (const [what, needle] of Object.entries(sought)) {
      for (let place = bytes.indexOf(needle); place >= 0; place = bytes.indexOf(needle, place + 1)) found[what]++;
    }
    window.fill(0);
  }
}
console.log(JSON.stringify(found));
if (again.privateKey === undefined) throw new Error("the key is in use until here");
await reactor[Symbol.asyncDispose]();
await ended;
