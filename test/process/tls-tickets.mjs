/**
 * Servers in workers, or in processes, that share the keys of their tickets, and a client that goes from one to the next.
 *
 *   node tls-tickets.mjs ENGINE PLACE VERSION
 *
 * ENGINE is a backend and its driver, as "epoll/pollable", or "node"; PLACE "worker" or "process"; VERSION of TLS. Prints what
 * the connections of each client were, one client a line.
 */
import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { load } from "./dist.mjs";
import { reactorOf, selfSigned } from "./tls-traffic.mjs";

const { ClientFactory, Protocol } = await load("internet/protocol.js");
const { optionsForClientTLS } = await load("entries/ssl.js");
const [, , engine, place, version] = process.argv;

const certificate = selfSigned();
const identity = { key: certificate.privateKey.dump("PEM").toString(), certificate: certificate.dumpPEM() };
const script = new URL("tls-ticket-server.mjs", import.meta.url);

async function serve(...keys) {
  const data = { engine, identity, version, keys };
  const server = place === "worker" ? new Worker(script, { workerData: data }) : fork(script, [JSON.stringify(data)]);
  const [port] = await once(server, "message");
  const end = async () => {
    if (place === "worker") server.postMessage("end");
    else server.send("end");
    const [code] = await once(server, "exit");
    if (code !== 0) throw new Error(`a server ended with ${code}`);
  };
  return { port, end };
}

class Listener extends Protocol {
  dataReceived(data) {
    const own = this.transport.isSessionReused() ? "resumed" : "full";
    this.factory.heard = own === String(data) ? own : `${own} here, ${data} there`;
    this.transport.loseConnection();
  }
}

const reactor = reactorOf(engine);

/** What a client of its own is at each of these servers, one after the other. */
async function visit(...servers) {
  const options = optionsForClientTLS("localhost", { trustRoot: certificate });
  const were = [];
  for (const { port } of servers) {
    const factory = ClientFactory.forProtocol(Listener);
    const ended = new Promise((resolve, reject) => {
      factory.clientConnectionFailed = (_, reason) => reject(reason.value);
      factory.clientConnectionLost = (_, reason) => (factory.heard ? resolve() : reject(reason.value));
    });
    reactor.connectSSL("127.0.0.1", port, factory, options);
    await ended;
    were.push(factory.heard);
  }
  console.log(were.join(", "));
}

const [old, renewed, other] = [1, 2, 3].map(() => randomBytes(80).toString("hex"));
const servers = await Promise.all([serve(old), serve(old), serve(other), serve(renewed, old), serve(renewed)]);
const [first, second, foreign, rotating, rotated] = servers;
const ended = reactor.run();
await visit(first, second, first);
await visit(first, foreign);
await visit(first, rotating, rotated);
await visit(first, rotated);
await Promise.all(servers.map(({ end }) => end()));
reactor.stop();
await ended;
