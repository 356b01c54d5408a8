/**
 * TLS that comes and goes in one process, while Node's own https works in it.
 *
 *   node tls.mjs terminate DRIVER ROUNDS    workers that are terminated at a random moment
 *   node tls.mjs connect DRIVER COUNT       so many connections of one reactor
 *   node tls.mjs dribble DRIVER COUNT       so many clients at once that send a hello byte by byte, and never all of it
 *
 * Prints "ok" when every descriptor is closed, https has answered throughout, and memory is about what it was.
 */
import { once } from "node:events";
import { createServer, request } from "node:https";
import { createConnection } from "node:net";
import { Worker } from "node:worker_threads";
import { descriptors, untilDescriptors } from "./descriptors.mjs";
import { load } from "./dist.mjs";
import { makeSecureTraffic, selfSigned } from "./tls-traffic.mjs";

const [, , what, driver, rounds] = process.argv;
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
    workerData: { driver, tellAt: Math.ceil(Math.random() * 20) },
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
  const { reactor } = makeSecureTraffic(driver, { resume, onEnd: (ended) => ended < count });
  await Promise.all([reactor.run({ installSignalHandlers: false }), askHttps()]);
  reactor.destroy();
}

/** The beginning of a hello of 252 bytes. */
const HELLO = Buffer.from([22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3]);
const TIMEOUT_SECONDS = 2;

async function dribble(count) {
  const codes = new Map();
  const lost = (code) => codes.set(code, (codes.get(code) ?? 0) + 1);
  const { reactor, port } = makeSecureTraffic(driver, {
    handshakeTimeout: TIMEOUT_SECONDS,
    // Honest clients are served all the while.
    onEnd: () => codes.get("ERR_TLS_HANDSHAKE_TIMEOUT") !== count,
    onServerLost: lost,
  });
  const sockets = Array.from({ length: count }, () => {
    const socket = createConnection(port.getHost().port, "127.0.0.1").on("error", () => undefined);
    socket.resume();
    let at = 0;
    const say = () => {
      if (socket.destroyed) return;
      socket.write(HELLO.subarray(at % HELLO.length, (at++ % HELLO.length) + 1));
      setTimeout(say, 100);
    };
    say();
    return new Promise((resolve) => socket.on("close", resolve));
  });
  await Promise.all([reactor.run({ installSignalHandlers: false }), askHttps(), ...sockets]);
  reactor.destroy();
  if (!codes.get("ERR_CONNECTION_DONE")) throw new Error("no honest client was served");
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
