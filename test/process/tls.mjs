/**
 * TLS that comes and goes in one process, while Node's own https works in it.
 *
 *   node tls.mjs terminate ENGINE ROUNDS    workers that are terminated at a random moment
 *   node tls.mjs connect ENGINE COUNT       so many connections of one reactor
 *   node tls.mjs dribble ENGINE COUNT       so many clients at once that send a hello byte by byte, and never all of it
 *
 * ENGINE is a backend and its driver, as "epoll/pollable".
 * Prints "ok" when every descriptor is closed, https has answered throughout, and memory is about what it was.
 */
import { once } from "node:events";
import { createServer, request } from "node:https";
import { createConnection } from "node:net";
import { Worker } from "node:worker_threads";
import { descriptors, untilDescriptors } from "./descriptors.mjs";
import { load } from "./dist.mjs";
import { makeSecureTraffic, selfSigned } from "./tls-traffic.mjs";

const [, , what, engine, rounds] = process.argv;
/** What a process of this size may grow by from one measurement to the next without a leak: a leaked SSL takes 5 KiB. */
const GROWTH_MOST = 16 * 1024 * 1024;

await load("internet/reactor/native.js");
const certificate = selfSigned();
const https = createServer(
  { key: certificate.privateKey.dump("PEM"), cert: certificate.dumpPEM() },
  (_request, response) => response.end("hello"),
).listen(0, "127.0.0.1");
await once(https, "listening");

async function askHttps() {
  const options = {
    host: "127.0.0.1",
    port: https.address().port,
    ca: certificate.dumpPEM(),
    servername: "localhost",
    agent: false,
  };
  const sent = request(options).end();
  const [response] = await once(sent, "response");
  let body = "";
  for await (const part of response) body += part;
  if (body !== "hello") throw new Error(`https answered ${body}`);
  await new Promise((resolve) => setImmediate(resolve));
}

function resident() {
  globalThis.gc();
  return process.memoryUsage().rss;
}

async function terminate() {
  const worker = new Worker(new URL("tls-worker.mjs", import.meta.url), {
    workerData: { engine, tellAt: Math.ceil(Math.random() * 20) },
  });
  const asked = askHttps();
  await once(worker, "message");
  for (let turns = Math.floor(Math.random() * 5); turns > 0; turns--) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  await worker.terminate();
  await asked;
}

async function connect(count, resume) {
  const { reactor } = makeSecureTraffic(engine, { resume, onEnd: (ended) => ended < count });
  await Promise.all([reactor.run({ installSignalHandlers: false }), askHttps()]);
  reactor.destroy();
}

/** The beginning of a hello of 252 bytes. */
const HELLO = Buffer.from([22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3]);
const TIMEOUT_SECONDS = 2;
/** A client sends a few bytes before the timeout, and none of them ends the hello. */
const BYTE_EVERY_MS = 150;

/** A client that says `HELLO` byte by byte, again and again. Resolves when the server has closed. */
async function dribbler(port) {
  const socket = createConnection(port, "127.0.0.1").on("error", () => undefined);
  socket.resume();
  let at = 0;
  const timer = setInterval(() => {
    socket.write(HELLO.subarray(at, at + 1));
    at = (at + 1) % HELLO.length;
  }, BYTE_EVERY_MS);
  await new Promise((resolve) => socket.on("close", resolve));
  clearInterval(timer);
}

async function dribble(count) {
  const codes = new Map();
  const timedOut = () => codes.get("ERR_TLS_HANDSHAKE_TIMEOUT") ?? 0;
  const served = () => codes.get("ERR_CONNECTION_DONE") ?? 0;
  let lost = 0;
  const { reactor, port } = makeSecureTraffic(engine, {
    handshakeTimeout: TIMEOUT_SECONDS,
    // Honest clients are served all the while.
    onEnd: () => lost - served() < count,
    onServerLost(code) {
      lost++;
      codes.set(code, (codes.get(code) ?? 0) + 1);
    },
  });
  const dribblers = Array.from({ length: count }, () => dribbler(port.getHost().port));
  await Promise.all([reactor.run({ installSignalHandlers: false }), askHttps(), ...dribblers]);
  reactor.destroy();
  if (timedOut() !== count || served() === 0) throw new Error(`connections ended with ${[...codes].join(" ")}`);
}

const kinds = {
  dribble,
  async terminate(count) {
    await terminate();
    const baseline = descriptors();
    for (let i = 0; i < count; i++) {
      await terminate();
      await untilDescriptors(baseline, `round ${i}`);
    }
  },
  async connect(count) {
    // What libraries, V8 and malloc take once is taken in the first part.
    for (let i = 0; i < 4; i++) await connect(Math.ceil(count / 8), i % 2 === 0);
    const baseline = descriptors();
    const before = resident();
    for (let i = 0; i < 4; i++) {
      await connect(Math.ceil(count / 8), i % 2 === 0);
      await untilDescriptors(baseline, `part ${i}`);
    }
    const growth = resident() - before;
    if (growth > GROWTH_MOST) throw new Error(`${Math.round(growth / 1024)} KiB more after ${count / 2} connections`);
  },
};
await kinds[what](Number(rounds));
https.close();
console.log("ok");
