/** The ws library, client and server, over the reactor's connections. */
import { once } from "node:events";
import * as http from "node:http";
import { expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import type { SocketDuplex } from "../../src/entries/streams.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { closed, dialDuplex, serveDuplex } from "../helpers/duplexes.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { freePort } from "../helpers/freeport.ts";
import { forEachRealReactor } from "../helpers/reactors.ts";
import { volume } from "../helpers/volume.ts";

const MIB = 1024 * 1024;
const MESSAGES = volume({ gate: 20, long: 200 });

interface Echoing {
  readonly port: number;
  readonly server: http.Server;
  readonly sockets: SocketDuplex[];
}

function serveEcho(reactor: EngineReactor, perMessageDeflate = true): Echoing {
  const server = http.createServer();
  const sockets: SocketDuplex[] = [];
  new WebSocketServer({ server, perMessageDeflate }).on("connection", (peer) => {
    peer.on("error", () => {});
    peer.on("message", (data, binary) => peer.send(data, { binary }));
  });
  const port = serveDuplex(reactor, (duplex) => {
    sockets.push(duplex);
    server.emit("connection", duplex);
  });
  return { port, server, sockets };
}

function open(reactor: EngineReactor, port: number): WebSocket {
  const createConnection = (() => dialDuplex(reactor, port)) as never;
  return new WebSocket("ws://localhost/", { createConnection });
}

forEachRealReactor((make) => {
  test("compressed text and binary messages of 64 KiB are echoed, and both sides close cleanly", async () => {
    const reactor = make();
    const { port, sockets } = serveEcho(reactor);
    const client = open(reactor, port);
    await once(client, "open");
    client.send("Grüße");
    expect(String((await once(client, "message"))[0])).toBe("Grüße");
    const check = new FlowCheck();
    const all = new Promise<void>((resolve) => {
      client.on("message", (data: Buffer) => {
        check.take(data);
        if (check.at === MESSAGES * 64 * 1024) resolve();
      });
    });
    for (let i = 0; i < MESSAGES; i++) client.send(flow(64 * 1024, i * 64 * 1024));
    await all;
    expect(check.firstWrong).toBe(-1);
    client.close(1000, "done");
    const [code, reason] = (await once(client, "close")) as [number, Buffer];
    expect([code, String(reason)]).toEqual([1000, "done"]);
    await closed(sockets[0]!);
  });

  test("a message of 16 MiB is echoed whole", async () => {
    const reactor = make();
    // It is the connection that is tested: compressing would take most of the time.
    const { port, sockets } = serveEcho(reactor, false);
    const client = open(reactor, port);
    await once(client, "open");
    client.send(flow(16 * MIB));
    const check = new FlowCheck();
    check.take((await once(client, "message"))[0] as Buffer);
    expect([check.at, check.firstWrong]).toEqual([16 * MIB, -1]);
    client.terminate();
    await closed(sockets[0]!);
  });

  test("a reset closes a WebSocket with 1006, and a refused connection is ECONNREFUSED", async () => {
    const reactor = make();
    const { port, sockets } = serveEcho(reactor);
    const client = open(reactor, port);
    await once(client, "open");
    client.on("error", () => {});
    sockets[0]!.resetAndDestroy();
    expect((await once(client, "close"))[0]).toBe(1006);
    await expect(once(open(reactor, await freePort()), "open")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
