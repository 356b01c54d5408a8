/** Node's http, http2 and tls over the reactor's connections, on both sides. */
import { once } from "node:events";
import * as http from "node:http";
import * as http2 from "node:http2";
import { buffer, text } from "node:stream/consumers";
import * as tls from "node:tls";
import { expect, test } from "vitest";
import { fromDuplex, type SocketDuplex } from "../../src/entries/streams.ts";
import { ConnectionDone, ConnectionLost } from "../../src/internet/error.ts";
import { Echo } from "../../src/protocols/wire.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { closed, dialDuplex, serveDuplex } from "../helpers/duplexes.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { freePort } from "../helpers/freeport.ts";
import { Gate } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachRealReactor } from "../helpers/reactors.ts";
import { FlowRecorder, Recorder } from "../helpers/recorder.ts";

const MIB = 1024 * 1024;
/** TLS ends its own stream before the one below, and still has to send then. */
const HALF_OPEN = { allowHalfOpen: true };
const { key, cert } = makeCertificate();

function check(bytes: Buffer): [number, number] {
  const taken = new FlowCheck();
  taken.take(bytes);
  return [taken.at, taken.firstWrong];
}

forEachRealReactor((make) => {
  test("http: 4 MiB up and down, over one keep-alive connection", async () => {
    const reactor = make();
    const server = http.createServer((request, response) => request.pipe(response));
    const sockets: SocketDuplex[] = [];
    const port = serveDuplex(reactor, (duplex) => {
      sockets.push(duplex);
      server.emit("connection", duplex);
    });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    agent.createConnection = () => dialDuplex(reactor, port);
    for (let round = 0; round < 3; round++) {
      const request = http.request({ agent, host: "127.0.0.1", method: "POST", path: "/" });
      request.end(flow(4 * MIB));
      const [response] = (await once(request, "response")) as [http.IncomingMessage];
      expect(response.statusCode).toBe(200);
      expect(check(await buffer(response))).toEqual([4 * MIB, -1]);
    }
    expect(sockets.length).toBe(1);
    agent.destroy();
    await closed(sockets[0]!);
    server.close();
  });

  test("http: pipelined requests of a plain socket are answered in order, with the peer's address", async () => {
    const reactor = make();
    const server = http.createServer((request, response) => {
      response.end(`${request.url} of ${request.socket.remoteAddress}`);
    });
    const port = serveDuplex(reactor, (duplex) => server.emit("connection", duplex));
    const peer = await Peer.connect(port);
    peer.write("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const answers = await peer.rest();
    expect(answers.match(/\/\d of [\d.]+/g)).toEqual(["/1 of 127.0.0.1", "/2 of 127.0.0.1"]);
    peer.end();
    server.close();
  });

  test("http: a server's timeout closes an idle connection, and a bad request gets 400", async () => {
    const reactor = make();
    const server = http.createServer();
    server.timeout = 50;
    const port = serveDuplex(reactor, (duplex) => server.emit("connection", duplex));
    const silent = await Peer.connect(port);
    await silent.ended;
    silent.end();
    const bad = await Peer.connect(port);
    bad.write("what is this?\r\n\r\n");
    expect(await bad.rest()).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    bad.end();
    server.close();
  });

  test("http: an upgrade passes on the connection with the bytes after the request", async () => {
    const reactor = make();
    const server = http.createServer();
    server.on("upgrade", (_request, socket, head) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
      socket.write(head);
      socket.pipe(socket);
    });
    const port = serveDuplex(reactor, (duplex) => server.emit("connection", duplex));
    const peer = await Peer.connect(port);
    peer.end("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhead");
    expect((await peer.rest()).split("\r\n\r\n")[1]).toBe("head");
    server.close();
  });

  test("http: a client gets Node's codes for a refused and a reset connection", async () => {
    const reactor = make();
    const nobody = await freePort();
    const options = (port: number): http.RequestOptions => ({ createConnection: () => dialDuplex(reactor, port) });
    const refused = http.get("http://localhost/", options(nobody));
    await expect(once(refused, "response")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    const port = serveDuplex(reactor, (duplex) => duplex.once("data", () => duplex.resetAndDestroy()));
    const reset = http.get("http://localhost/", options(port));
    await expect(once(reset, "response")).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  test("http2: 8 streams of 512 KiB each at once over one connection", async () => {
    const reactor = make();
    const server = http2.createServer();
    server.on("stream", (stream) => {
      stream.respond({ ":status": 200 });
      stream.pipe(stream);
    });
    const port = serveDuplex(reactor, (duplex) => server.emit("connection", duplex));
    const client = http2.connect("http://localhost", { createConnection: () => dialDuplex(reactor, port) });
    const answers = Array.from({ length: 8 }, () => {
      const stream = client.request({ ":method": "POST", ":path": "/" });
      stream.end(flow(MIB / 2));
      return buffer(stream);
    });
    for (const answer of await Promise.all(answers)) expect(check(answer)).toEqual([MIB / 2, -1]);
    client.close();
    await once(client, "close");
  });

  test("tls: 8 MiB each way at once, both sides over the reactor's connections", async () => {
    const reactor = make();
    const port = serveDuplex(
      reactor,
      (duplex) => {
        const secure = new tls.TLSSocket(duplex as never, { isServer: true, key, cert });
        secure.pipe(secure);
      },
      HALF_OPEN,
    );
    const socket = dialDuplex(reactor, port, HALF_OPEN) as never;
    const client = tls.connect({ socket, servername: "localhost", ca: cert });
    await once(client, "secureConnect");
    expect(client.authorized).toBe(true);
    client.end(flow(8 * MIB));
    expect(check(await buffer(client))).toEqual([8 * MIB, -1]);
    await closed(client);
  });

  test("tls: an untrusted certificate is refused, and both ends close", async () => {
    const reactor = make();
    const accepted = new Gate<SocketDuplex>();
    const port = serveDuplex(
      reactor,
      (duplex) => {
        const secure = new tls.TLSSocket(duplex as never, { isServer: true, key, cert });
        secure.on("error", () => {});
        secure.on("end", () => secure.destroy());
        secure.resume();
        accepted.open(duplex);
      },
      HALF_OPEN,
    );
    const socket = dialDuplex(reactor, port, HALF_OPEN);
    const client = tls.connect({ socket: socket as never, servername: "localhost" });
    await expect(once(client, "secureConnect")).rejects.toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    await Promise.all([closed(socket), closed(await accepted.promise)]);
  });

  test("tls: protocols over TLSSockets echo 4 MiB, and both close cleanly", async () => {
    const reactor = make();
    const echo = new Echo();
    const port = serveDuplex(
      reactor,
      (duplex) => {
        const secure = new tls.TLSSocket(duplex as never, { isServer: true, key, cert, allowHalfOpen: true } as never);
        fromDuplex(secure, echo);
      },
      HALF_OPEN,
    );
    const secure = tls.connect({
      socket: dialDuplex(reactor, port, HALF_OPEN) as never,
      servername: "localhost",
      ca: cert,
    });
    const recorder = new FlowRecorder();
    const transport = fromDuplex(secure, recorder);
    for (let at = 0; at < 4 * MIB; at += MIB) transport.write(flow(MIB, at));
    await recorder.arrived.reaches(4 * MIB);
    expect([recorder.check.at, recorder.check.firstWrong]).toEqual([4 * MIB, -1]);
    transport.loseConnection();
    expect(await recorder.lossError()).toBeInstanceOf(ConnectionDone);
  });

  test("https: a request through two layers, with text in both directions", async () => {
    const reactor = make();
    const server = http.createServer(async (request, response) => response.end((await text(request)).toUpperCase()));
    const port = serveDuplex(reactor, (duplex) => {
      server.emit("connection", new tls.TLSSocket(duplex as never, { isServer: true, key, cert }));
    });
    const request = http.request({
      method: "POST",
      host: "localhost",
      headers: { connection: "close" },
      createConnection: () =>
        tls.connect({ socket: dialDuplex(reactor, port) as never, servername: "localhost", ca: cert }),
    });
    request.end("quiet");
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    expect(await text(response)).toBe("QUIET");
    server.close();
  });

  test("a protocol over a TLSSocket that is aborted gets ConnectionLost", async () => {
    const reactor = make();
    const port = serveDuplex(reactor, (duplex) => {
      const secure = new tls.TLSSocket(duplex as never, { isServer: true, key, cert });
      secure.on("error", () => {});
      secure.once("data", () => duplex.resetAndDestroy());
    });
    const recorder = new Recorder();
    const secure = tls.connect({ socket: dialDuplex(reactor, port) as never, servername: "localhost", ca: cert });
    fromDuplex(secure, recorder).write("cut me");
    expect(await recorder.lossError()).toBeInstanceOf(ConnectionLost);
  });
});
